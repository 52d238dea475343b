//! The calls that a plugin answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the exports of a plugin, in the order of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// Says what the runtime is.
    Describe,
    /// Looks whether it can work here.
    Doctor,
    /// Says what would be made.
    Plan,
    /// Makes the environment.
    BuildEnv,
    /// Starts one command.
    Start,
    /// Observes an execution.
    Poll,
    /// Asks an execution to end.
    Kill,
    /// Brings results home.
    Collect,
    /// Releases everything.
    Teardown,
}

impl Export {
    /// Every export, in the order of a run.
    pub const ALL: [Self; 9] =
        [Self::Describe, Self::Doctor, Self::Plan, Self::BuildEnv, Self::Start, Self::Poll, Self::Kill, Self::Collect, Self::Teardown];

    /// The name in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Doctor => "doctor",
            Self::Plan => "plan",
            Self::BuildEnv => "build-env",
            Self::Start => "start",
            Self::Poll => "poll",
            Self::Kill => "kill",
            Self::Collect => "collect",
            Self::Teardown => "teardown",
        }
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
