//! Why something in a session was not done.

use crate::{
    names::{Digest, RunId, RuntimeName},
    run::{error::RunError, verdict::Verdict},
    store::ReasonCode,
    workspace::WorkspaceError,
};

/// Why something in a session was not done. The session goes on after every one of them but [`SessionError::Over`] and
/// [`SessionError::Resume`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The session is over, or about to be.
    #[error("session `{run}` is over: {why}")]
    Over {
        /// The session.
        run: RunId,
        /// Why.
        why: String,
    },
    /// A command that follows a restored checkpoint failed, which ends the session.
    #[error("{message}")]
    Resume {
        /// Why, for programs.
        reason: ReasonCode,
        /// Why, for people.
        message: String,
        /// What the person can do next.
        next_action: String,
    },
    /// A command was not started.
    #[error("`{program}` was not started: {message}")]
    NotStarted {
        /// What should have been started.
        program: String,
        /// Why, for programs.
        reason: ReasonCode,
        /// Why, for people.
        message: String,
        /// What the person can do next.
        next_action: String,
    },
    /// The runtime runs one command at a time, and one runs.
    #[error("runtime `{runtime}` runs one command at a time, and execution {index} has not ended")]
    Busy {
        /// The runtime.
        runtime: RuntimeName,
        /// Which.
        index: u32,
    },
    /// The runtime cannot do this.
    #[error("runtime `{runtime}` does not have `{feature}`")]
    Unsupported {
        /// The runtime.
        runtime: RuntimeName,
        /// The name of the feature, as `worldflux runtime info` shows it.
        feature: &'static str,
    },
    /// A value cannot be used.
    #[error("`{value}` cannot be used as `{field}`: expected {expected}")]
    Invalid {
        /// What it was given for.
        field: &'static str,
        /// The value, escaped and shortened.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// The input of a command does not take what is written.
    #[error("execution {index} reads no more input: {why}")]
    Input {
        /// Which.
        index: u32,
        /// Why.
        why: String,
    },
    /// This is done in the other mode only.
    #[error("{what} is for sessions in `{mode}` mode")]
    Mode {
        /// What.
        what: &'static str,
        /// The mode.
        mode: &'static str,
    },
    /// There is nothing that the workspace could go back to.
    #[error("nothing is known of what the workspace held before")]
    NoSnapshot,
    /// A snapshot is of no use to this session any more.
    #[error("there is no snapshot {0} that this session knows")]
    UnknownSnapshot(Digest),
    /// Files cannot be read.
    #[error(transparent)]
    Read(WorkspaceError),
    /// Files cannot be written.
    #[error(transparent)]
    Write(WorkspaceError),
    /// Something that the session needs cannot be had.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl SessionError {
    /// What kind of error it is, for programs: a word that keeps its meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Over { .. } => "session-over",
            Self::Resume { .. } => "resume-failed",
            Self::NotStarted { reason, .. } => reason.word(),
            Self::Busy { .. } => "busy",
            Self::Unsupported { .. } => "unsupported",
            Self::Invalid { .. } => "invalid",
            Self::Input { .. } => "input-closed",
            Self::Mode { .. } => "wrong-mode",
            Self::NoSnapshot | Self::UnknownSnapshot(_) => "no-snapshot",
            Self::Read(_) => "workspace-read",
            Self::Write(_) => "workspace-write",
            Self::Run(error) => error.code(),
        }
    }

    /// Whether the session goes on.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        !matches!(self, Self::Over { .. } | Self::Resume { .. })
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Over { .. } => "open another session",
            Self::Resume { next_action, .. } | Self::NotStarted { next_action, .. } => next_action,
            Self::Busy { .. } => "wait for it, or end it",
            Self::Unsupported { .. } => "`worldflux runtime info` shows what a runtime can do",
            Self::Input { .. } => "look at how the command ended",
            Self::NoSnapshot => "take one first, with `update_snapshot`, or let the settings of the environment enable snapshots",
            Self::UnknownSnapshot(_) => "snapshots end with their session: hand over a checkpoint",
            Self::Invalid { .. } | Self::Mode { .. } => "",
            Self::Read(error) | Self::Write(error) => return error.hint(),
            Self::Run(error) => return error.hint(),
        };
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    /// A value that cannot be used.
    pub(super) fn invalid(field: &'static str, value: &str, expected: impl Into<String>) -> Self {
        let value = value.chars().take(200).flat_map(char::escape_debug).collect();
        Self::Invalid { field, value, expected: expected.into() }
    }

    /// A command was not started, as the story tells it.
    pub(super) fn not_started(argv: &[String], verdict: &Verdict) -> Self {
        Self::NotStarted {
            program: argv.first().map(|program| program.escape_debug().to_string()).unwrap_or_default(),
            reason: verdict.code,
            message: verdict.message.clone(),
            next_action: verdict.next_action().to_owned(),
        }
    }

    /// A resume line failed, as the story tells it.
    pub(super) fn resume(verdict: &Verdict) -> Self {
        Self::Resume { reason: verdict.code, message: verdict.message.clone(), next_action: verdict.next_action().to_owned() }
    }
}
