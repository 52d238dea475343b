//! What the manifest says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::runtime::RuntimeSection;
use crate::{
    names::{Bytes, Digest, Ending, Moment, RunId, Usd},
    policy::Profile,
    store::{
        environment::EnvironmentId,
        execution::ExecutionKind,
        record::RecordHead,
        snapshots::Snapshots,
        status::{ReasonCode, RunStatus},
    },
};

/// The name of the form.
pub const MANIFEST_SCHEMA: &str = "worldflux.run_manifest.v1";

/// The name of the form, as a type with one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchemaName {
    /// The first.
    #[default]
    #[serde(rename = "worldflux.run_manifest.v1")]
    V1,
}

/// What ran, where, with what rights, at what cost, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The form of this document.
    pub schema: SchemaName,
    /// The run.
    pub run_id: RunId,
    /// The caller's own name for the run, equal when the caller tried again.
    pub client_run_id: String,
    /// What was launched, as the caller names it; may be empty.
    pub adapter_id: String,
    /// The kind of work: `train`, `eval`; may be empty.
    pub task: String,
    /// What the user typed.
    pub command: Vec<String>,
    /// The settings as they were meant. Of variables only the names, never the values.
    pub spec: BTreeMap<String, Value>,
    /// When the run was written down.
    pub created_at: Moment,
    /// When the user's command started; null where it did not.
    pub started_at: Option<Moment>,
    /// When everything was over.
    pub ended_at: Moment,
    /// Seconds that each phase took.
    pub durations: BTreeMap<String, f64>,
    /// What became of the run.
    pub status: RunStatus,
    /// Why.
    pub reason: Reason,
    /// How the user's command ended; null where it was not started.
    pub ending: Option<Ending>,
    /// What it ran on.
    pub runtime: RuntimeSection,
    /// The numbers that the run produced. Finite.
    pub metrics: BTreeMap<String, f64>,
    /// The logs, by path.
    pub logs: Vec<LogFile>,
    /// What the run leaves behind.
    pub artifacts: Vec<Artifact>,
    /// What it cost; null where that is not known. Free is 0.
    pub cost: Option<Cost>,
    /// What the plugin asked for, was granted and used.
    pub capabilities: Capabilities,
    /// How the command was confined.
    pub sandbox: SandboxSection,
    /// Every command of the run, in order.
    pub executions: Vec<ExecutionSummary>,
    /// The environment; null where none was made.
    pub environment: Option<EnvironmentUsed>,
    /// What the workspace held; null where nobody wanted to know.
    #[serde(default)]
    pub snapshots: Option<Snapshots>,
    /// Where every host call is recorded.
    pub record: RecordFile,
    /// Where the sources and the host came from.
    pub provenance: Provenance,
    /// The output directory, seen from the folder of this document: `.` where the document is in it.
    pub output_dir: String,
}

/// Why a run has its status, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// One sentence for a person; empty where there is nothing to explain.
    pub message: String,
    /// What the person can do next; empty where there is nothing to do.
    pub next_action: String,
}

/// A log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogFile {
    /// `command`, `setup`.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// How long it is.
    pub bytes: Bytes,
    /// What is in it.
    pub sha256: Digest,
    /// Whether output beyond the cap was dropped.
    pub truncated: bool,
}

/// A file that the run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Logical name, unique in this document.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// How long it is.
    pub bytes: Bytes,
    /// What is in it.
    pub sha256: Digest,
    /// Whether it is marked for upload.
    pub commit: bool,
    /// Media type (RFC 6838); null where it is not known.
    pub media_type: Option<String>,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// US dollars.
    #[schemars(range(min = 0.0))]
    pub amount_usd: f64,
    /// Where the number comes from.
    pub basis: String,
    /// Whether it is the last word.
    #[serde(rename = "final")]
    pub is_final: bool,
}

impl Cost {
    /// A cost of `amount`.
    #[must_use]
    pub fn new(amount: Usd, basis: impl Into<String>, is_final: bool) -> Self {
        // Exact up to 9 billion dollars: 2^53 millionths.
        #[expect(clippy::cast_precision_loss, reason = "the manifest has dollars as a JSON number")]
        let amount_usd = amount.micros() as f64 / 1e6;
        Self { amount_usd, basis: basis.into(), is_final }
    }
}

/// What the plugin asked for, was granted and used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// What it asks for in its `plugin.toml`.
    pub asked: BTreeMap<String, Value>,
    /// What the user allows.
    pub granted: BTreeMap<String, Value>,
    /// What it did, and how often.
    pub used: BTreeMap<String, u64>,
}

/// How the command was confined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxSection {
    /// What the command saw of the machine.
    pub profile: Profile,
    /// By what means, as proven on this machine: `full`, `full-bwrap`, `kernel-filter` or `none` for a strict command, `process-tree` for one
    /// that only its tree holds, `remote` where it ran elsewhere, `not-started`.
    pub level: String,
    /// What it could reach of the network: hosts as they were named, `full` for the whole network of this machine, nothing where it had none.
    /// Null where it ran elsewhere, and in a manifest of an earlier version.
    #[serde(default)]
    pub network: Option<Vec<String>>,
}

/// One command of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionSummary {
    /// Which command it is.
    pub kind: ExecutionKind,
    /// Its number, from 0.
    pub index: u32,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How it ended; null where that is not known.
    pub ending: Option<Ending>,
    /// Name of its log in `logs`; null where it has none.
    pub log: Option<String>,
}

/// The environment that the run used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentUsed {
    /// Its id.
    pub id: EnvironmentId,
    /// Digest of what it was made from; null where it was for this run alone.
    pub reuse_key: Option<Digest>,
    /// Whether it was there before.
    pub reused: bool,
    /// What the plugin told about it.
    pub metadata: BTreeMap<String, Value>,
}

/// Where every host call is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordFile {
    /// Where it is.
    pub path: String,
    /// Number of entries.
    pub count: u64,
    /// Hash of the last entry.
    pub head: Digest,
}

impl RecordFile {
    /// The record at `path`, which ends at `head`.
    #[must_use]
    pub const fn new(path: String, head: RecordHead) -> Self {
        Self { path, count: head.count, head: head.hash }
    }
}

/// Where the sources and the host came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Commit of the sources; null where they are under no version control.
    pub git_commit: Option<String>,
    /// Whether the sources differ from that commit; null where it is not known.
    pub git_dirty: Option<bool>,
    /// Version of worldflux.
    pub host_version: String,
    /// Operating system and processor: `linux-x86_64`.
    pub platform: String,
}
