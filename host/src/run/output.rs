//! Where the output of a command goes: its log, and the events.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::event::{Event, OutputSource};
use crate::{
    names::{Channel, Failure},
    sandbox::Sink,
    secrets::{ScrubStream, Scrubber},
    store::{LogSummary, LogWriter, StoreError},
};

/// Takes the output of one command: the secrets out of it, then into the log, then to whoever watches, so that the events, put together,
/// are the log.
pub(super) struct Output {
    source: OutputSource,
    streams: Mutex<[ScrubStream; 2]>,
    log: Mutex<Option<LogWriter>>,
    failed: Mutex<Option<StoreError>>,
    events: mpsc::Sender<Event>,
}

impl Output {
    /// Begin a log at `path`, without what `scrubber` hides.
    pub(super) fn create(
        path: &Path,
        source: OutputSource,
        scrubber: &Arc<Scrubber>,
        events: mpsc::Sender<Event>,
    ) -> Result<Arc<Self>, StoreError> {
        let log = LogWriter::create(path)?;
        let streams = Mutex::new([ScrubStream::new(scrubber.clone()), ScrubStream::new(scrubber.clone())]);
        Ok(Arc::new(Self { source, streams, log: Mutex::new(Some(log)), failed: Mutex::new(None), events }))
    }

    /// End the log, with what was held back because it could have been the beginning of a secret. An error while it was written is told
    /// here, once.
    pub(super) async fn finish(&self) -> Result<Option<LogSummary>, StoreError> {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = self.scrubbed(channel, ScrubStream::finish);
            self.pass_on(channel, rest).await;
        }
        if let Some(error) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        log.map(LogWriter::finish).transpose()
    }

    /// Take output that came another way than through a process of this machine.
    pub(super) async fn take_remote(&self, channel: Channel, bytes: Vec<u8>) {
        let bytes = self.scrubbed(channel, |stream| stream.push(Bytes::from(bytes)));
        self.pass_on(channel, bytes).await;
    }

    async fn pass_on(&self, channel: Channel, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.write(&bytes);
        let event = Event::Output { source: self.source, channel, bytes };
        // Nobody watches any more: the log has it.
        let _ = self.events.send(event).await;
    }

    fn scrubbed(&self, channel: Channel, scrub: impl FnOnce(&mut ScrubStream) -> Bytes) -> Bytes {
        let [stdout, stderr] = &mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        scrub(match channel {
            Channel::Stdout => stdout,
            Channel::Stderr => stderr,
        })
    }

    fn write(&self, bytes: &Bytes) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = log.as_mut() else { return };
        if let Err(error) = writer.append(bytes) {
            // A log that cannot be written does not end the command: the manifest tells, and the events go on.
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            *log = None;
        }
    }
}

impl Sink for Output {
    fn take(&self, channel: Channel, bytes: Bytes) {
        let bytes = self.scrubbed(channel, |stream| stream.push(bytes));
        if bytes.is_empty() {
            return;
        }
        self.write(&bytes);
        if self.events.is_closed() {
            return;
        }
        let event = Event::Output { source: self.source, channel, bytes };
        let _ = self.events.blocking_send(event);
    }
}

/// What a failed log means for a run.
pub(super) fn log_failure(error: &StoreError) -> Failure {
    Failure::new(crate::names::Cause::Other, format!("the log could not be written: {error}"))
}
