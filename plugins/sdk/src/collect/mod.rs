//! Brings results home: files by pattern, numbers from the metrics file.
//!
//! Never: follows a link, leaves the folders of the run, reads what a file holds (but for the metrics file).
//! Callers: the default of `Runtime::collect`, and plugins whose results lie in `/output` and `/workspace`.
//! Read in order: outcome, artifacts, pattern, walk, metrics.

mod artifacts;
mod metrics;
mod outcome;
mod pattern;
mod walk;

pub use artifacts::artifacts;
pub use metrics::{metrics, parse_metrics};
pub use outcome::outcome;
