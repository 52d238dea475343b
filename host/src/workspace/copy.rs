//! Taking files out of a folder, and measuring them.

use std::{
    fs::File,
    io::{self, Read as _},
    os::{fd::AsFd as _, unix::fs::PermissionsExt as _},
};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode, renameat, unlinkat};

use super::{HardLinks, RelativePath, Root, WorkspaceError, contain};
use crate::names::{Bytes, Digest, Digester};

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// What a file held when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedFile {
    /// Its size.
    pub bytes: Bytes,
    /// The digest of exactly those bytes that were read, and written where it was copied.
    pub sha256: Digest,
}

/// Why reading on is not possible.
enum Stop {
    Source(io::Error),
    Target(io::Error),
    TooLarge,
}

impl Root {
    /// Measure a regular file of at most `cap`. Files with a second name are refused, see [`HardLinks::Refuse`].
    pub fn measure(&self, path: &RelativePath, cap: Bytes) -> Result<CopiedFile, WorkspaceError> {
        let mut source = self.open_within(path, cap)?;
        pump(&mut source, &mut io::sink(), cap).map_err(|stop| match stop {
            Stop::Source(cause) | Stop::Target(cause) => self.system("read", path, cause),
            Stop::TooLarge => self.too_large(path, cap),
        })
    }

    /// Copy a regular file of at most `cap` to `target_path` in `target`, whose folders are made as needed.
    ///
    /// What stood there is replaced in one step, and a link there is replaced, not followed; after a failure it stands there unchanged.
    /// The copy keeps whether the file can be executed, and no other permission.
    pub fn copy_out(
        &self,
        path: &RelativePath,
        target: &Self,
        target_path: &RelativePath,
        cap: Bytes,
    ) -> Result<CopiedFile, WorkspaceError> {
        let mut source = self.open_within(path, cap)?;
        let executable = source.metadata().is_ok_and(|status| status.permissions().mode() & 0o100 != 0);
        let mode: RawMode = if executable { 0o777 } else { 0o666 };
        let (parent, name) = target_path.split();
        let below = parent.map(|parent| target.create_dir_all(&parent)).transpose()?;
        let folder = below.as_ref().unwrap_or(target).folder();

        let part = part_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut copy: File = contain::open_name(folder.as_fd(), part.as_ref(), flags, Mode::from_raw_mode(mode))
            .map_err(|errno| target.error("create", target_path, errno))?
            .into();
        let outcome = pump(&mut source, &mut copy, cap).map_err(|stop| match stop {
            Stop::Source(cause) => self.system("read", path, cause),
            Stop::Target(cause) => target.system("write", target_path, cause),
            Stop::TooLarge => self.too_large(path, cap),
        });
        let outcome = outcome.and_then(|copied| {
            renameat(folder, part.as_str(), folder, name).map_err(|errno| target.error("write", target_path, errno))?;
            Ok(copied)
        });
        if outcome.is_err() {
            let _ = unlinkat(folder, part.as_str(), AtFlags::empty());
        }
        outcome
    }

    /// Open a file for reading that is, for now, not larger than `cap`: a huge file costs nothing.
    fn open_within(&self, path: &RelativePath, cap: Bytes) -> Result<File, WorkspaceError> {
        let file = self.open_file(path, HardLinks::Refuse)?;
        let size = file.metadata().map_err(|cause| self.system("look at", path, cause))?.len();
        if size > cap.0 {
            return Err(self.too_large(path, cap));
        }
        Ok(file)
    }
}

/// Move everything from `source` to `target`, at most `cap`, also when the file grows meanwhile.
fn pump(source: &mut File, target: &mut impl io::Write, cap: Bytes) -> Result<CopiedFile, Stop> {
    let mut piece = vec![0; PIECE];
    let mut digester = Digester::default();
    let mut bytes: u64 = 0;
    loop {
        let length = match source.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stop::Source(error)),
        };
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            target.flush().map_err(Stop::Target)?;
            return Ok(CopiedFile { bytes: Bytes(bytes), sha256: digester.finish() });
        }
        bytes = bytes.saturating_add(read.len() as u64);
        if bytes > cap.0 {
            return Err(Stop::TooLarge);
        }
        digester.update(read);
        target.write_all(read).map_err(Stop::Target)?;
    }
}

/// A name that nobody else uses, for the time of the copy. Creation is exclusive, so a name that does exist is an error, never a loss.
fn part_name() -> String {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        random = u64::from(std::process::id()).to_le_bytes();
    }
    format!(".{:016x}.part", u64::from_le_bytes(random))
}
