//! What a run comes to: its status, and why.

use crate::{
    engine::CallError,
    names::{Cause, EndKind, Ending, Export, Failure},
    store::{ExecutionKind, ReasonCode, RunStatus},
};

/// What became of a run, as the manifest says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub status: RunStatus,
    /// Why, for programs.
    pub code: ReasonCode,
    /// Why, for people; empty where there is nothing to say.
    pub message: String,
    /// What to do next; empty means the usual for `code`.
    pub next_action: String,
}

impl Verdict {
    /// Everything came about.
    #[must_use]
    pub const fn success() -> Self {
        Self { status: RunStatus::Succeeded, code: ReasonCode::None, message: String::new(), next_action: String::new() }
    }

    pub(super) fn new(status: RunStatus, code: ReasonCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), next_action: String::new() }
    }

    pub(super) fn with_next_action(mut self, next_action: impl Into<String>) -> Self {
        self.next_action = next_action.into();
        self
    }

    /// Somebody asked the run to stop before its command was started.
    pub(super) fn cancelled() -> Self {
        Self::new(RunStatus::Cancelled, ReasonCode::Cancelled, "stopped before the command was started")
    }

    /// An export of the plugin gave no answer.
    pub(super) fn of_call(error: &CallError, export: Export) -> Self {
        let failure = match error {
            CallError::Refused(failure) => failure,
            CallError::Fault { .. } => return Self::new(RunStatus::Failed, ReasonCode::PluginFault, error.to_string()),
            CallError::Host { .. } => return Self::new(RunStatus::Failed, ReasonCode::HostFault, error.to_string()),
        };
        let (status, code) = match (&failure.cause, export) {
            (Cause::Denied { .. }, _) => (RunStatus::Blocked, ReasonCode::Denied),
            (Cause::Invalid { .. }, Export::Plan | Export::BuildEnv) => (RunStatus::Blocked, ReasonCode::Invalid),
            (Cause::NotFound | Cause::Invalid { .. }, Export::Start) => (RunStatus::Failed, ReasonCode::LaunchFailed),
            (_, Export::Plan) => (RunStatus::Failed, ReasonCode::PlanFailed),
            (_, Export::BuildEnv) => (RunStatus::Failed, ReasonCode::EnvironmentFailed),
            (_, Export::Collect) => (RunStatus::Incomplete, ReasonCode::CollectFailed),
            (_, Export::Teardown) => (RunStatus::Incomplete, ReasonCode::TeardownFailed),
            _ => (RunStatus::Failed, ReasonCode::StartFailed),
        };
        Self::new(status, code, failure.message.clone()).with_next_action(failure.hint.clone().unwrap_or_default())
    }

    /// The user's command, or one that prepares for it, has ended.
    pub(super) fn of_ending(ending: &Ending, kind: ExecutionKind, what: &str, was_cancelled: bool) -> Self {
        let command = kind == ExecutionKind::Command;
        let (status, code, message) = match ending.kind {
            EndKind::Exited { code: 0 } => return Self::success(),
            EndKind::Exited { code } => (RunStatus::Failed, ReasonCode::ExitCode, format!("{what} ended with exit code {code}")),
            EndKind::Signalled { signal } => (RunStatus::Failed, ReasonCode::Signal, format!("{what} was ended by signal {signal}")),
            EndKind::TimedOut => (RunStatus::Failed, ReasonCode::Timeout, format!("{what} did not end in its time")),
            EndKind::Killed if was_cancelled => (RunStatus::Cancelled, ReasonCode::Cancelled, format!("{what} was stopped as asked")),
            EndKind::Killed => (RunStatus::Failed, ReasonCode::Killed, format!("{what} was ended by force")),
            EndKind::Preempted => (RunStatus::Failed, ReasonCode::Preempted, format!("the backend took the machine of {what} away")),
            EndKind::Lost => (RunStatus::Unknown, ReasonCode::Lost, format!("{what} is gone: {}", ending.evidence)),
        };
        if command || matches!(code, ReasonCode::Cancelled | ReasonCode::Lost) {
            return Self::new(status, code, message);
        }
        Self::new(RunStatus::Failed, ReasonCode::SetupFailed, message)
    }

    /// Something went wrong after the command had ended: a success is incomplete, everything else stays what it is.
    pub(super) fn or_incomplete(self, code: ReasonCode, message: impl Into<String>) -> Self {
        if self.status == RunStatus::Succeeded {
            return Self::new(RunStatus::Incomplete, code, message);
        }
        self
    }

    /// With this hint, where there is none yet.
    pub(super) fn with_hint_of(mut self, next_action: &str) -> Self {
        if self.next_action.is_empty() {
            next_action.clone_into(&mut self.next_action);
        }
        self
    }

    /// The hint for the person.
    #[must_use]
    pub fn next_action(&self) -> &str {
        if self.next_action.is_empty() { self.code.next_action() } else { &self.next_action }
    }
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Self {
        Self::new(RunStatus::Failed, ReasonCode::HostFault, failure.message).with_next_action(failure.hint.unwrap_or_default())
    }
}
