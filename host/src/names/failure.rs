//! How a plugin, or the host towards a plugin, says that something did not work.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The kinds of failure that cross the border between host and plugin, in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// The host or the user's grants said no.
    Denied {
        /// What was asked.
        action: String,
        /// The rule that refused it.
        rule: String,
        /// What the user can type to allow it; may be empty.
        cure: String,
    },
    /// A value cannot be used.
    Invalid {
        /// Path of the field, with dots.
        field: String,
        /// The value as it came, shortened.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// The backend cannot answer now.
    Unavailable {
        /// When to try again, where the backend said so.
        retry_after: Option<Duration>,
    },
    /// The thing does not exist.
    NotFound,
    /// The thing exists already, or is in another state.
    Conflict,
    /// A limit is used up.
    Quota,
    /// Credentials are missing or wrong.
    Auth,
    /// A deadline passed; whether the effect took place is not known.
    TimedOut,
    /// None of these.
    Other,
}

/// "No", with its reason: the plugin's to the host, or the host's to the plugin. Never an accident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Which kind.
    #[serde(flatten)]
    pub cause: Cause,
    /// One sentence for a person.
    pub message: String,
    /// Whether the same call may be made again without doing its work twice.
    pub repeatable: bool,
    /// What the person can do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of kind `cause`, not repeatable and without a hint.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), repeatable: false, hint: None }
    }

    /// A value that cannot be used.
    pub fn invalid(field: impl Into<String>, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        let (field, expected) = (field.into(), expected.into());
        let value: String = value.to_string().escape_debug().take(200).collect();
        let message = format!("{field} is `{value}`: expected {expected}");
        Self::new(Cause::Invalid { field, value, expected }, message)
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
