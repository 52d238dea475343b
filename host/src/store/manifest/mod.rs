//! The manifest of a run: one document, of the same shape whatever the backend was.
//!
//! Sorted keys, two spaces, a final line feed, finite numbers only, no secret. Every path is relative to the output directory where it is
//! inside, absolute elsewhere. `run_manifest.v1.schema.json` beside this file is its JSON Schema (draft 2020-12), generated from the types.
//!
//! Never: measures a file that it describes, except to verify. Callers: run writes it, cli shows and verifies it.
//! Read in order: document, runtime, hide, file, verify, schema.

mod document;
mod file;
mod hide;
mod runtime;
mod schema;
mod verify;

pub use document::{
    Artifact, Capabilities, Cost, EnvironmentUsed, ExecutionSummary, LogFile, MANIFEST_SCHEMA, Manifest, Provenance, Reason, RecordFile,
    SandboxSection, SchemaName,
};
pub use file::path_in_manifest;
pub use runtime::{PluginIdentity, RuntimeSection};
pub use schema::manifest_schema;
pub use verify::{ManifestReport, Problem, verify_manifest};
