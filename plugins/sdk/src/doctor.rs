//! The lines of `doctor`.

use crate::Detail;
pub use crate::bindings::exports::worldflux::runtime::plugin::{Finding, Severity};

impl Finding {
    /// A finding; `check` names it for programs and stands once in an answer.
    pub fn new(severity: Severity, check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, check: check.into(), message: message.into(), remedy: None, details: Vec::new() }
    }

    /// Something that is as it should be.
    pub fn info(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, check, message)
    }

    /// Something that may get in the way.
    pub fn warning(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, message)
    }

    /// Something that blocks runs.
    pub fn error(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, check, message)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with one more detail.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.details.push(detail);
        self
    }
}
