//! The exit codes, in one table.

use std::process::ExitCode;

use crate::{
    plugin::PluginError,
    run::RunError,
    store::{Manifest, ReasonCode, RunStatus, StoreError},
};

/// How this program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for was done.
    Ok,
    /// The command failed.
    Failed,
    /// Blocked before anything was started, or wrong usage.
    Blocked,
    /// The command succeeded, but something asked for is missing.
    Incomplete,
    /// A right is missing.
    Denied,
    /// The plugin broke.
    PluginFault,
    /// A limit was met.
    Limit,
    /// The plugin speaks another protocol, or is no plugin.
    Protocol,
    /// The backend could not do it.
    Backend,
    /// The backend took the machine away.
    Preempted,
    /// The command did not end in its time.
    Timeout,
    /// The price is above the budget.
    Budget,
    /// Nobody knows what became of it.
    Unknown,
    /// Somebody else asked the run to stop.
    Cancelled,
    /// Something may be left behind.
    LeftBehind,
    /// The command could not be launched.
    Launch,
    /// The host itself could not go on: disk, permissions, a mistake in this program.
    Host,
    /// Ctrl-C.
    Interrupted,
    /// The command's own code, with `--passthrough`.
    Passed(u8),
}

/// Every code with its meaning, for the manual and the documents.
pub const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::Ok, "what was asked for was done"),
    (Exit::Failed, "the command failed; its own code is in the manifest, and passed on with `--passthrough`"),
    (Exit::Blocked, "blocked before anything was started, or wrong usage"),
    (Exit::Incomplete, "the command succeeded, but something asked for is missing"),
    (Exit::Denied, "a right is missing; the message has the line that grants it"),
    (Exit::PluginFault, "the plugin broke: a trap, a deadline, memory, or a bad answer"),
    (Exit::Limit, "a limit was met"),
    (Exit::Protocol, "the file is no plugin, or speaks another version of the protocol"),
    (Exit::Backend, "the backend could not do it"),
    (Exit::Preempted, "the backend took the machine away"),
    (Exit::Timeout, "the command did not end in its time"),
    (Exit::Budget, "the price is above the budget"),
    (Exit::Unknown, "nobody knows what became of it"),
    (Exit::Cancelled, "somebody asked the run to stop"),
    (Exit::LeftBehind, "something may be left behind; `worldflux reap` tries again"),
    (Exit::Launch, "the command could not be launched"),
    (Exit::Host, "the host could not go on: disk, permissions, or a mistake in worldflux"),
    (Exit::Interrupted, "interrupted with Ctrl-C"),
];

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Blocked => 2,
            Self::Incomplete => 3,
            Self::Denied => 10,
            Self::PluginFault => 11,
            Self::Limit => 12,
            Self::Protocol => 13,
            Self::Backend => 14,
            Self::Preempted => 15,
            Self::Timeout => 16,
            Self::Budget => 17,
            Self::Unknown => 18,
            Self::Cancelled => 19,
            Self::LeftBehind => 20,
            Self::Launch => 21,
            Self::Host => 22,
            Self::Interrupted => 130,
            Self::Passed(code) => code,
        }
    }

    /// What a finished run means for whoever called.
    #[must_use]
    pub const fn of_manifest(manifest: &Manifest) -> Self {
        Self::of_end(manifest.status, manifest.reason.code)
    }

    const fn of_end(status: RunStatus, reason: ReasonCode) -> Self {
        match (status, reason) {
            (RunStatus::Succeeded, _) => Self::Ok,
            (_, ReasonCode::Denied) => Self::Denied,
            (_, ReasonCode::PluginFault) => Self::PluginFault,
            (_, ReasonCode::HostFault) => Self::Host,
            (_, ReasonCode::Timeout) => Self::Timeout,
            (_, ReasonCode::Preempted) => Self::Preempted,
            (_, ReasonCode::Budget) => Self::Budget,
            (_, ReasonCode::LaunchFailed) => Self::Launch,
            (_, ReasonCode::TeardownFailed) => Self::LeftBehind,
            (_, ReasonCode::PlanFailed | ReasonCode::EnvironmentFailed | ReasonCode::StartFailed) => Self::Backend,
            (RunStatus::Blocked, _) => Self::Blocked,
            (RunStatus::Incomplete, _) => Self::Incomplete,
            (RunStatus::Cancelled, _) => Self::Cancelled,
            (RunStatus::Unknown | RunStatus::Interrupted, _) => Self::Unknown,
            (RunStatus::Failed | RunStatus::Queued | RunStatus::Running, _) => Self::Failed,
        }
    }

    /// What an error before the run means.
    #[must_use]
    pub fn of_error(error: &RunError) -> Self {
        use crate::engine::{CallError, LoadError, PluginFault};
        match error {
            RunError::Plugin(
                PluginError::Unknown { .. }
                | PluginError::Duplicate { .. }
                | PluginError::Reserved { .. }
                | PluginError::Confusable { .. }
                | PluginError::Another { .. }
                | PluginError::Tampered { .. }
                | PluginError::Read { .. },
            )
            | RunError::Refused { .. }
            | RunError::NoSnapshot { .. }
            | RunError::Config(_)
            | RunError::Secret(_)
            | RunError::Stdin { .. }
            | RunError::TooMuch { .. }
            | RunError::Folder(_)
            | RunError::Network { .. }
            | RunError::SandboxUnavailable { .. } => Self::Blocked,
            RunError::Load { cause: LoadError::TooLarge { .. } | LoadError::Limit(_), .. }
            | RunError::Call { cause: CallError::Fault { fault: PluginFault::Memory(_) | PluginFault::Table(_), .. }, .. } => Self::Limit,
            RunError::Load { cause: LoadError::Compiler(_) | LoadError::Engine(_), .. }
            | RunError::Call { cause: CallError::Host { .. }, .. }
            | RunError::Engine(_)
            | RunError::Output { .. }
            | RunError::Selftest(_) => Self::Host,
            RunError::Plugin(_) | RunError::Impostor { .. } | RunError::Load { .. } => Self::Protocol,
            RunError::Call { cause: CallError::Refused(_), .. } => Self::Backend,
            RunError::Call { .. } => Self::PluginFault,
            RunError::Store(error) => Self::of_store(error),
            RunError::NotOpened { status, reason, .. } => Self::of_end(*status, *reason),
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::NoSuchRun(_) | StoreError::Conflict(_) | StoreError::Ambiguous { .. } => Self::Blocked,
            _ => Self::Host,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_table_once_and_in_order() {
        let codes: Vec<_> = EXIT_CODES.iter().map(|(exit, _)| exit.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
