//! Buffers for output, used again and again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes from which a piece is handed on in the buffer that it was read into. A shorter one is copied, so that short pieces that wait for a
/// slow reader do not hold a whole buffer each.
const SHARED: usize = 64 << 10;

/// Buffers that are kept for the next read. More are in use only while somebody is behind.
const KEPT: usize = 4;

/// Buffers of one size. The one that came back last is given out first: it is still in the processor's cache.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    size: usize,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer that comes back when nobody reads it any more.
struct Lent {
    buffer: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    pub(super) fn new(size: usize) -> Self {
        Self { size, idle: Arc::default() }
    }

    /// A buffer with anything in it.
    pub(super) fn take(&self) -> Vec<u8> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![0; self.size])
    }

    /// The first `length` bytes of `buffer`, to be read by many. The buffer itself comes back here.
    pub(super) fn share(&self, buffer: Vec<u8>, length: usize) -> Bytes {
        let lent = Lent { buffer, home: self.clone() };
        if length < SHARED {
            return Bytes::copy_from_slice(lent.buffer.get(..length).unwrap_or(&lent.buffer));
        }
        let mut bytes = Bytes::from_owner(lent);
        bytes.truncate(length);
        bytes
    }

    pub(super) fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(buffer);
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 2 * SHARED;

    #[test]
    fn a_buffer_is_used_again_when_its_last_reader_is_done_and_not_before() {
        let buffers = Buffers::new(SIZE);
        let first = buffers.take();
        let place = first.as_ptr();
        let piece = buffers.share(first, SIZE);
        let part = piece.slice(3..5);
        drop(piece);
        let second = buffers.take();
        assert_ne!(second.as_ptr(), place, "somebody still reads it");
        drop(part);
        let third = buffers.take();
        assert_eq!(third.as_ptr(), place);
    }

    #[test]
    fn a_short_piece_holds_no_buffer() {
        let buffers = Buffers::new(SIZE);
        let mut first = buffers.take();
        first[..3].copy_from_slice(b"abc");
        let place = first.as_ptr();
        let piece = buffers.share(first, 3);
        let second = buffers.take();
        assert_eq!(second.as_ptr(), place);
        assert_eq!(&piece[..], b"abc");
    }

    #[test]
    fn no_more_buffers_are_kept_than_are_of_use() {
        let buffers = Buffers::new(SIZE);
        let many: Vec<_> = (0..3 * KEPT).map(|_| buffers.share(buffers.take(), SIZE)).collect();
        drop(many);
        assert_eq!(buffers.idle.lock().unwrap().len(), KEPT);
    }
}
