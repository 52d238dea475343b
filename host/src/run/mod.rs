//! The story of one run: the only room that knows the order of events.
//!
//! Never: parses what was typed (cli and config do), prints, decides what a plugin may do.
//! Callers: cli, and a program that uses this library.
//! Read in order: added, host, step, event, cancel, error; then the story: resolve, story, secrets, assets, prepare, mounts, network, index, call, installer,
//! build, snapshot, ledger, rows, execute, output, reader, remote, collect, teardown, verdict, finish; then the folder session, which is the same with any
//! number of commands; then what happens outside of a run: doctor, examine, reap, provenance.
//!
//! Decisions
//! - A step that fails ends the way to the command, never the way to the manifest: collect, teardown and finish run whatever happened.
//! - `doctor` and the look at the repository run beside `plan`: none of them changes anything, and a person waits for all of them.
//! - The values of secrets are looked up once, before a run has a row: whatever is written from then on goes through what hides them.
//! - The context of a run is written to its folder, without the values of variables, so that a later host can tear down what a host that
//!   was killed had built.

mod added;
mod assets;
mod build;
mod call;
mod cancel;
mod collect;
mod doctor;
mod error;
mod event;
mod examine;
mod execute;
mod finish;
mod host;
mod index;
mod installer;
mod ledger;
mod mounts;
mod network;
mod output;
mod prepare;
mod provenance;
mod reader;
mod reap;
mod remote;
mod resolve;
mod rows;
mod secrets;
mod session;
mod snapshot;
mod step;
mod story;
mod teardown;
mod verdict;

pub use added::added_plugins;
pub use cancel::{Cancel, Canceller};
pub use doctor::{Doctored, Health, PROBES};
pub use error::RunError;
pub use event::{Event, OutputSource};
pub use examine::{Plan, RuntimeInfo};
pub use host::{Host, HostOptions};
pub use reader::OutputChunk;
pub use reap::{Pruned, Reaped};
pub use session::{
    BUFFERED, Checkpoint, Checkpointed, CommandInput, CommandLine, CommandLog, Executed, Execution, ExecutionState, OutputMode,
    OutputReceiver, Session, SessionCommand, SessionError, SessionOptions, SessionPlaces, SessionWorkspace, SetupOutput,
};
pub use snapshot::Compared;
pub use step::Step;
pub use story::{RunHandle, Running};
pub use verdict::Verdict;
