//! The output of a streamed command, while it is written.

use crate::run::{
    cancel::{Cancel, Canceller},
    reader::{ChunkReceiver, OutputChunk},
};

/// The output of a streamed command. Dropped before the end it ends the command: nobody could read what it writes.
#[derive(Debug)]
pub struct OutputReceiver {
    chunks: Option<ChunkReceiver>,
    canceller: Canceller,
    ended: bool,
}

impl OutputReceiver {
    pub(super) const fn new(chunks: ChunkReceiver, canceller: Canceller) -> Self {
        Self { chunks: Some(chunks), canceller, ended: false }
    }

    /// The next piece, in the order in which they came. `None` once there is no more: then the command has ended, or is about to.
    ///
    /// Safe to give up: a piece is given out or not, never lost.
    pub async fn recv(&mut self) -> Option<OutputChunk> {
        let chunk = self.chunks.as_mut()?.recv().await;
        self.ended |= chunk.is_none();
        chunk
    }

    /// Let the command go on with nobody reading what it writes; its log has it.
    pub fn detach(mut self) {
        self.ended = true;
    }
}

impl Drop for OutputReceiver {
    fn drop(&mut self) {
        if !self.ended {
            self.canceller.ask(Cancel::Kill);
        }
        // Whoever waits for a reader learns that there is none.
        drop(self.chunks.take());
    }
}
