//! Lines of the client, none of them longer than what is taken.

use std::{
    io::{ErrorKind, Read},
    mem,
};

use memchr::memchr;
use tokio::sync::mpsc;

use super::limits::LONGEST_LINE;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Lines that were read and are not yet looked at.
const AHEAD: usize = 2;

/// A line of the client, without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// It was longer than what is taken, and nothing of it was kept.
    TooLong {
        /// How long it was.
        bytes: u64,
    },
}

/// Read lines until the input ends or cannot be read any more. What stands after the last line feed is a line, too.
///
/// In a thread of its own, which is left behind when the program ends: an input that never ends cannot be asked to.
pub(super) fn lines(mut input: impl Read + Send + 'static) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut splitter = Splitter::default();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let mut rest = piece.get(..read).unwrap_or_default();
            while let Some((line, after)) = splitter.next(rest) {
                rest = after;
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        }
        if splitter.bytes > 0 {
            let _ = sender.blocking_send(splitter.finish());
        }
    });
    receiver
}

/// What there is of a line so far.
#[derive(Default)]
struct Splitter {
    line: Vec<u8>,
    bytes: u64,
}

impl Splitter {
    /// The line that ends in `bytes`, and what comes after it; `None` where none ends, and all of it was taken.
    fn next<'b>(&mut self, bytes: &'b [u8]) -> Option<(Line, &'b [u8])> {
        let Some((piece, after)) = memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) else {
            self.take(bytes);
            return None;
        };
        self.take(piece);
        Some((self.finish(), after.get(1..).unwrap_or_default()))
    }

    fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if self.bytes > LONGEST_LINE.0 {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn finish(&mut self) -> Line {
        let (line, bytes) = (mem::take(&mut self.line), mem::take(&mut self.bytes));
        if bytes > LONGEST_LINE.0 { Line::TooLong { bytes } } else { Line::Whole(line) }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Gives its bytes in pieces of this length.
    struct Slowly(Vec<u8>, usize);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece: Vec<u8> = self.0.drain(..self.1.min(self.0.len()).min(buffer.len())).collect();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn read(input: impl Read + Send + 'static) -> Vec<Line> {
        let mut lines = lines(input);
        std::iter::from_fn(|| lines.blocking_recv()).collect()
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let whole = |text: &str| Line::Whole(text.into());
        for pieces in 1..20 {
            let lines = read(Slowly(b"one\n\ntwo three\nfour".to_vec(), pieces));
            assert_eq!(lines, [whole("one"), whole(""), whole("two three"), whole("four")]);
        }
        assert_eq!(read(Slowly(b"one\n".to_vec(), 9)), [whole("one")]);
        assert!(read(io::empty()).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_not_kept_and_the_next_is_whole() {
        let most = LONGEST_LINE.0;
        let input = io::repeat(b'x').take(most + 1).chain(&b"\nnext\n"[..]).chain(io::repeat(b'y').take(most)).chain(&b"\n"[..]);
        let lines = read(input);
        assert_eq!(lines[..2], [Line::TooLong { bytes: most + 1 }, Line::Whole(b"next".to_vec())]);
        assert!(matches!(&lines[2], Line::Whole(line) if line.len() as u64 == most));
        let mut splitter = Splitter::default();
        for _ in 0..1_000 {
            assert!(splitter.next(&vec![b'x'; PIECE]).is_none());
        }
        assert!(splitter.line.capacity() as u64 <= 2 * most, "a line without an end takes no more memory than one that is taken");
    }
}
