//! One output stream: counted, capped, and cut between characters.

use std::io;

use super::buffers::Buffers;
use crate::names::Bytes;

/// Bytes read at once.
pub(super) const READ: usize = 256 << 10;

/// Most bytes of an unfinished UTF-8 character.
const UNFINISHED: usize = 3;

/// Bytes that every buffer given to [`Stream::read`] must have: what was held back goes in front of what is read.
pub(super) const BUFFER: usize = READ + UNFINISHED;

/// What went through a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Bytes written by the command, kept or not.
    pub(super) total: Bytes,
    /// Whether some were dropped.
    pub(super) truncated: bool,
}

/// The state of one stream between two reads.
pub(super) struct Stream {
    held: Vec<u8>,
    room: u64,
    count: Count,
}

impl Stream {
    pub(super) fn new(cap: Bytes) -> Self {
        Self { held: Vec::with_capacity(UNFINISHED), room: cap.0, count: Count::default() }
    }

    pub(super) const fn count(&self) -> Count {
        self.count
    }

    /// Read once with `read`, into a buffer of `buffers`, and give to `take` what is complete. `false` at the end of the stream.
    pub(super) fn read(
        &mut self,
        buffers: &Buffers,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        mut take: impl FnMut(bytes::Bytes),
    ) -> io::Result<bool> {
        let mut buffer = buffers.take();
        let count = match buffer.get_mut(self.held.len()..).map(read) {
            Some(Ok(count)) if count > 0 => count,
            nothing => {
                buffers.give_back(buffer);
                return nothing.unwrap_or(Ok(0)).map(|_| false);
            }
        };
        if let Some(front) = buffer.get_mut(..self.held.len()) {
            front.copy_from_slice(&self.held);
        }
        let mut piece = buffers.share(buffer, self.held.len() + count);
        self.count.total.0 += count as u64;
        let unfinished = piece.split_off(complete(&piece));
        self.held.clear();
        self.held.extend_from_slice(&unfinished);
        self.give(piece, &mut take);
        Ok(true)
    }

    /// The stream is over: what was held back will not become complete.
    pub(super) fn finish(&mut self, mut take: impl FnMut(bytes::Bytes)) {
        let held = std::mem::take(&mut self.held);
        self.give(held.into(), &mut take);
    }

    fn give(&mut self, mut piece: bytes::Bytes, take: &mut impl FnMut(bytes::Bytes)) {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        match piece.get(..room).filter(|start| start.len() < piece.len()).map(complete) {
            Some(fits) => {
                self.count.truncated = true;
                self.room = 0;
                piece.truncate(fits);
            }
            None => self.room -= piece.len() as u64,
        }
        if !piece.is_empty() {
            take(piece);
        }
    }
}

/// Length of the part of `bytes` that does not end inside a UTF-8 character.
fn complete(bytes: &[u8]) -> usize {
    let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    let Some(back) = bytes.iter().rev().take(UNFINISHED).position(is_start) else { return bytes.len() };
    let start = bytes.len() - back - 1;
    match std::str::from_utf8(bytes.get(start..).unwrap_or_default()) {
        Err(error) if error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&[u8]], cap: Bytes) -> (Vec<Vec<u8>>, Count) {
        let mut stream = Stream::new(cap);
        let buffers = Buffers::new(BUFFER);
        let mut taken = Vec::new();
        for piece in pieces {
            let read = |space: &mut [u8]| {
                space[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            };
            assert!(stream.read(&buffers, read, |bytes| taken.push(bytes.to_vec())).unwrap());
        }
        stream.finish(|bytes| taken.push(bytes.to_vec()));
        (taken, stream.count())
    }

    const TEXT: &str = "aé€𝄞 z߿ࠀ\u{ffff}𐀀\u{10ffff}é";

    #[test]
    fn no_split_of_a_text_splits_a_character() {
        let text = TEXT.as_bytes();
        for first in 1..text.len() - 1 {
            for second in first + 1..text.len() {
                let (taken, count) = through(&[&text[..first], &text[first..second], &text[second..]], Bytes::mebi(1));
                assert!(taken.iter().all(|piece| std::str::from_utf8(piece).is_ok()), "{first} {second}");
                assert_eq!(taken.concat(), text);
                assert_eq!(count, Count { total: Bytes(text.len() as u64), truncated: false });
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_as_they_are() {
        for bytes in
            [&b"\xff\xfe"[..], b"\x80\x80\x80\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xf5\x80", b"a\xc3b\xe2"]
        {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            for pieces in [single, vec![bytes]] {
                assert_eq!(through(&pieces, Bytes::mebi(1)).0.concat(), bytes, "{bytes:?}");
            }
        }
    }

    #[test]
    fn only_the_start_of_a_character_is_held_back() {
        for (bytes, length) in
            [(&b"ab"[..], 2), (b"a\xc3", 1), (b"a\xc3\xa9", 3), (b"\xe2\x82", 0), (b"\xff", 1), (b"\x82", 1), (b"\xed\xa0", 2)]
        {
            assert_eq!(complete(bytes), length, "{bytes:?}");
        }
    }

    #[test]
    fn beyond_the_cap_nothing_is_kept_and_everything_is_counted() {
        for cap in 0..TEXT.len() as u64 {
            let pieces: Vec<&[u8]> = TEXT.as_bytes().chunks(1).collect();
            let (taken, count) = through(&pieces, Bytes(cap));
            let kept = taken.concat();
            assert!(kept.len() as u64 <= cap && TEXT.as_bytes().starts_with(&kept) && std::str::from_utf8(&kept).is_ok());
            assert!(kept.len() as u64 + 4 > cap, "{cap}");
            assert_eq!(count, Count { total: Bytes(TEXT.len() as u64), truncated: true });
        }
        assert!(!through(&[b"ab", b"cd"], Bytes(4)).1.truncated);
    }
}
