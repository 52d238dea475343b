//! What a folder held, kept by content: equal content gives the equal digest, on every machine, and is stored once.
//!
//! A [`Tree`] is a list of paths with what is there, and its own digest names the snapshot. The contents are [`Objects`] in an open folder,
//! each found by its digest, many small ones in one file, checked whenever they are read.
//!
//! Never: holds a variable or a time, follows a link, knows which run a snapshot belongs to.
//! Callers: diff and archive of this room; run and cli.
//! Read in order: tree, `tree_text`, objects, `object_file`, pack, packs, stamp, memory, take, storing, packer, restore, keep.

mod keep;
mod memory;
mod object_file;
mod objects;
mod pack;
mod packer;
mod packs;
mod restore;
mod stamp;
mod storing;
mod take;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_keeping;
#[cfg(test)]
mod tests_of_packs;
#[cfg(test)]
mod tests_of_repacking;
mod tree;
mod tree_text;

pub use keep::Pruned;
pub use object_file::StoredContent;
pub use objects::{Objects, Writer};
pub(super) use restore::pour;
pub use restore::{Leftovers, Restored};
pub(super) use stamp::Stamp;
pub use take::Taken;
pub(super) use take::in_threads;
pub use tree::{Entry, Node, Snapshot, Tree};
