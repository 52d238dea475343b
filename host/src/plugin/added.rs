//! A plugin that the user added: a copy of its bytes, pinned by their digest.

use std::path::PathBuf;

use crate::names::{Digest, RuntimeName};

/// An added plugin, as it was pinned. Nothing of it is read before it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The runtime.
    pub name: RuntimeName,
    /// Digest of the bytes that were added.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// Version in its `plugin.toml`.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// The file that it came from.
    pub source: PathBuf,
    /// Where the copy is.
    pub file: PathBuf,
}
