//! The log of one execution: every byte in order, counted and digested on the way.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes as Buffer;

use super::{error::StoreError, flushing::Flushing, hashing::Hashing};
use crate::names::{Bytes, Digest};

/// Writes a log. What was appended is in the file when `append` returns, so that others can follow it.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
    bytes: u64,
    hashing: Hashing,
    flushing: Flushing,
}

/// A log that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    /// Where it is.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: Bytes,
    /// What is in it.
    pub sha256: Digest,
}

impl LogWriter {
    /// Begin a log in a new file, mode 0600. The folder must exist.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(|error| StoreError::io("made", path, error))?;
        Ok(Self { path: path.to_owned(), file, bytes: 0, hashing: Hashing::new(), flushing: Flushing::default() })
    }

    /// Append the next bytes. After an error the log holds what the summary counts, and nothing else may be appended.
    pub fn append(&mut self, bytes: &Buffer) -> Result<(), StoreError> {
        let mut left = bytes.clone();
        while !left.is_empty() {
            let written = match self.file.write(&left) {
                Ok(0) => return Err(StoreError::Full { path: self.path.clone() }),
                Ok(written) => written,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoreError::io("written", &self.path, error)),
            };
            self.hashing.update(&left.split_to(written.min(left.len())));
            self.flushing.wrote(written, &self.file);
            self.bytes += written as u64;
        }
        Ok(())
    }

    /// Bytes so far.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log is complete. On disk when this returns.
    pub fn finish(self) -> Result<LogSummary, StoreError> {
        let Self { path, file, bytes, hashing, flushing } = self;
        flushing.finish(&file).map_err(|error| StoreError::io("flushed", &path, error))?;
        Self { path, file, bytes, hashing, flushing: Flushing::default() }.end()
    }

    /// The log is complete, and in the hands of the system: it survives the death of this process, not always a power cut.
    pub fn end(self) -> Result<LogSummary, StoreError> {
        let sha256 = self.hashing.finish().map_err(|error| StoreError::io("digested", &self.path, error))?;
        Ok(LogSummary { path: self.path, bytes: Bytes(self.bytes), sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_holds_exactly_what_was_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut log = LogWriter::create(&path).unwrap();
        let mut all = Vec::new();
        for size in [0, 1, 3, 70_000, 2_000_000, 5] {
            let chunk = vec![u8::try_from(size % 251).unwrap(); size];
            log.append(&chunk.clone().into()).unwrap();
            all.extend_from_slice(&chunk);
            assert_eq!(std::fs::metadata(&path).unwrap().len(), all.len() as u64, "a follower sees it at once");
        }
        let summary = log.finish().unwrap();
        assert_eq!((summary.bytes, summary.sha256), (Bytes(all.len() as u64), Digest::of(&all)));
        assert_eq!(std::fs::read(&path).unwrap(), all);
        assert!(LogWriter::create(&path).is_err(), "a log is never written over");
    }

    #[test]
    fn a_full_disk_is_named() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = LogWriter { path: "/dev/full".into(), file, bytes: 0, hashing: Hashing::new(), flushing: Flushing::default() };
        let error = log.append(&Buffer::from_static(b"x")).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(log.bytes(), Bytes(0));
    }
}
