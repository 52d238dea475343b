//! The story of runs and sessions for programs: JSON-RPC 2.0, one object a line.
//!
//! One client, any number of sessions, any number of commands at once in each. Every method is a type with its parameters and its answer;
//! the schema, which is committed, is made from them.
//!
//! Never: decides, starts, keeps or cleans up anything that `run` does not; holds more output than a few pieces for a client that does not
//! read.
//! Callers: cli.
//! Read in order: serve, server, line, outbox, message, method, parameters, error, limits; then what there is to ask for: info, session (with
//! opened and event), execution (with command, result, stream and window), files, snapshot, asset; then data, quote, schema.
//!
//! Decisions
//! - A client that does not read is stopped by the pipe: only a few lines wait for it, and whoever has one more waits, down to the command,
//!   whose own pipe fills. A client that reads for many and is slow with one gives that one a window, in bytes that it acknowledges:
//!   requests for credit would cost a line for every piece, an acknowledgement can be for many.
//! - Requests are begun in the order in which they come only where that order means something, as for input of a command. All others run beside
//!   each other: one that waits holds up none.
//! - A line that is too long or no JSON ends nothing: whoever sent it hears why, and the sessions are as they were.

mod asset;
mod command;
mod data;
mod error;
mod event;
mod execution;
mod files;
mod info;
mod limits;
mod line;
mod message;
mod method;
mod opened;
mod outbox;
mod parameters;
mod quote;
mod result;
mod schema;
#[allow(clippy::module_inception, reason = "the verb of the room")]
mod serve;
mod server;
mod session;
mod snapshot;
mod stream;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use quote::append_quoted;
pub use schema::{PROTOCOL, serve_schema};
pub use serve::serve;
