//! Files of a run, reached only through a folder that is held open.
//!
//! A path that a plugin, an archive or the user's command made up is a [`RelativePath`], and the only way from there to a file is a
//! [`Root`]: the kernel resolves the path beneath the folder and follows no link, so neither `..` nor a link that is swapped in at the
//! last moment leads outside. There is no second containment routine.
//!
//! Never: decides who may open what (policy does), or joins a stranger's path to a folder as text.
//! Callers: imports, run; config and engine, for guest paths in settings and in answers.
//! Read in order: `relative_path`, `guest_path`, contain, root, copy, replacement; files; contents, inputs, empty, lifecycle, assets,
//! placeholders; error.

mod assets;
mod contain;
mod contents;
mod copy;
mod empty;
mod error;
mod files;
mod guest_path;
mod inputs;
mod lifecycle;
mod placeholders;
mod relative_path;
mod replacement;
mod root;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_contents;

pub use assets::{Asset, AssetSource, AssetUrl, Inside, LARGEST_ASSET, TESTS as ASSETS_FOR_TESTS};
pub use contents::{Body, ContentLimits, Contents};
pub use copy::CopiedFile;
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
pub use replacement::Replacement;
pub use root::{HardLinks, Root};
