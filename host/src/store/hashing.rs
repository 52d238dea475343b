//! Digests a long stream beside the one who writes it.
//!
//! One core digests 1 GiB in about as long as it takes to copy the same file, so doing both in turn halves the speed of a log. The first
//! mebibyte is digested in place: most logs are short, and a thread costs more than they do.

use std::{
    io,
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

use bytes::{Bytes as Buffer, BytesMut};

use crate::names::{Bytes, Digest, Digester};

/// Bytes that are digested in place before a thread is started.
const IN_PLACE: Bytes = Bytes::mebi(1);

/// Bytes from which a piece is handed over as it is. Shorter ones are put together first: waking a thread for each would cost more than
/// its digest.
const BATCH: Bytes = Bytes::kibi(64);

/// Pieces that wait for the thread. When there are more the writer waits, so that little memory goes round and stays in the processor's
/// cache.
const WAITING: usize = 2;

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
    pieces: SyncSender<Buffer>,
    batch: BytesMut,
    thread: JoinHandle<Digester>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { seen: 0, place: Place::Here(Digester::default()) }
    }

    /// Take the next bytes. They may be digested after this returned.
    pub(super) fn update(&mut self, bytes: &Buffer) {
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
        let (pieces, given) = sync_channel::<Buffer>(WAITING);
        let work = move || {
            for piece in given {
                digester.update(&piece);
            }
            digester
        };
        let thread = std::thread::Builder::new().name("log digest".into()).spawn(work).ok()?;
        Some(Self { pieces, batch: BytesMut::new(), thread })
    }

    /// `None` where the thread is gone.
    fn update(&mut self, bytes: &Buffer) -> Option<()> {
        if bytes.len() >= BATCH.as_len() {
            self.hand_over()?;
            return self.pieces.send(bytes.clone()).ok();
        }
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH.as_len() { self.hand_over() } else { Some(()) }
    }

    fn hand_over(&mut self) -> Option<()> {
        if self.batch.is_empty() {
            return Some(());
        }
        self.pieces.send(self.batch.split().freeze()).ok()
    }

    fn finish(mut self) -> io::Result<Digest> {
        self.hand_over().ok_or_else(lost)?;
        drop(self.pieces);
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
        for length in [0, 1, IN_PLACE.0 - 1, IN_PLACE.0, IN_PLACE.0 + 1, IN_PLACE.0 + BATCH.0 * 80 + 7] {
            for chunk in [999, BATCH.as_len() - 1, BATCH.as_len(), 3 * BATCH.as_len() + 5] {
                let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
                let mut hashing = Hashing::new();
                bytes.chunks(chunk).for_each(|part| hashing.update(&Buffer::copy_from_slice(part)));
                assert_eq!(hashing.finish().unwrap(), Digest::of(&bytes), "{length} bytes in pieces of {chunk}");
            }
        }
    }
}
