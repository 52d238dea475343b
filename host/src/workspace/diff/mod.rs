//! What changed between two folders or snapshots: a list of changes, counts, and a patch that `git apply` and `patch -p1` take.
//!
//! Never: changes a file, keeps more than the two files in memory that it compares.
//! Callers: run and cli.
//! Read in order: version, change, compare, rename, text, lines; then patch, quote, `git_binary`, delta; then document.

mod change;
mod compare;
mod delta;
mod document;
mod git_binary;
mod lines;
mod patch;
mod quote;
mod rename;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_patches;
mod text;
mod version;

pub use change::{Change, ChangeKind, Lines, Stats};
pub use compare::Diff;
pub use document::{ChangeDocument, DiffDocument, NodeDocument, PathDocument};
pub use text::{Decoded, Encoding, decode_text, is_binary};
pub use version::Version;
