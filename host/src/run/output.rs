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
    store::{LogSummary, LogWriter, StoreError},
};

/// Takes the output of one command: first into the log, then to whoever watches, so that the events, put together, are the log.
pub(super) struct Output {
    source: OutputSource,
    log: Mutex<Option<LogWriter>>,
    failed: Mutex<Option<StoreError>>,
    events: mpsc::Sender<Event>,
}

impl Output {
    /// Begin a log at `path`.
    pub(super) fn create(path: &Path, source: OutputSource, events: mpsc::Sender<Event>) -> Result<Arc<Self>, StoreError> {
        let log = LogWriter::create(path)?;
        Ok(Arc::new(Self { source, log: Mutex::new(Some(log)), failed: Mutex::new(None), events }))
    }

    /// End the log. An error while it was written is told here, once.
    pub(super) fn finish(&self) -> Result<Option<LogSummary>, StoreError> {
        if let Some(error) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        log.map(LogWriter::finish).transpose()
    }

    /// Take output that came another way than through a process of this machine.
    pub(super) async fn take_remote(&self, channel: Channel, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        self.write(&bytes);
        let event = Event::Output { source: self.source, channel, bytes };
        // Nobody watches any more: the log has it.
        let _ = self.events.send(event).await;
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
