//! The helper process that stands between the host and one command.
//!
//! It is the host's program, started again with one argument. It takes the launch from its control socket, makes itself the reaper of
//! everything that the command leaves behind, starts the command, reports, and is gone only when the whole tree is. When the host goes
//! away it ends the tree. A strict command is confined here, before it starts; where only bubblewrap may make namespaces, that starts this
//! program once more as the first process in them, which then does the rest.
//!
//! Never: reads the command's output, uses an environment variable, starts an async runtime.
//! Callers: main, by `dispatch`.
//! Read in order: entry, double, failed, program, command, strict with confine, wrapped, within, watch, tree, signal.

mod command;
mod confine;
mod double;
mod entry;
mod failed;
mod program;
mod signal;
mod strict;
mod tree;
mod watch;
mod within;
mod wrapped;

pub use entry::dispatch;
pub(super) use program::{Found, is_nowhere, look_at, search_path};
