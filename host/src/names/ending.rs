//! How a command ends.

use serde::{Deserialize, Serialize};

use super::{Bytes, Moment};

/// How a command ended. What is not known is `Lost`, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum EndKind {
    /// By itself, with an exit code.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// By a signal that the host did not send.
    Signalled {
        /// The signal's number.
        signal: u32,
    },
    /// The deadline passed and the host ended it.
    TimedOut,
    /// Somebody asked for its end.
    Killed,
    /// The backend took the machine away.
    Preempted,
    /// It is gone and nobody can say how.
    Lost,
}

impl EndKind {
    /// Whether the command did what it was asked: it ended by itself with code 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }

    /// The exit code, for a command that ended by itself.
    #[must_use]
    pub const fn exit_code(self) -> Option<i32> {
        match self {
            Self::Exited { code } => Some(code),
            _ => None,
        }
    }
}

/// The end of one execution, with what is known around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ending {
    /// How it ended.
    #[serde(flatten)]
    pub kind: EndKind,
    /// How this is known: `wait status`, a provider's terminal state.
    pub evidence: String,
    /// When it started, if that is known.
    pub started_at: Option<Moment>,
    /// When it ended, if that is known.
    pub ended_at: Option<Moment>,
    /// Bytes written to standard output, kept or not.
    pub stdout_bytes: Bytes,
    /// Bytes written to standard error, kept or not.
    pub stderr_bytes: Bytes,
    /// Whether output beyond the cap was dropped.
    pub truncated: bool,
}
