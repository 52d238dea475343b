//! What host and compiler say to each other.

use crate::engine::load::LoadError;

/// The second argument of a compiler; after it the seconds of processor time and the bytes of memory that it may use.
pub(super) const ARGUMENT: &str = "__compile";

/// What every answer begins with. Tells an answer from whatever another program prints, one that does not call `dispatch`.
const BEGIN: &[u8] = b"worldflux compiled 1\n";

/// Longest reason that is taken over.
const REASON: usize = 1_000;

/// What came of compiling.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Machine code.
    Code(Vec<u8>),
    /// The bytes are no valid component.
    Invalid(String),
    /// It is larger than what is compiled.
    Limit(String),
}

impl Answer {
    /// What is written, in two pieces: the code is large.
    pub(super) fn pieces(&self) -> (Vec<u8>, &[u8]) {
        let (kind, rest) = match self {
            Self::Code(code) => (b'c', code.as_slice()),
            Self::Invalid(reason) => (b'i', reason.as_bytes()),
            Self::Limit(reason) => (b'l', reason.as_bytes()),
        };
        ([BEGIN, &[kind]].concat(), rest)
    }

    /// `None` where it is no answer of a compiler.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<Self> {
        let (kind, rest) = bytes.strip_prefix(BEGIN)?.split_first()?;
        // What was read is a stranger's: it may have taken over who wrote it.
        let reason = || String::from_utf8_lossy(rest).chars().take(REASON).flat_map(char::escape_debug).collect();
        match kind {
            b'c' => {
                bytes.drain(..=BEGIN.len());
                Some(Self::Code(bytes))
            }
            b'i' => Some(Self::Invalid(reason())),
            b'l' => Some(Self::Limit(reason())),
            _ => None,
        }
    }

    pub(super) fn code(self) -> Result<Vec<u8>, LoadError> {
        match self {
            Self::Code(code) => Ok(code),
            Self::Invalid(reason) => Err(LoadError::Invalid(reason)),
            Self::Limit(reason) => Err(LoadError::Limit(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written_and_nothing_else_is_one() {
        for answer in [Answer::Code(vec![0, 1, 2, 255]), Answer::Code(vec![]), Answer::Invalid("a".into()), Answer::Limit("b".into())] {
            let (head, rest) = answer.pieces();
            assert_eq!(Answer::read([&head, rest].concat()), Some(answer));
        }
        for other in [&b""[..], b"hello\n", b"worldflux compiled 1\n", b"worldflux compiled 1\nx", b"worldflux compiled 2\nc"] {
            assert_eq!(Answer::read(other.to_vec()), None);
        }
        let long = Answer::Limit("\u{1b}[2J".repeat(1_000));
        let (head, rest) = long.pieces();
        let Some(Answer::Limit(reason)) = Answer::read([&head, rest].concat()) else { panic!("it was a limit") };
        assert!(!reason.contains('\u{1b}') && reason.len() < 10 * REASON);
    }
}
