//! Takes secrets out of what comes in pieces.

use std::sync::Arc;

use bytes::Bytes;

use super::scrub::{Scrubber, cover};

/// Hides secrets in a stream, however it is cut: the pieces that come out, put together, are what [`Scrubber::slice`] makes of the whole.
///
/// What could be the beginning of a secret is held back until the next piece shows what it is, or the stream ends. That is never more than
/// the longest secret, and nothing where a piece ends with nothing of the kind.
#[derive(Debug)]
pub struct ScrubStream {
    scrubber: Arc<Scrubber>,
    /// What is held back, as it came: only of this can it be told how it goes on.
    came: Vec<u8>,
    /// The same, with what is known to be secret hidden.
    shown: Vec<u8>,
    /// For each text that is looked for, how much of its beginning the stream ends with.
    begun: Vec<usize>,
}

impl ScrubStream {
    /// A stream that begins.
    #[must_use]
    pub fn new(scrubber: Arc<Scrubber>) -> Self {
        let begun = vec![0; scrubber.needles().len()];
        Self { scrubber, came: vec![], shown: vec![], begun }
    }

    /// The next piece: what can be shown by now, which may be nothing.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        if self.scrubber.is_empty() {
            return piece;
        }
        let mut held = 0;
        for (needle, begun) in self.scrubber.needles().iter().zip(&mut self.begun) {
            *begun = needle.begun(*begun, &piece);
            held = held.max(*begun);
        }
        if self.came.is_empty() {
            let found = self.scrubber.find(&piece);
            let mut shown = piece.clone();
            if !found.is_empty() {
                let mut copy = piece.to_vec();
                cover(&mut copy, &found);
                shown = copy.into();
            }
            let split = piece.len() - held;
            self.came = piece.slice(split..).to_vec();
            self.shown = shown.split_off(split).to_vec();
            return shown;
        }
        self.came.extend_from_slice(&piece);
        self.shown.extend_from_slice(&piece);
        let found = self.scrubber.find(&self.came);
        cover(&mut self.shown, &found);
        let split = self.came.len() - held;
        self.came.drain(..split);
        let rest = self.shown.split_off(split);
        std::mem::replace(&mut self.shown, rest).into()
    }

    /// The stream is over: what was held back was not the beginning of a secret.
    pub fn finish(&mut self) -> Bytes {
        self.came.clear();
        self.begun.fill(0);
        std::mem::take(&mut self.shown).into()
    }
}

impl Drop for ScrubStream {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.came);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secrets::SecretValue;

    fn scrubber(values: &[&str]) -> Arc<Scrubber> {
        let mut scrubber = Scrubber::default();
        for value in values {
            scrubber.hide(&SecretValue::new(&"x".parse().unwrap(), (*value).into()).unwrap());
        }
        Arc::new(scrubber)
    }

    fn pieces(scrubber: &Arc<Scrubber>, whole: &[u8], cuts: &[usize]) -> (Vec<u8>, usize) {
        let mut stream = ScrubStream::new(scrubber.clone());
        let (mut out, mut most, mut rest) = (vec![], 0, whole);
        for cut in cuts {
            let (piece, after) = rest.split_at(*cut % (rest.len() + 1));
            out.extend_from_slice(&stream.push(Bytes::copy_from_slice(piece)));
            most = most.max(stream.came.len());
            rest = after;
        }
        out.extend_from_slice(&stream.push(Bytes::copy_from_slice(rest)));
        out.extend_from_slice(&stream.finish());
        (out, most)
    }

    #[test]
    fn a_secret_that_comes_byte_by_byte_is_hidden_and_what_only_begins_like_one_is_shown() {
        let scrubber = scrubber(&["canary-value"]);
        let whole = b"a canary-value, a canary-valu, a canary";
        let (out, most) = pieces(&scrubber, whole, &[1; 38]);
        assert_eq!(out, b"a ************, a canary-valu, a canary");
        assert!(most < "Y2FuYXJ5LXZhbHVl".len(), "{most}");
    }

    #[test]
    fn a_piece_without_any_secret_comes_out_as_it_is() {
        let mut stream = ScrubStream::new(scrubber(&["canary-value"]));
        let piece = Bytes::from_static(b"nothing to see here.\n");
        assert_eq!(stream.push(piece.clone()).as_ptr(), piece.as_ptr(), "it is not copied");
        assert!(stream.came.is_empty());
    }

    #[test]
    fn a_stream_without_end_needs_no_more_memory_than_the_longest_secret() {
        let scrubber = scrubber(&["aaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaac"]);
        let mut stream = ScrubStream::new(scrubber);
        for _ in 0..1_000 {
            let _ = stream.push(Bytes::from_static(&[b'a'; 1_000]));
            assert!(stream.came.len() < 100 && stream.shown.len() == stream.came.len());
        }
    }

    proptest! {
        /// SE03
        #[test]
        fn however_a_stream_is_cut_it_is_hidden_as_the_whole(
            secrets in prop::collection::vec("[ab]{6,9}|[abc]{6}|(ab){3,5}", 1..4),
            whole in "[abc]{0,120}",
            cuts in prop::collection::vec(0..12_usize, 0..40),
        ) {
            let scrubber = scrubber(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let mut expected = whole.clone().into_bytes();
            scrubber.slice(&mut expected);
            let (out, most) = pieces(&scrubber, whole.as_bytes(), &cuts);
            prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(expected).unwrap());
            prop_assert!(most < 20);
        }
    }
}
