//! What became of a run, and why.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it, as in the manifest.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.word() == text).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|value| value.word()).collect();
                    format!("`{}`: expected one of {}", text.escape_debug().take(100).collect::<String>(), words.join(", "))
                })
            }
        }
    };
}
pub(super) use words;

words! {
    /// What became of a run.
    RunStatus {
        /// Written down, nothing begun.
        Queued = "queued",
        /// Being worked on.
        Running = "running",
        /// The command ended with exit code 0 and everything asked for came home.
        Succeeded = "succeeded",
        /// The command or a step before it failed.
        Failed = "failed",
        /// Refused before anything was made.
        Blocked = "blocked",
        /// The command ended with exit code 0, but something asked for is missing.
        Incomplete = "incomplete",
        /// Ended because somebody asked for it.
        Cancelled = "cancelled",
        /// The host died before the command was started, or it is known that nothing of the command is left.
        Interrupted = "interrupted",
        /// The host died or lost the backend after the command was started, and nobody knows what became of it.
        Unknown = "unknown",
    }
}

words! {
    /// Why a run has its status.
    ReasonCode {
        /// There is nothing to explain.
        None = "none",
        /// The command ended with an exit code other than 0.
        ExitCode = "exit-code",
        /// A signal that the host did not send ended the command.
        Signal = "signal",
        /// The deadline passed.
        Timeout = "timeout",
        /// Somebody ended the command by force.
        Killed = "killed",
        /// Somebody asked the run to stop.
        Cancelled = "cancelled",
        /// The backend took the machine away.
        Preempted = "preempted",
        /// The command is gone and nobody can say how it ended.
        Lost = "lost",
        /// The command could not be started.
        LaunchFailed = "launch-failed",
        /// The runtime's doctor found an error.
        DoctorError = "doctor-error",
        /// A right was missing.
        Denied = "denied",
        /// A value cannot be used.
        Invalid = "invalid",
        /// A setup command failed.
        SetupFailed = "setup-failed",
        /// The environment could not be made.
        EnvironmentFailed = "environment-failed",
        /// The plugin could not say what it would make.
        PlanFailed = "plan-failed",
        /// The plugin could not start the command.
        StartFailed = "start-failed",
        /// The results could not be brought home.
        CollectFailed = "collect-failed",
        /// An artifact cannot be accepted.
        ArtifactRefused = "artifact-refused",
        /// An artifact that was named is not there.
        ArtifactMissing = "artifact-missing",
        /// The metrics cannot be read.
        MetricsRefused = "metrics-refused",
        /// Something may be left behind.
        TeardownFailed = "teardown-failed",
        /// The plugin broke: trap, deadline, memory or a bad answer.
        PluginFault = "plugin-fault",
        /// The host broke.
        HostFault = "host-fault",
        /// The host process died.
        HostLost = "host-lost",
        /// The price is above the budget.
        Budget = "budget",
    }
}

impl RunStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl ReasonCode {
    /// What the person can do next, where nothing more exact is known. Empty only for [`ReasonCode::None`].
    #[must_use]
    pub const fn next_action(self) -> &'static str {
        match self {
            Self::None => "",
            Self::ExitCode => "read the end of the log: `worldflux logs RUN`",
            Self::Signal => "read the end of the log; signal 9 often means that memory ran out",
            Self::Timeout => "give it more time with `--timeout`, or read the log to see where it stood",
            Self::Killed | Self::Cancelled => "run it again when you want it to go on",
            Self::Preempted => "run it again, or choose a machine that is not taken away",
            Self::Lost => "look at the backend itself for what became of the command, then run it again",
            Self::LaunchFailed => "check that the program exists in the environment and can be executed",
            Self::DoctorError => "`worldflux runtime doctor` shows the findings and what to do about each",
            Self::Denied => "grant the right that the message names, or run without it",
            Self::Invalid => "correct the value that the message names",
            Self::SetupFailed => "read the log of the setup command and correct it",
            Self::EnvironmentFailed => "read the message; `worldflux env prune` removes a damaged environment",
            Self::PlanFailed => "check the runtime's settings with `worldflux runtime info`",
            Self::StartFailed => "`worldflux runtime doctor` shows whether the backend can be used",
            Self::CollectFailed => "the log is complete; look for the results in the output directory",
            Self::ArtifactMissing => "check the name, and that the command writes it into the output directory or the workspace",
            Self::ArtifactRefused => "write the artifact as a regular file below the output directory",
            Self::MetricsRefused => "write finite numbers, as JSON or JSON lines, to the file named by `WORLDFLUX_METRICS`",
            Self::TeardownFailed => "`worldflux reap` tries again to release what is left",
            Self::PluginFault => "run it again; if it happens again, tell the plugin's author and attach the record",
            Self::HostFault => "read the message; if it is not about this machine, report it with the record",
            Self::HostLost => "`worldflux reap` releases what is left; then run it again",
            Self::Budget => "raise `--budget`, or choose something cheaper",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_and_is_the_one_in_json() {
        for status in RunStatus::ALL {
            assert_eq!(status.word().parse(), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        for reason in ReasonCode::ALL {
            assert_eq!(reason.word().parse(), Ok(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
        assert!("done".parse::<RunStatus>().unwrap_err().contains("queued, running"));
    }

    #[test]
    fn every_reason_says_what_to_do_next() {
        for reason in ReasonCode::ALL.iter().filter(|reason| **reason != ReasonCode::None) {
            assert!(!reason.next_action().is_empty(), "{reason}");
        }
    }
}
