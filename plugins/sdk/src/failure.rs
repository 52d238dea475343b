//! How a plugin says that something did not work.

use std::{fmt, io, path::Path, time::Duration};

use crate::{Detail, bindings::worldflux::runtime::types as wit};

/// The longest value that is repeated in a message, in characters.
const SHOWN_VALUE: usize = 200;

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The host or the user's grants said no. Trying again gives the same answer until the user changes a grant.
    Denied {
        /// What was asked, with its object.
        action: String,
        /// The rule that refused it.
        rule: String,
        /// What the user can type to allow it; may be empty.
        cure: String,
    },
    /// What was given cannot be used.
    Invalid {
        /// Path of the field, with dots: `settings.image`.
        field: String,
        /// The value as it came, shortened. Never a secret.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// The backend cannot answer now.
    Unavailable {
        /// When to try again, where the backend named a time.
        retry_after: Option<Duration>,
    },
    /// The thing does not exist, or exists no more.
    NotFound,
    /// The thing exists already or is in another state.
    Conflict,
    /// A limit of the account or of the host is used up.
    Quota,
    /// Credentials are missing, wrong or expired.
    Auth,
    /// A deadline passed. Whether the effect took place is not known.
    TimedOut,
    /// None of these: the message says what.
    Other,
}

/// "No", with its reason and its cure.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Which kind.
    pub cause: Cause,
    /// One sentence for a person, lower case, without a full stop, naming the thing and the value. No secret.
    pub message: String,
    /// Whether the same call may be made again without doing its work twice.
    pub repeatable: bool,
    /// What the person can do next.
    pub hint: Option<String>,
    /// Where a failure grows.
    pub details: Vec<Detail>,
}

impl Failure {
    /// A failure of kind `cause`, not repeatable and without a hint.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), repeatable: false, hint: None, details: Vec::new() }
    }

    /// A failure that fits no other kind.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Cause::Other, message)
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Cause::NotFound, message)
    }

    /// A backend that cannot answer now; the call may be repeated.
    pub fn unavailable(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { repeatable: true, ..Self::new(Cause::Unavailable { retry_after }, message) }
    }

    /// A value that cannot be used.
    pub fn invalid(field: impl Into<String>, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        let (field, expected) = (field.into(), expected.into());
        let value: String = value.to_string().escape_debug().take(SHOWN_VALUE).collect();
        let message = format!("{field} is `{value}`: expected {expected}");
        Self::new(Cause::Invalid { field, value, expected }, message)
    }

    /// The same failure, with what the person can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure, of a call that may be made again.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// The same failure, with one more detail.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.details.push(detail);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(cause_of(&error), error.to_string())
    }
}

/// Puts the path into the failure of a file operation: `fs::read(path).at(path)?`.
pub trait AtPath<T> {
    /// The same result, its failure naming `path`.
    fn at(self, path: impl AsRef<Path>) -> Result<T, Failure>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(cause_of(&error), format!("`{}`: {error}", path.as_ref().display())))
    }
}

fn cause_of(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::NotFound => Cause::NotFound,
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => Cause::Conflict,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Cause::Quota,
        io::ErrorKind::TimedOut => Cause::TimedOut,
        _ => Cause::Other,
    }
}

impl From<Failure> for wit::Failure {
    fn from(failure: Failure) -> Self {
        let cause = match failure.cause {
            Cause::Denied { action, rule, cure } => wit::Cause::Denied(wit::Denial { action, rule, cure }),
            Cause::Invalid { field, value, expected } => wit::Cause::Invalid(wit::InvalidValue { field, value, expected }),
            Cause::Unavailable { retry_after } => wit::Cause::Unavailable(retry_after.map(crate::context::milliseconds)),
            Cause::NotFound => wit::Cause::NotFound,
            Cause::Conflict => wit::Cause::Conflict,
            Cause::Quota => wit::Cause::Quota,
            Cause::Auth => wit::Cause::Auth,
            Cause::TimedOut => wit::Cause::TimedOut,
            Cause::Other => wit::Cause::Other,
        };
        let Failure { message, repeatable, hint, details, .. } = failure;
        Self { cause, message, repeatable, hint, details }
    }
}

impl From<wit::Failure> for Failure {
    fn from(failure: wit::Failure) -> Self {
        let cause = match failure.cause {
            wit::Cause::Denied(wit::Denial { action, rule, cure }) => Cause::Denied { action, rule, cure },
            wit::Cause::Invalid(wit::InvalidValue { field, value, expected }) => Cause::Invalid { field, value, expected },
            wit::Cause::Unavailable(after) => Cause::Unavailable { retry_after: after.map(Duration::from_millis) },
            wit::Cause::NotFound => Cause::NotFound,
            wit::Cause::Conflict => Cause::Conflict,
            wit::Cause::Quota => Cause::Quota,
            wit::Cause::Auth => Cause::Auth,
            wit::Cause::TimedOut => Cause::TimedOut,
            wit::Cause::Other => Cause::Other,
        };
        let wit::Failure { message, repeatable, hint, details, .. } = failure;
        Self { cause, message, repeatable, hint, details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_value_is_named_and_shortened() {
        let failure = Failure::invalid("settings.image", "x\n".repeat(500), "the name of an image");
        assert!(failure.message.starts_with("settings.image is `x\\nx\\n"));
        let Cause::Invalid { value, .. } = failure.cause else { panic!("another cause") };
        assert_eq!(value.chars().count(), SHOWN_VALUE);
    }

    #[test]
    fn a_file_failure_names_the_path() {
        let failure = std::fs::read("/nowhere/at/all").at("/nowhere/at/all").unwrap_err();
        assert_eq!(failure.cause, Cause::NotFound);
        assert!(failure.message.contains("`/nowhere/at/all`"));
    }

    #[test]
    fn a_failure_crosses_the_border_and_comes_back_the_same() {
        let denied = Cause::Denied { action: "a".into(), rule: "b".into(), cure: "c".into() };
        let unavailable = Cause::Unavailable { retry_after: Some(Duration::from_secs(3)) };
        for cause in [denied, unavailable, Cause::Quota, Cause::Auth, Cause::Conflict, Cause::NotFound, Cause::TimedOut, Cause::Other] {
            let failure = Failure::new(cause, "m").hint("h").repeatable().detail(Detail::text("k", "v"));
            assert_eq!(Failure::from(wit::Failure::from(failure.clone())), failure);
        }
    }
}
