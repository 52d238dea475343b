//! Digests a long stream beside the one who writes it.
//!
//! One core digests 1 GiB in about as long as it takes to copy the same file, so doing both in turn halves the speed of a log. The first
//! mebibyte is digested in place: most logs are short, and a thread costs more than they do.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel},
    thread::JoinHandle,
};

use crate::names::{Bytes, Digest, Digester};

/// Bytes that are digested in place before a thread is started.
const IN_PLACE: Bytes = Bytes::mebi(1);

/// Bytes that are handed over at once.
const BATCH: Bytes = Bytes::kibi(256);

/// Batches that wait for the thread. When all are full the writer waits, so memory stays at 2 MiB however fast it writes.
const WAITING: usize = 8;

/// A digest that grows.
#[derive(Debug)]
pub(super) struct Hashing {
    seen: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Here(Digester),
    Thread(Worker),
    /// The thread is gone; `finish` says so.
    Lost,
}

#[derive(Debug)]
struct Worker {
    filled: SyncSender<Vec<u8>>,
    emptied: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    thread: JoinHandle<Digester>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { seen: 0, place: Place::Here(Digester::default()) }
    }

    /// Take the next bytes. They are copied, so the caller may use its buffer again.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        match &mut self.place {
            Place::Here(digester) => {
                digester.update(bytes);
                if self.seen > IN_PLACE.0
                    && let Some(worker) = Worker::start(digester.clone())
                {
                    self.place = Place::Thread(worker);
                }
            }
            Place::Thread(worker) => {
                if worker.update(bytes).is_none() {
                    self.place = Place::Lost;
                }
            }
            Place::Lost => {}
        }
    }

    /// The digest of all bytes.
    pub(super) fn finish(self) -> io::Result<Digest> {
        match self.place {
            Place::Here(digester) => Ok(digester.finish()),
            Place::Thread(worker) => worker.finish(),
            Place::Lost => Err(lost()),
        }
    }
}

impl Worker {
    /// `None` where the system gives no more threads; the digest then goes on in place.
    fn start(mut digester: Digester) -> Option<Self> {
        let (filled, batches) = sync_channel::<Vec<u8>>(WAITING - 2);
        let (give_back, emptied) = channel();
        let work = move || {
            for mut batch in batches {
                digester.update(&batch);
                batch.clear();
                // The writer may be gone already; then the buffer is of no use to anybody.
                let _ = give_back.send(batch);
            }
            digester
        };
        let thread = std::thread::Builder::new().name("log digest".into()).spawn(work).ok()?;
        Some(Self { filled, emptied, batch: Vec::with_capacity(BATCH.as_len()), thread })
    }

    fn update(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let room = BATCH.as_len().saturating_sub(self.batch.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.batch.extend_from_slice(now);
            bytes = later;
            if self.batch.len() >= BATCH.as_len() {
                let empty = match self.emptied.try_recv() {
                    Ok(buffer) => buffer,
                    Err(TryRecvError::Empty) => Vec::with_capacity(BATCH.as_len()),
                    Err(TryRecvError::Disconnected) => return None,
                };
                self.filled.send(std::mem::replace(&mut self.batch, empty)).ok()?;
            }
        }
        Some(())
    }

    fn finish(self) -> io::Result<Digest> {
        self.filled.send(self.batch).map_err(|_| lost())?;
        drop(self.filled);
        self.thread.join().map(Digester::finish).map_err(|_| lost())
    }
}

fn lost() -> io::Error {
    io::Error::other("the thread that digests it is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_same_in_place_and_beside() {
        for length in [0, 1, IN_PLACE.0 - 1, IN_PLACE.0, IN_PLACE.0 + 1, IN_PLACE.0 + BATCH.0 * 20 + 7] {
            for chunk in [999, BATCH.as_len() - 1, 3 * BATCH.as_len() + 5] {
                let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
                let mut hashing = Hashing::new();
                bytes.chunks(chunk).for_each(|part| hashing.update(part));
                assert_eq!(hashing.finish().unwrap(), Digest::of(&bytes), "{length} bytes in pieces of {chunk}");
            }
        }
    }
}
