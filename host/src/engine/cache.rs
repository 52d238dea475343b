//! Compiled components, kept on disk.
//!
//! A compiled component is native code: whoever can write it runs as the user. So every file is authenticated with a key that only
//! the user can read, in a directory that only the user can enter, and on any doubt it is compiled again.
#![allow(unsafe_code, reason = "loading compiled code is unsafe by nature; the code is authenticated first")]

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use blake3::Hasher;
use wasmtime::{Engine, component::Component};

use super::load::{LoadError, one_line};
use crate::names::{Digest, Digester};

/// Bytes of a component. Stops a component that takes minutes and gigabytes to compile; a larger one is refused before anything is done
/// with it.
pub(super) const COMPONENT: usize = 32 << 20;

/// Bytes of the authentication code at the end of a file.
const CODE: usize = 32;

/// Bytes that are read and authenticated at once.
const PIECE: usize = 64 << 10;

/// Where compiled components are kept, and the key that authenticates them.
pub struct CompiledCache {
    place: Option<(PathBuf, [u8; 32])>,
}

impl CompiledCache {
    /// Keep compiled components in `folder`, which exists and belongs to the user alone.
    #[must_use]
    pub const fn new(folder: PathBuf, key: [u8; 32]) -> Self {
        Self { place: Some((folder, key)) }
    }

    /// Keep nothing: compile every time.
    #[must_use]
    pub const fn none() -> Self {
        Self { place: None }
    }

    /// The component, from what was kept, or else from the machine code that `compile` makes of its bytes.
    pub(super) fn get_or_compile(
        &self,
        engine: &Engine,
        component: &[u8],
        digest: Digest,
        compile: impl FnOnce(&[u8]) -> Result<Vec<u8>, LoadError>,
    ) -> Result<Component, LoadError> {
        if component.len() > COMPONENT {
            return Err(LoadError::TooLarge { bytes: component.len(), most: COMPONENT });
        }
        let Some((folder, key)) = &self.place else { return revive(engine, &compile(component)?) };
        let name = file_name(engine, digest);
        if let Some(component) = load(engine, &folder.join(&name), key, &name) {
            return Ok(component);
        }
        let code = compile(component)?;
        // A cache that cannot be written only costs the time to compile again.
        let kept = keep(folder, &name, &code, key);
        if kept.is_ok() {
            // The copy in memory goes before the file is mapped.
            drop(code);
            return load(engine, &folder.join(&name), key, &name)
                .ok_or_else(|| LoadError::Compiler("what was kept of it was changed at once by somebody else".into()));
        }
        revive(engine, &code)
    }
}

/// The component that was compiled just now.
fn revive(engine: &Engine, code: &[u8]) -> Result<Component, LoadError> {
    // SAFETY: the code comes from this process, or over a pipe from the compiler that it started and that is this very program; what that is
    // worth stands at the door of the compiler.
    unsafe { Component::deserialize(engine, code) }.map_err(|error| LoadError::Compiler(one_line(&error)))
}

/// Names everything that the code depends on: the component, and version, settings and processor of the engine.
fn file_name(engine: &Engine, digest: Digest) -> String {
    struct Feed(Digester);
    impl std::hash::Hasher for Feed {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut feed = Feed(Digester::default());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut feed);
    feed.0.update(env!("CARGO_PKG_VERSION").as_bytes());
    format!("{}-{}.cwasm", digest.hex(), feed.0.finish().short())
}

/// The component in the file, if the file is beyond doubt.
fn load(engine: &Engine, path: &Path, key: &[u8; 32], name: &str) -> Option<Component> {
    let mut file = OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path).ok()?;
    let status = file.metadata().ok()?;
    let own = rustix::process::geteuid().as_raw();
    if !status.is_file() || status.uid() != own || status.mode() & 0o077 != 0 || status.nlink() != 1 {
        return None;
    }
    let mut left = status.len().checked_sub(CODE as u64)?;
    let mut authentication = authentication(key, name);
    // In pieces, and mapped afterwards: a copy of the whole file takes longer to make than to digest.
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let count = file.read(piece.get_mut(..room)?).ok().filter(|count| *count > 0)?;
        authentication.update(piece.get(..count)?);
        left -= count as u64;
    }
    let mut tag = [0; CODE];
    file.read_exact(&mut tag).ok()?;
    // Compared in constant time.
    if authentication.finalize() != tag {
        return None;
    }
    // The path leads to the very file that was read, whatever stands under its name by now.
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the code was written by `keep`, for this engine (its configuration is in the name), and has not changed since: the file belongs
    // to the user alone, and is replaced by renaming only, never written in place.
    unsafe { Component::deserialize_file(engine, opened) }.ok()
}

fn keep(folder: &Path, name: &str, code: &[u8], key: &[u8; 32]) -> std::io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let draft = folder.join(format!("{name}.{:016x}", u64::from_le_bytes(random)));
    let mut authentication = authentication(key, name);
    authentication.update(code);
    let written = write_new(&draft, code, authentication.finalize().as_bytes());
    let moved = written.and_then(|()| fs::rename(&draft, folder.join(name)));
    if moved.is_err() {
        let _ = fs::remove_file(&draft);
    }
    moved
}

fn write_new(path: &Path, code: &[u8], tag: &[u8]) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(code)?;
    file.write_all(tag)
}

/// Keyed BLAKE3 (the paper, 2.3 and 5.1.2), a third of the time of HMAC-SHA256: this is a part of every command that calls a plugin.
fn authentication(key: &[u8; 32], name: &str) -> Hasher {
    let mut authentication = Hasher::new_keyed(key);
    authentication.update(name.as_bytes());
    authentication.update(&[0]);
    authentication
}
