//! What a plugin answers, checked: the host never uses a plugin's answer as it came.
//!
//! Each file has one answer: its type, and the conversion from the wire that refuses counts, lengths, paths, numbers and texts that
//! no honest plugin needs.
//!
//! Never: calls a plugin. Nor is an answer mended, but for the waiting time that the protocol clamps: one that breaks a rule is refused whole,
//! as a fault of the plugin.
//! Callers: the calls of engine; what they return goes up to run.
//! Read in order: check, description, finding, outline, environment, observation, outcome, failure.

mod check;
mod description;
mod environment;
mod failure;
mod finding;
mod observation;
mod outcome;
mod outline;

pub use check::Details;
pub(super) use check::Refused;
pub use description::{Description, Feature, PathMapping};
pub use environment::{BuiltEnvironment, Release, Started};
pub(super) use failure::checked as checked_failure;
pub(super) use finding::checked as checked_findings;
pub use finding::{Finding, Severity};
pub use observation::{Observation, Phase};
pub use outcome::{Artifact, Cost, Metric, Outcome, PhaseDuration};
pub use outline::{Outline, PlannedResource};
