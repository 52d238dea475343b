//! Where the output of a command goes: its log, and whoever gets it beside.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::reader::Reader;
use crate::{
    names::{Channel, Failure},
    sandbox::Sink,
    secrets::{ScrubStream, Scrubber},
    store::{LogSummary, LogWriter, StoreError},
};

/// Takes the output of one command: the secrets out of it, then into the log, then to whoever reads it, so that what they get, put together,
/// is the log.
pub(super) struct Output {
    streams: Mutex<[ScrubStream; 2]>,
    log: Mutex<Log>,
    failed: Mutex<Option<StoreError>>,
    /// Bytes of each stream that came here, before anything was taken out of them.
    came: [AtomicU64; 2],
    reader: Reader,
}

/// The log of a command.
enum Log {
    /// Begun when there is something to write.
    Later(PathBuf),
    Begun(LogWriter),
    /// None is wanted, or it broke.
    None,
}

impl Output {
    /// Begin a log at `path`, without what `scrubber` hides.
    pub(super) fn create(path: &Path, scrubber: &Arc<Scrubber>, reader: Reader) -> Result<Arc<Self>, StoreError> {
        Ok(Self::new(Log::Begun(LogWriter::create(path)?), scrubber, reader))
    }

    /// The same, with a log that is begun when there is something to write, or with none.
    pub(super) fn lazy(path: Option<PathBuf>, scrubber: &Arc<Scrubber>, reader: Reader) -> Arc<Self> {
        Self::new(path.map_or(Log::None, Log::Later), scrubber, reader)
    }

    fn new(log: Log, scrubber: &Arc<Scrubber>, reader: Reader) -> Arc<Self> {
        let streams = Mutex::new([ScrubStream::new(scrubber.clone()), ScrubStream::new(scrubber.clone())]);
        Arc::new(Self { streams, log: Mutex::new(log), failed: Mutex::new(None), came: [AtomicU64::new(0), AtomicU64::new(0)], reader })
    }

    /// End the log, with what was held back because it could have been the beginning of a secret. An error while it was written is told
    /// here, once. `end` ends it.
    pub(super) async fn finish(
        &self,
        end: impl FnOnce(LogWriter) -> Result<LogSummary, StoreError>,
    ) -> Result<Option<LogSummary>, StoreError> {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = self.scrubbed(channel, ScrubStream::finish);
            if !rest.is_empty() {
                self.write(&rest);
                self.reader.pass_on(channel, rest).await;
            }
        }
        if let Some(error) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        match std::mem::replace(&mut *self.log(), Log::None) {
            Log::Begun(writer) => end(writer).map(Some),
            Log::Later(_) | Log::None => Ok(None),
        }
    }

    /// Take output that came another way than through a process of this machine.
    pub(super) async fn take_remote(&self, channel: Channel, bytes: Vec<u8>) {
        self.count(channel, bytes.len());
        let bytes = self.scrubbed(channel, |stream| stream.push(Bytes::from(bytes)));
        if !bytes.is_empty() {
            self.write(&bytes);
            self.reader.pass_on(channel, bytes).await;
        }
    }

    /// How much of each stream came here: what is beyond was dropped before.
    pub(super) fn came(&self) -> [u64; 2] {
        self.came.each_ref().map(|came| came.load(Ordering::Relaxed))
    }

    /// What was kept for the result, both streams.
    pub(super) fn take_kept(&self) -> [Bytes; 2] {
        self.reader.take_kept()
    }

    fn count(&self, channel: Channel, bytes: usize) {
        let [stdout, stderr] = &self.came;
        let came = match channel {
            Channel::Stdout => stdout,
            Channel::Stderr => stderr,
        };
        came.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn scrubbed(&self, channel: Channel, scrub: impl FnOnce(&mut ScrubStream) -> Bytes) -> Bytes {
        let [stdout, stderr] = &mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        scrub(match channel {
            Channel::Stdout => stdout,
            Channel::Stderr => stderr,
        })
    }

    fn write(&self, bytes: &Bytes) {
        let mut log = self.log();
        if let Err(error) = log.append(bytes) {
            // A log that cannot be written does not end the command: the manifest tells, and the readers go on.
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            *log = Log::None;
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn append(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        if let Self::Later(path) = self {
            *self = Self::Begun(LogWriter::create(path)?);
        }
        match self {
            Self::Begun(writer) => writer.append(bytes),
            Self::Later(_) | Self::None => Ok(()),
        }
    }
}

impl Sink for Output {
    fn take(&self, channel: Channel, bytes: Bytes) {
        self.count(channel, bytes.len());
        let bytes = self.scrubbed(channel, |stream| stream.push(bytes));
        if !bytes.is_empty() {
            self.write(&bytes);
            self.reader.give(channel, bytes);
        }
    }
}

/// What a failed log means for a run.
pub(super) fn log_failure(error: &StoreError) -> Failure {
    Failure::new(crate::names::Cause::Other, format!("the log could not be written: {error}"))
}
