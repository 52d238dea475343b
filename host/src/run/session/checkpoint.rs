//! A state of a workspace that is handed over: to a later command, to another session, to another program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    names::{Digest, RunId},
    workspace::DiffDocument,
};

/// Names what a workspace held at one moment. It is kept for as long as the folder of the run that took it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The session that took it.
    pub run: RunId,
    /// What its workspace held.
    pub snapshot: Digest,
}

/// A checkpoint that was taken.
#[derive(Debug, Clone, Serialize)]
pub struct Checkpointed {
    /// What to hand over.
    pub checkpoint: Checkpoint,
    /// What changed since the checkpoint before, or since the session was opened.
    pub diff: DiffDocument,
}
