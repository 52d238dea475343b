//! A session: the story of a run with any number of commands, several at once where the runtime can, and a workspace that is filled, read,
//! remembered and put back between them.
//!
//! It is the same story: row, folders, record, `plan`, `build-env`, setup; then, instead of one command, whatever its caller asks for; then
//! the same way home. Nothing here starts a process, calls a plugin or writes a manifest by itself.
//!
//! Never: knows a runtime, or which program its caller is.
//! Callers: a program that uses this library; serve.
//! Read in order: options, command, checkpoint, error; open, life, handle; start, execution, receiver; files, memory, snapshots.
//!
//! Decisions
//! - The story is lent to everything that goes on in a session, and the way home waits until all of it has come back: nothing is torn down
//!   under a command, and nothing begins after it.
//! - An execution is written down a moment later, together with others, where its runtime has shown that it starts processes of this machine:
//!   they end with the host, so nobody could do anything with a row that is there sooner, and a thousand short commands do not wait for a
//!   thousand changes of the database. The first one, and whatever runs elsewhere, is on disk before it is started or followed.
//! - A command that the caller asks for takes nothing from what the plugin may start by itself.

mod checkpoint;
mod command;
mod error;
mod execution;
mod files;
mod handle;
mod life;
mod memory;
mod open;
mod options;
mod receiver;
mod snapshots;
mod start;

pub use checkpoint::{Checkpoint, Checkpointed};
pub use command::{BUFFERED, CommandInput, CommandLine, CommandLog, OutputMode, SessionCommand};
pub use error::SessionError;
pub use execution::{Executed, Execution, ExecutionState};
pub use handle::{Session, SessionPlaces, SetupOutput};
pub use options::{SessionOptions, SessionWorkspace};
pub use receiver::OutputReceiver;
