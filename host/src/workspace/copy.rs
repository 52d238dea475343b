//! Taking files out of a folder, and measuring them.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
};

use rustix::fs::RawMode;

use super::{HardLinks, RelativePath, Root, WorkspaceError};
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
        let (replacement, mut copy) = target.replace(target_path, mode)?;
        let copied = pump(&mut source, &mut copy, cap).map_err(|stop| match stop {
            Stop::Source(cause) => self.system("read", path, cause),
            Stop::Target(cause) => target.system("write", target_path, cause),
            Stop::TooLarge => self.too_large(path, cap),
        })?;
        replacement.commit()?;
        Ok(copied)
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
