//! What was proven, and by what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::Level;

/// What confines a strict command on this machine, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The strongest level at which every attack failed and everything granted worked.
    pub level: Level,
    /// What was tried at that level; at the strongest level that was tried, where none held.
    pub canaries: Vec<Canary>,
    /// What keeps this machine from a higher level. Empty where there is none.
    pub why: String,
    /// What a person can do about it. Empty where there is nothing to do.
    pub fix: String,
}

/// One thing that was tried from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// Its name.
    pub name: String,
    /// What was tried, in words.
    pub tried: String,
    /// How it must go.
    pub must: Outcome,
    /// How it went.
    pub was: Outcome,
    /// What the system said.
    pub detail: String,
}

/// How an attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The system refused it.
    Blocked,
    /// It worked.
    Allowed,
}

impl Canary {
    /// Whether it went as it must.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.was == self.must
    }
}
