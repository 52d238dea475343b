//! Keeps. Every path and every database row of the state directory: runs, environments, executions, the index of plugins; and the three
//! documents of a run: its record, its log and its manifest.
//!
//! Never: decides what a run does next, calls a plugin, starts a process, reads an environment variable to find its folder.
//! Callers: run; engine (what kind an execution is); imports (the record); cli (rows and manifests to show).
//! Read in order: layout, directory, state, component, schema, error; then run, status, lock, control, execution, description, snapshots, key;
//! then the folders environment, record, manifest; then log, hashing,
//! flushing, hide and tree.

mod component;
mod control;
mod description;
mod directory;
mod environment;
mod error;
mod execution;
mod flushing;
mod hashing;
mod hide;
mod key;
mod layout;
mod lock;
mod log;
mod manifest;
mod record;
mod run;
mod schema;
mod snapshots;
mod state;
mod status;
mod tree;

pub use control::{Control, ControlReceiver, Delivery};
pub use environment::{
    EnvironmentBuild, EnvironmentClaim, EnvironmentId, EnvironmentRelease, EnvironmentRequest, EnvironmentRow, EnvironmentState,
    EnvironmentUse,
};
pub use error::StoreError;
pub use execution::{ExecutionKind, ExecutionRow, ExecutionState, NewExecution};
pub use hide::Hide;
pub use layout::Layout;
pub use lock::RunLock;
pub use log::{LogSummary, LogWriter};
pub use manifest::{
    Artifact, Capabilities, Cost, EnvironmentUsed, ExecutionSummary, LogFile, MANIFEST_SCHEMA, Manifest, ManifestReport, PluginIdentity,
    Problem, Provenance, Reason, RecordFile, RuntimeSection, SandboxSection, SchemaName, manifest_schema, path_in_manifest,
    verify_manifest,
};
pub use record::{
    Body, Call, Entry, Record, RecordError, RecordHead, RecordReader, RecordSummary, Ticket, Torn, read_record, verify_record,
};
pub use run::{NewRun, RunFilter, RunRow};
pub use snapshots::Snapshots;
pub use state::{Durability, State};
pub use status::{ReasonCode, RunStatus};
pub use tree::{bytes_below, remove_tree};
