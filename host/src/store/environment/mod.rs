//! Environments: what `build-env` made and `teardown` releases, kept for the next run where they carry a reuse key.
//!
//! The folder of an environment is locked: shared by everybody who uses it, exclusively by the one who builds or removes it. The row says
//! what was reached; the lock says whether somebody is still at it. A row that says `building` without a lock is half built: its builder
//! died, and the next claimant empties it and builds again.
//!
//! Never: calls a plugin. Callers: run claims and releases, lists and removes.
//! Read in order: row, hold, claim, release, leftover.

mod claim;
mod hold;
mod leftover;
mod release;
mod row;
#[cfg(test)]
mod tests;

pub use claim::{EnvironmentBuild, EnvironmentClaim, EnvironmentRequest, EnvironmentUse};
pub use release::EnvironmentRelease;
pub use row::{EnvironmentId, EnvironmentRow, EnvironmentState};
