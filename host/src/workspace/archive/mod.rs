//! Folders as one file: a snapshot written as tar, and a stranger's tar unpacked without anything leaving the folder.
//!
//! Never: writes a time, an owner or a name of this machine, follows a link, makes a device.
//! Callers: run and cli.
//! Read in order: compression, member, export, unpack, headers, source.

mod compression;
mod export;
mod headers;
mod member;
mod source;

#[cfg(test)]
mod tests;
mod unpack;

pub use compression::Compression;
pub use export::{archive_name, export};
pub use unpack::{UnpackLimits, Unpacked, unpack};
