//! The steps of a run, in order.

use std::fmt;

use serde::Serialize;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Written down, its folders made.
    Open,
    /// The plugin looks whether it can work, and says what it would make.
    Plan,
    /// The plugin makes the environment.
    BuildEnv,
    /// Setup commands run in it.
    Setup,
    /// The plugin starts the user's command.
    Start,
    /// The command runs.
    Follow,
    /// What it left is brought home.
    Collect,
    /// The environment is released.
    Teardown,
    /// The manifest is written.
    Finish,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 9] =
        [Self::Open, Self::Plan, Self::BuildEnv, Self::Setup, Self::Start, Self::Follow, Self::Collect, Self::Teardown, Self::Finish];

    /// Its name, as in the record, the database and `WORLDFLUX_HALT_AT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Plan => "plan",
            Self::BuildEnv => "build-env",
            Self::Setup => "setup",
            Self::Start => "start",
            Self::Follow => "follow",
            Self::Collect => "collect",
            Self::Teardown => "teardown",
            Self::Finish => "finish",
        }
    }

    /// The step of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
