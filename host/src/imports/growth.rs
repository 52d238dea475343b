//! How files become longer by a plugin's writing, and where that ends.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use rustix::fs::fstatvfs;
use wasmtime_wasi::{
    filesystem::Descriptor,
    p2::{DynOutputStream, FsError, OutputStream, Pollable, StreamError, StreamResult, bindings::filesystem::types::ErrorCode},
};

use super::usage::{Exceeded, Usage};
use crate::names;

/// Bytes of growth after which the disk is asked again how much it has left.
const LOOK: u64 = 4 << 20;

/// The open file behind a descriptor; `None` for a folder.
pub(super) fn file_of(descriptor: &Descriptor) -> Option<Arc<File>> {
    match descriptor {
        Descriptor::File(file) => Some(file.file.clone()),
        Descriptor::Dir(_) => None,
    }
}

/// How the interface of files says that a limit was met.
pub(super) fn error_code(exceeded: Exceeded) -> ErrorCode {
    match exceeded {
        Exceeded::Written(_) | Exceeded::Made(_) | Exceeded::Depth(_) => ErrorCode::Quota,
        Exceeded::Disk(_) => ErrorCode::InsufficientSpace,
    }
}

/// How long a file is, as far as it is known, and who pays for what is added.
pub(super) struct Growth {
    usage: Arc<Usage>,
    file: Arc<File>,
    length: u64,
    /// Growth since the disk was last asked; `None` where it never was.
    since: Option<u64>,
}

impl Growth {
    /// A file as it is now.
    pub(super) fn of(usage: Arc<Usage>, file: Arc<File>) -> Self {
        // Where the length is unknown every byte counts.
        let length = file.metadata().map_or(0, |found| found.len());
        Self { usage, file, length, since: None }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The right to write up to `end`. What lies before the end of the file costs nothing.
    pub(super) fn up_to(&mut self, end: u64) -> Result<(), Exceeded> {
        let more = end.saturating_sub(self.length);
        if more == 0 {
            return Ok(());
        }
        let since = self.since.map_or(u64::MAX, |since| since.saturating_add(more));
        if since >= LOOK {
            self.look_at_disk(more)?;
        }
        self.usage.write(more)?;
        self.since = Some(if since >= LOOK { 0 } else { since });
        self.length = end;
        Ok(())
    }

    fn look_at_disk(&self, more: u64) -> Result<(), Exceeded> {
        let Ok(disk) = fstatvfs(&self.file) else { return Ok(()) };
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        let floor = self.usage.limits().left_free.0.min(bytes(disk.f_blocks) / 20);
        // A file that is long without holding anything counts as if it did: it may be filled later.
        if bytes(disk.f_bavail).saturating_sub(more) < floor { Err(Exceeded::Disk(names::Bytes(floor))) } else { Ok(()) }
    }
}

/// A stream into a file, which is refused what the run may not write.
pub(super) struct Metered {
    inner: DynOutputStream,
    growth: Growth,
    /// Where the next byte goes.
    at: u64,
}

impl Metered {
    pub(super) fn new(inner: DynOutputStream, growth: Growth, at: u64) -> Self {
        Self { inner, growth, at }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let end = self.at.saturating_add(bytes.len() as u64);
        self.growth.up_to(end).map_err(|exceeded| StreamError::LastOperationFailed(exceeded.into()))?;
        self.at = end;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

/// For `?` in the functions of the interface.
impl From<Exceeded> for FsError {
    fn from(exceeded: Exceeded) -> Self {
        error_code(exceeded).into()
    }
}
