//! One plugin, as bytes that were read once.

use std::{
    fs,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    added::Added,
    bundled::{BundledPlugin, HOSTILE},
    error::PluginError,
    inspect::Inspection,
    manifest::PluginManifest,
    pack::{PackError, unpack},
};
use crate::names::Digest;

/// Bytes of a plugin file that are read.
const MOST: u64 = 64 << 20;

/// Where a plugin came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It is part of the host.
    Bundled,
    /// The user named the file.
    File(PathBuf),
    /// The user added it, from this file.
    Added(PathBuf),
}

/// A plugin: its bytes, their digest, and what they say about it.
#[derive(Debug, Clone)]
pub struct PluginFile {
    /// Who it is and what it asks for.
    pub manifest: PluginManifest,
    /// Identity: the digest of the bytes.
    pub digest: Digest,
    /// Where it came from.
    pub source: Source,
    bytes: Bytes,
}

impl PluginFile {
    /// Read and inspect a plugin file. Nothing of it is compiled or run.
    pub fn read(path: &Path) -> Result<Self, PluginError> {
        Self::of_bytes(read(path)?, &path.display().to_string(), Source::File(path.to_owned()))
    }

    /// Read the copy of an added plugin, and refuse bytes that are not those that were added.
    pub(super) fn added(added: &Added) -> Result<Self, PluginError> {
        let bytes = read(&added.file)?;
        let found = Digest::of(&bytes);
        if found != added.digest || bytes.len() as u64 != added.size {
            return Err(PluginError::Tampered { name: added.name.clone(), path: added.file.clone(), expected: added.digest, found });
        }
        let file = Self::of_bytes(bytes, &added.file.display().to_string(), Source::Added(added.source.clone()))?;
        if file.manifest.plugin.name != added.name {
            let message = format!("it calls itself `{}`, and was added as `{}`", file.manifest.plugin.name, added.name);
            return Err(PluginError::Refused { origin: added.file.display().to_string(), message });
        }
        Ok(file)
    }

    /// What these bytes are. They are the ones that are hashed, inspected and compiled: nobody reads the file again.
    fn of_bytes(bytes: Vec<u8>, origin: &str, source: Source) -> Result<Self, PluginError> {
        let origin = origin.to_owned();
        let text = match unpack(&bytes) {
            Ok(Some(text)) => text,
            // An unpacked component is still inspected first: "not a component" is the better message.
            Ok(None) => return Err(Inspection::of(&bytes, &origin).err().unwrap_or(PluginError::Unpacked { origin })),
            Err(cause) => return Err(PluginError::Packing { origin, cause }),
        };
        let manifest = PluginManifest::parse(text, &origin)?;
        Inspection::of(&bytes, &origin)?.check(&origin)?;
        let digest = Digest::of(&bytes);
        Ok(Self { manifest, digest, source, bytes: bytes.into() })
    }

    /// The component that attacks whoever runs it. It comes inside this program for the self-test, and is looked at like any stranger's.
    pub fn hostile() -> Result<Self, PluginError> {
        Self::of_bytes(HOSTILE.to_vec(), "the hostile component of the self-test", Source::File("rogue.wasm".into()))
    }

    pub(super) fn bundled(plugin: &BundledPlugin) -> Result<Self, PluginError> {
        Ok(Self {
            manifest: PluginManifest::parse(plugin.toml, plugin.name)?,
            digest: plugin.digest.into(),
            source: Source::Bundled,
            bytes: Bytes::from_static(plugin.component),
        })
    }

    /// The same bytes, from elsewhere.
    pub(super) fn come_from(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// The component.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it imports and exports.
    pub fn inspection(&self) -> Result<Inspection, PluginError> {
        Inspection::of(&self.bytes, self.manifest.plugin.name.as_str())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PluginError> {
    let failed = |cause| PluginError::Read { path: path.to_owned(), cause };
    // A pipe of this name would else hold the host up until somebody writes into it.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST {
        return Err(failed(std::io::Error::other(format!("it has more than {} MiB", MOST >> 20))));
    }
    Ok(bytes)
}

/// What `worldflux plugin pack` says of a file that cannot be packed.
impl From<PackError> for PluginError {
    fn from(cause: PackError) -> Self {
        Self::Packing { origin: "the component".into(), cause }
    }
}
