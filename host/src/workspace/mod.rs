//! Files of a run, reached only through a folder that is held open.
//!
//! A path that a plugin, an archive or the user's command made up is a [`RelativePath`], and the only way from there to a file is a
//! [`Root`]: the kernel resolves the path beneath the folder and follows no link, so neither `..` nor a link that is swapped in at the
//! last moment leads outside. There is no second containment routine.
//!
//! What a folder holds can be remembered by content ([`Objects`]), compared ([`Diff`]), and handed on as an archive or a patch.
//!
//! Never: decides who may open what (policy does), or joins a stranger's path to a folder as text.
//! Callers: imports, run; config and engine, for guest paths in settings and in answers; cli, for snapshots and changes.
//! Read in order: `relative_path`, `guest_path`, contain, root, copy, replacement, remove; files; contents, inputs, empty, lifecycle, assets,
//! placeholders; select, walk; snapshot, diff, archive; error.

mod archive;
mod assets;
mod contain;
mod contents;
mod copy;
mod diff;
mod empty;
mod error;
mod files;
mod guest_path;
mod inputs;
mod lifecycle;
mod placeholders;
mod relative_path;
mod remove;
mod replacement;
mod root;
mod select;
mod snapshot;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_contents;
#[cfg(test)]
mod tests_of_selection;
mod walk;

pub use archive::{Compression, UnpackLimits, Unpacked, archive_name, export, unpack};
pub use assets::{Asset, AssetSource, AssetUrl, Inside, LARGEST_ASSET, TESTS as ASSETS_FOR_TESTS};
pub use contents::{Body, ContentLimits, Contents};
pub use copy::CopiedFile;
pub use diff::{
    Change, ChangeDocument, ChangeKind, Decoded, Diff, DiffDocument, Encoding, Lines, NodeDocument, PathDocument, Stats, Version,
    decode_text, is_binary,
};
pub use empty::Left;
pub use error::WorkspaceError;
pub use files::{
    Column, ColumnKind, Content, FileError, FileKind, FileLimits, Format, Spot, Table, Wrapping, bytes_of, bytes_value, decode, encode,
    float_of, float_value,
};
pub(crate) use files::{YamlNode, YamlValue, yaml_scalar, yaml_tree};
pub use guest_path::GuestPath;
pub use inputs::{InputFile, Placed};
pub use lifecycle::{Cleanup, Workspace};
pub use placeholders::Placeholders;
pub use relative_path::RelativePath;
use relative_path::{broken_rule, shown};
pub use replacement::Replacement;
use replacement::part_name;
pub use root::{HardLinks, Root};
pub use select::{HIDDEN, IGNORED, Selection, WalkLimits};
pub use snapshot::{Entry, Leftovers, Node, Objects, Pruned, Restored, Snapshot, StoredContent, Taken, Tree, Writer};
pub use walk::{LeftOut, Other};
