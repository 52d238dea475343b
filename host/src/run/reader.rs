//! Who gets the output of a command beside its log.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::{
    event::{Event, OutputSource},
    session::SetupOutput,
};
use crate::names::Channel;

/// Bytes of a stream that wait for its reader. When there are more the command waits, as at a full pipe.
const WINDOW: usize = 2 << 20;

/// What a piece counts for at least. Stops a command that writes single bytes from keeping a million pieces waiting.
const LEAST: usize = 4 << 10;

/// Pieces below this are copied: one that is handed on as it came keeps a buffer of 256 KiB, however short it is.
const SHORT: usize = 64 << 10;

/// Who gets the output of one command.
pub(super) enum Reader {
    /// The watcher of a run.
    Watcher {
        /// Whose output it is.
        source: OutputSource,
        /// Where it goes.
        events: mpsc::Sender<Event>,
        /// Where it is kept too.
        setup: Option<Arc<Mutex<SetupOutput>>>,
    },
    /// Whoever reads it piece by piece.
    Stream(ChunkSender),
    /// Nobody yet: it is kept until the end.
    Kept(Mutex<[Vec<u8>; 2]>),
}

/// A piece of what a command wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputChunk {
    /// Its number, from 0, over both streams.
    pub sequence: u64,
    /// Where it was written to.
    pub channel: Channel,
    /// What: at most 256 KiB, and no UTF-8 character is split between two pieces of a stream.
    pub bytes: Bytes,
}

/// Sends the pieces.
#[derive(Debug)]
pub(super) struct ChunkSender {
    pieces: mpsc::UnboundedSender<(OutputChunk, u32)>,
    window: Arc<Semaphore>,
    sequence: AtomicU64,
    runtime: Handle,
}

/// Gets the pieces, in order.
#[derive(Debug)]
pub(super) struct ChunkReceiver {
    pieces: mpsc::UnboundedReceiver<(OutputChunk, u32)>,
    window: Arc<Semaphore>,
}

/// Stops a command from waiting for its reader. What it still writes, which is little once it was ended, is kept for the reader without a
/// limit.
#[derive(Debug, Clone)]
pub(super) struct Haste(Arc<Semaphore>);

/// A stream of pieces. Needs a tokio runtime.
pub(super) fn stream() -> (ChunkSender, ChunkReceiver, Haste) {
    let window = Arc::new(Semaphore::new(WINDOW));
    let (sender, receiver) = mpsc::unbounded_channel();
    let haste = Haste(window.clone());
    let sender = ChunkSender { pieces: sender, window: window.clone(), sequence: AtomicU64::new(0), runtime: Handle::current() };
    (sender, ChunkReceiver { pieces: receiver, window }, haste)
}

impl Haste {
    /// Wait for the reader no more.
    pub(super) fn make(&self) {
        self.0.close();
    }
}

impl Reader {
    pub(super) fn kept() -> Self {
        Self::Kept(Mutex::default())
    }

    /// Hand a piece on, from a thread that may wait.
    pub(super) fn give(&self, channel: Channel, bytes: Bytes) {
        match self {
            Self::Watcher { source, events, setup } => {
                hear(setup.as_deref(), channel, &bytes);
                if !events.is_closed() {
                    let _ = events.blocking_send(Event::Output { source: *source, channel, bytes });
                }
            }
            Self::Stream(sender) => {
                let cost = cost(&bytes);
                if !sender.has_room(cost) && !sender.pieces.is_closed() {
                    sender.runtime.block_on(sender.wait_for_room(cost));
                }
                sender.push(channel, bytes, cost);
            }
            Self::Kept(kept) => keep(kept, channel, &bytes),
        }
    }

    /// The same, from a task.
    pub(super) async fn pass_on(&self, channel: Channel, bytes: Bytes) {
        match self {
            Self::Watcher { source, events, setup } => {
                hear(setup.as_deref(), channel, &bytes);
                // Where nobody watches any more, the log has it.
                let _ = events.send(Event::Output { source: *source, channel, bytes }).await;
            }
            Self::Stream(sender) => {
                let cost = cost(&bytes);
                sender.wait_for_room(cost).await;
                sender.push(channel, bytes, cost);
            }
            Self::Kept(kept) => keep(kept, channel, &bytes),
        }
    }

    /// What was kept, both streams; nothing where it went elsewhere.
    pub(super) fn take_kept(&self) -> [Bytes; 2] {
        match self {
            Self::Kept(kept) => std::mem::take(&mut *lock(kept)).map(Bytes::from),
            Self::Watcher { .. } | Self::Stream(_) => [Bytes::new(), Bytes::new()],
        }
    }
}

impl ChunkSender {
    /// Take room for a piece, where there is some now.
    fn has_room(&self, cost: u32) -> bool {
        self.window.try_acquire_many(cost).is_ok_and(|room| {
            room.forget();
            true
        })
    }

    /// The same, when there is some. Answers at once where nobody reads any more, or nobody has time.
    async fn wait_for_room(&self, cost: u32) {
        if let Ok(room) = self.window.acquire_many(cost).await {
            room.forget();
        }
    }

    fn push(&self, channel: Channel, bytes: Bytes, cost: u32) {
        let bytes = if bytes.len() < SHORT { Bytes::copy_from_slice(&bytes) } else { bytes };
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        // Nobody reads any more: the log has it.
        let _ = self.pieces.send((OutputChunk { sequence, channel, bytes }, cost));
    }
}

impl ChunkReceiver {
    /// The next piece; `None` at the end.
    pub(super) async fn recv(&mut self) -> Option<OutputChunk> {
        let (piece, cost) = self.pieces.recv().await?;
        self.window.add_permits(cost as usize);
        Some(piece)
    }
}

impl Drop for ChunkReceiver {
    fn drop(&mut self) {
        self.pieces.close();
        // Whoever waits for room learns that nobody reads.
        self.window.close();
    }
}

fn cost(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.len().clamp(LEAST, WINDOW)).unwrap_or(u32::MAX)
}

fn hear(setup: Option<&Mutex<SetupOutput>>, channel: Channel, bytes: &[u8]) {
    if let Some(setup) = setup {
        setup.lock().unwrap_or_else(PoisonError::into_inner).keep(channel, bytes);
    }
}

fn keep(kept: &Mutex<[Vec<u8>; 2]>, channel: Channel, bytes: &Bytes) {
    let [stdout, stderr] = &mut *lock(kept);
    match channel {
        Channel::Stdout => stdout.extend_from_slice(bytes),
        Channel::Stderr => stderr.extend_from_slice(bytes),
    }
}

fn lock(kept: &Mutex<[Vec<u8>; 2]>) -> MutexGuard<'_, [Vec<u8>; 2]> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: &[u8] = &[b'x'; 256 << 10];

    /// X09
    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_does_not_read_holds_up_the_writer_and_nothing_is_lost() {
        let (sender, mut receiver, _haste) = stream();
        let (told, mut written) = mpsc::unbounded_channel();
        let reader = Reader::Stream(sender);
        let writer = std::thread::spawn(move || {
            for number in 0..20 {
                reader.give(Channel::Stdout, Bytes::from_static(PIECE));
                told.send(number).unwrap();
            }
        });
        for _ in 0..WINDOW / PIECE.len() {
            written.recv().await.unwrap();
        }
        // The window is full, so the next one is not taken before somebody reads.
        assert!(written.try_recv().is_err());
        let mut sequence = 0;
        while let Some(piece) = receiver.recv().await {
            assert_eq!((piece.sequence, piece.bytes.len()), (sequence, PIECE.len()));
            sequence += 1;
        }
        assert_eq!(sequence, 20);
        writer.join().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_writer_in_haste_and_one_without_a_reader_wait_for_nobody() {
        let (sender, mut receiver, haste) = stream();
        haste.make();
        let reader = Reader::Stream(sender);
        let writer = std::thread::spawn(move || (0..20).for_each(|_| reader.give(Channel::Stderr, Bytes::from_static(PIECE))));
        writer.join().unwrap();
        let mut pieces = 0;
        while receiver.recv().await.is_some() {
            pieces += 1;
        }
        assert_eq!(pieces, 20);

        let (sender, receiver, _haste) = stream();
        let reader = Reader::Stream(sender);
        let writer = std::thread::spawn(move || (0..20).for_each(|_| reader.give(Channel::Stdout, Bytes::from_static(PIECE))));
        drop(receiver);
        writer.join().unwrap();
    }
}
