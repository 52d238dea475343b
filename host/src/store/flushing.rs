//! Brings a long file to disk beside the one who writes it.
//!
//! A flush at the end alone finds a gigabyte that nobody has begun to write, and everybody waits for the disk.

use std::{
    fs::File,
    io,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use crate::names::Bytes;

/// Bytes between two flushes. Few enough for a short wait at the end, many enough that the disk is not asked all the time. A file that is
/// shorter needs no thread.
const EVERY: Bytes = Bytes::mebi(64);

/// What brings one file to disk.
#[derive(Debug, Default)]
pub(super) struct Flushing {
    since: u64,
    worker: Option<Worker>,
}

#[derive(Debug)]
struct Worker {
    ask: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flushing {
    /// So many bytes more were written to `file`, which is always the same.
    pub(super) fn wrote(&mut self, bytes: usize, file: &File) {
        self.since = self.since.saturating_add(bytes as u64);
        if self.since < EVERY.0 {
            return;
        }
        self.since = 0;
        if self.worker.is_none() {
            // Where the system gives no more threads, the flush at the end does it all.
            self.worker = Worker::start(file).ok();
        }
        if let Some(worker) = &self.worker {
            match worker.ask.try_send(()) {
                // It is behind, or it has failed, which `finish` tells.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }

    /// Everything that was written to `file` is on disk. The system tells a failed write only once, so that of an earlier flush is told here.
    pub(super) fn finish(self, file: &File) -> io::Result<()> {
        if let Some(Worker { ask, thread }) = self.worker {
            drop(ask);
            thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that flushes it is gone")))?;
        }
        file.sync_data()
    }
}

impl Worker {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (ask, asked) = sync_channel::<()>(1);
        let flush = move || asked.into_iter().try_for_each(|()| file.sync_data());
        let thread = std::thread::Builder::new().name("log flush".into()).spawn(flush)?;
        Ok(Self { ask, thread })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_flushed_while_it_grows_and_at_its_end() {
        let file = tempfile::tempfile().unwrap();
        let mut flushing = Flushing::default();
        flushing.wrote(EVERY.as_len() - 1, &file);
        assert!(flushing.worker.is_none(), "a short file needs no thread");
        for _ in 0..5 {
            flushing.wrote(EVERY.as_len(), &file);
        }
        assert!(flushing.worker.is_some());
        flushing.finish(&file).unwrap();
    }

    #[test]
    fn a_flush_that_failed_on_the_way_is_told_at_the_end() {
        // A pipe cannot be flushed.
        let (_reader, writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(writer));
        let file = tempfile::tempfile().unwrap();
        let mut flushing = Flushing::default();
        flushing.wrote(EVERY.as_len(), &pipe);
        assert!(flushing.finish(&file).is_err());
    }
}
