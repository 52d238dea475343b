//! How a command ended, and what came of it.

use crate::Detail;
pub use crate::bindings::{
    exports::worldflux::runtime::plugin::{Artifact, Cost, Metric, Outcome, PhaseDuration},
    worldflux::runtime::types::{EndKind, Ending},
};

impl Outcome {
    /// An outcome that adds nothing to what the host knows, free of charge.
    #[must_use]
    pub fn free() -> Self {
        let cost = Cost { amount: 0, basis: "this machine".into(), final_: true };
        Self {
            exit_code: None,
            duration: None,
            log: None,
            artifacts: Vec::new(),
            metrics: Vec::new(),
            cost: Some(cost),
            metadata: Vec::new(),
            ending: None,
            phases: Vec::new(),
            details: Vec::new(),
        }
    }

    /// The same with one more leaf under `runtime` in the manifest.
    #[must_use]
    pub fn metadata(mut self, detail: Detail) -> Self {
        self.metadata.push(detail);
        self
    }
}

impl Ending {
    /// An end of which only the kind is known, and how that is known.
    pub fn new(kind: EndKind, evidence: impl Into<String>) -> Self {
        let evidence = evidence.into();
        Self { kind, evidence, started_at: None, ended_at: None, stdout_bytes: 0, stderr_bytes: 0, truncated: false }
    }
}

impl EndKind {
    /// The end in words: `exit code 2`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Exited(code) => format!("exit code {code}"),
            Self::Signalled(signal) => format!("ended by signal {signal}"),
            Self::TimedOut => "it took too long".into(),
            Self::Killed => "it was killed".into(),
            Self::Preempted => "the backend took the machine away".into(),
            Self::Lost => "nobody knows how it ended".into(),
        }
    }
}
