//! Names that end up in paths, in tables and on command lines, and are safe there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not usable as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a {what}: expected {expected}")]
pub struct IdError {
    what: &'static str,
    value: String,
    expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if $valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(IdError { what: $what, value: text.escape_debug().take(100).collect(), expected: $expected })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// Names a run: unique in a state directory and safe as a file name.
    RunId,
    "run id",
    "letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit",
    is_run_id
);
id!(
    /// Names a runtime, and so the plugin that implements it.
    RuntimeName,
    "runtime name",
    "lower-case letters, digits and `-`, at most 40, the first a letter",
    is_runtime_name
);
id!(
    /// Names a process that the host owns, within one run.
    ProcessHandle,
    "process handle",
    "`p` and a number",
    is_process_handle
);

fn is_run_id(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_runtime_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    first && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_process_handle(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(|number| number.len() <= 19 && number.parse::<u64>().is_ok_and(|n| n.to_string() == number))
}

impl RunId {
    /// A new id: the time in UTC, so that ids sort by age, and 48 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let mut random = [0; 6];
        if getrandom::fill(&mut random).is_err() {
            // Uniqueness is also checked where the run is written down; the process id keeps two hosts of one second apart.
            random[..4].copy_from_slice(&std::process::id().to_le_bytes());
        }
        let suffix = random.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self(format!("{now}-{suffix:012x}"))
    }
}

impl ProcessHandle {
    /// The handle of the process with this number.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(format!("p{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_cannot_leave_its_folder() {
        for text in ["", ".", "..", "../x", "a/b", "a\\b", "-x", ".hidden", "a\0b", "a\nb", "é", &"a".repeat(65)] {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
        for text in ["a", "0", "a.b_c-D", &"a".repeat(64)] {
            assert!(text.parse::<RunId>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn generated_run_ids_are_valid_and_differ() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| RunId::generate()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.as_str().parse::<RunId>().is_ok()));
    }

    #[test]
    fn a_runtime_name_has_one_spelling() {
        for text in ["", "Local", "1st", "a_b", "a.b", "-a", "рlugin", &"a".repeat(41)] {
            assert!(text.parse::<RuntimeName>().is_err(), "{text:?}");
        }
        assert!("aws-ec2".parse::<RuntimeName>().is_ok());
    }

    #[test]
    fn a_process_handle_has_one_spelling() {
        for text in ["", "p", "1", "p01", "p-1", "p+1", "p99999999999999999999"] {
            assert!(text.parse::<ProcessHandle>().is_err(), "{text:?}");
        }
        assert_eq!("p7".parse(), Ok(ProcessHandle::numbered(7)));
    }
}
