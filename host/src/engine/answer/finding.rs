//! The answer of `doctor`.

use serde::{Deserialize, Serialize};

use super::check::{Details, Refused, TEXT, count, details, name, text, unique};
use crate::{imports::answers, names::Failure};

/// Lines of one `doctor`.
const FINDINGS: usize = 200;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something may not work.
    Warning,
    /// Blocks runs.
    Error,
}

/// One line of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Names the check for programs.
    pub check: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Keys that this host does not know.
    #[serde(skip_serializing_if = "Details::is_empty", default)]
    pub details: Details,
}

impl Finding {
    /// The same, with what would allow what the plugin was denied, where it found something wrong and had no remedy.
    #[must_use]
    pub(in crate::engine) fn with_remedy_of(mut self, denied: Option<&Failure>) -> Self {
        if self.severity == Severity::Error
            && self.remedy.is_none()
            && let Some(denied) = denied
        {
            self.message = format!("{}: {}", self.message, denied.message);
            self.remedy.clone_from(&denied.hint);
        }
        self
    }

    /// A finding of the host itself.
    pub fn of_host(severity: Severity, check: &str, message: impl Into<String>, remedy: Option<String>) -> Self {
        Self { severity, check: check.to_owned(), message: message.into(), remedy, details: Details::new() }
    }
}

/// The findings as they came, checked.
pub(in crate::engine) fn checked(answer: Vec<answers::Finding>) -> Result<Vec<Finding>, Refused> {
    count("findings", answer.len(), FINDINGS)?;
    let findings: Result<Vec<_>, _> = answer.into_iter().map(finding).collect();
    let findings = findings?;
    unique("check", findings.iter().map(|finding| finding.check.as_str()))?;
    Ok(findings)
}

fn finding(answer: answers::Finding) -> Result<Finding, Refused> {
    Ok(Finding {
        severity: match answer.severity {
            answers::Severity::Info => Severity::Info,
            answers::Severity::Warning => Severity::Warning,
            answers::Severity::Error => Severity::Error,
        },
        check: name("check", answer.check)?,
        message: text("message", answer.message, TEXT)?,
        remedy: answer.remedy.map(|remedy| text("remedy", remedy, TEXT)).transpose()?,
        details: details("details", answer.details)?,
    })
}
