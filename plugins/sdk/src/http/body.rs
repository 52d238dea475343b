//! The body of an answer, read piece by piece.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::wire;
use crate::{Cause, Failure};

/// Bytes that are asked for at once.
const PIECE: usize = 64 << 10;

/// The body of an answer.
pub struct Body(Source);

enum Source {
    Memory(Vec<u8>),
    Wire(wire::Incoming),
    Over,
}

/// What reading for a while gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Some bytes, at least one.
    Bytes(Vec<u8>),
    /// Nothing came in the time; the rest may come later.
    NotYet,
    /// It is over.
    End,
}

impl Body {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Source::Memory(bytes))
    }

    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "nothing comes in outside of a component"))]
    pub(super) fn from_wire(incoming: wire::Incoming) -> Self {
        Self(Source::Wire(incoming))
    }

    /// The next bytes, at most 64 KiB; waits for them no longer than `longest`, nor beyond the time of the request.
    pub fn read(&mut self, longest: Duration) -> Result<Piece, Failure> {
        let piece = match &mut self.0 {
            Source::Memory(bytes) if bytes.is_empty() => Piece::End,
            Source::Memory(bytes) => Piece::Bytes(std::mem::take(bytes)),
            Source::Wire(incoming) => incoming.read(PIECE, Instant::now().checked_add(longest))?,
            Source::Over => Piece::End,
        };
        Ok(piece)
    }

    /// The trailers of the answer, after its last byte; empty where there are none. Skips what was not read.
    pub fn trailers(mut self) -> Result<Vec<(String, String)>, Failure> {
        match std::mem::replace(&mut self.0, Source::Over) {
            Source::Wire(incoming) => incoming.trailers(),
            Source::Memory(_) | Source::Over => Ok(Vec::new()),
        }
    }

    /// All that is left, at most `most` bytes.
    pub(super) fn read_all(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        loop {
            match self.read(Duration::MAX)? {
                Piece::Bytes(bytes) if all.len() + bytes.len() > most => {
                    return Err(Failure::new(Cause::Quota, format!("the answer is longer than {most} bytes")));
                }
                Piece::Bytes(bytes) => all.extend_from_slice(&bytes),
                Piece::NotYet => return Err(Failure::new(Cause::TimedOut, "the answer did not end in its time")),
                Piece::End => return Ok(all),
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Memory(_) => "Body(in memory)",
            Source::Wire(_) => "Body(still coming)",
            Source::Over => "Body(over)",
        })
    }
}
