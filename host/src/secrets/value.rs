//! The value of one secret.

use super::{SecretError, guard::guard};
use crate::{
    names::{Bytes, Secret},
    policy::SecretName,
};

/// The most bytes of a value. A key file has a few thousand; more is a file that was taken for a secret, and would have to be held back
/// whole by everything that looks for it.
pub const LONGEST: Bytes = Bytes::kibi(64);

/// The fewest bytes of a value.
///
/// Whatever looks for a value in the output of a command finds a shorter one in ordinary words and numbers too: it would spoil the output
/// and show by what it spoiled what the secret is. And such a value is no secret: it can be guessed in an afternoon.
pub const SHORTEST: usize = 6;

/// The value of one secret: text without NUL, of a length that can be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretValue(Secret<String>);

impl SecretValue {
    /// The value of `name`. From here on the memory of this process is its own.
    pub fn new(name: &SecretName, bytes: Vec<u8>) -> Result<Self, SecretError> {
        guard();
        let bytes = zeroize::Zeroizing::new(bytes);
        let refused = |why: String| SecretError::Value { name: name.clone(), why };
        if bytes.is_empty() {
            return Err(refused("is empty".into()));
        }
        if bytes.len() > LONGEST.as_len() {
            return Err(refused(format!("has {} bytes: expected at most {}", bytes.len(), LONGEST.as_len())));
        }
        if bytes.len() < SHORTEST {
            return Err(refused(format!("has fewer than {SHORTEST} bytes, and would be found in ordinary words")));
        }
        if bytes.contains(&0) {
            return Err(refused("has a NUL in it".into()));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| refused("is no UTF-8 text".into()))?;
        if text.trim().is_empty() {
            return Err(refused("is nothing but blanks".into()));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// The value of `name` as it was typed or came through a pipe: the line feed at its end, which a person did not mean, is left out.
    pub fn typed(name: &SecretName, mut bytes: Vec<u8>) -> Result<Self, SecretError> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::new(name, bytes)
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    fn name() -> SecretName {
        "token".parse().unwrap()
    }

    #[test]
    fn what_cannot_be_used_or_hidden_is_refused_without_being_repeated() {
        for bad in [&b""[..], b"abc12", b"with\0nul", b"\xff\xfe\xfd\xfc\xfb\xfa", b"       ", &vec![b'x'; LONGEST.as_len() + 1]] {
            let error = SecretValue::new(&name(), bad.to_vec()).unwrap_err();
            assert!(error.to_string().starts_with("the value of secret `token` "), "{error}");
            assert!(bad.is_empty() || !error.to_string().contains(&*String::from_utf8_lossy(bad)), "{error}");
        }
        for good in [b"abc123".to_vec(), vec![b'x'; LONGEST.as_len()], "schlüssel".into()] {
            assert!(SecretValue::new(&name(), good).is_ok());
        }
    }

    #[test]
    fn one_line_feed_at_the_end_is_not_part_of_it() {
        for (typed, meant) in [("abcdef\n", "abcdef"), ("abcdef\r\n", "abcdef"), ("abcdef\n\n", "abcdef\n"), ("abc def", "abc def")] {
            assert_eq!(SecretValue::typed(&name(), typed.into()).unwrap().reveal(), meant);
        }
    }

    /// SE09
    #[test]
    fn once_there_is_a_value_this_process_leaves_no_core_file_and_nobody_reads_its_memory() {
        let value = SecretValue::new(&name(), b"canary-value".to_vec()).unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(format!("{value:?}"), "SecretValue([secret])");
    }
}
