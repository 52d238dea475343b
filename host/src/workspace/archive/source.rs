//! The bytes of an archive: what it is compressed with is seen, and how much comes out is watched.

use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    rc::Rc,
};

use super::{compression::Compression, unpack::UnpackLimits};
use crate::workspace::WorkspaceError;

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// How many bytes tell what an archive is compressed with.
const BEGINNING: usize = 6;

/// What is inside of an archive, up to its limits.
pub(super) struct Source<'r> {
    unpacked: Box<dyn Read + 'r>,
    packed: Rc<Cell<u64>>,
    bytes: u64,
    limits: UnpackLimits,
    pub(super) compression: Compression,
}

impl<'r> Source<'r> {
    pub(super) fn new(mut archive: impl Read + 'r, limits: UnpackLimits) -> io::Result<Self> {
        let mut beginning = Vec::with_capacity(BEGINNING);
        archive.by_ref().take(BEGINNING as u64).read_to_end(&mut beginning)?;
        let compression = Compression::of(&beginning);
        let packed = Rc::new(Cell::new(0));
        let counted = Counted { archive: io::Cursor::new(beginning).chain(archive), bytes: Rc::clone(&packed) };
        let unpacked = compression.unpacked(BufReader::with_capacity(PIECE, counted))?;
        Ok(Self { unpacked, packed, bytes: 0, limits, compression })
    }
}

impl Read for Source<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let length = self.unpacked.read(space)?;
        self.bytes += length as u64;
        let bomb = |most, what| Err(io::Error::other(WorkspaceError::Bomb { most, what }));
        if self.bytes > self.limits.bytes.0 {
            return bomb(self.limits.bytes.to_string(), "in its files");
        }
        if self.bytes > self.limits.free.0 && self.bytes / self.limits.ratio.max(1) > self.packed.get() {
            return bomb(format!("{} times its own size", self.limits.ratio), "in its files");
        }
        Ok(length)
    }
}

struct Counted<R> {
    archive: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let length = self.archive.read(space)?;
        self.bytes.set(self.bytes.get() + length as u64);
        Ok(length)
    }
}
