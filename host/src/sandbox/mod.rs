//! Launches child processes and owns them: their tree, their input, their output and their end.
//!
//! Between the host and a command sits a small supervisor, the host's own program started again: it makes the command's process tree
//! its own, so that the tree ends as one, also when the host is killed. A strict command is confined there before it starts: it sees what
//! its permit says, and nothing else of the machine.
//!
//! Never: decides whether a process is allowed (policy does, and a launch takes its permit), knows about wasm, reads the environment of
//! the host.
//! Callers: imports, for plugins; run, for the few programs that the host itself starts; main, for `dispatch`; cli, which
//! makes the launcher and shows the proof.
//! Read in order: options, launcher, start, input, helper, group, spare, child, warden, pump, stream, buffers, wire, order, encoding, error, proc,
//! interpreter, bubblewrap, proof, then the supervisor's side.

mod bubblewrap;
mod buffers;
mod child;
mod encoding;
mod error;
mod group;
mod helper;
mod input;
mod interpreter;
mod launcher;
mod options;
mod order;
mod proc;
mod proof;
mod pump;
mod spare;
mod start;
mod stream;
mod supervisor;
mod warden;
mod wire;

pub use child::{Child, Exit};
pub use error::SpawnError;
pub use launcher::Launcher;
pub use options::{Capture, Sink, StartOptions, Stdin, WAY_OUT};
pub use proof::{Canary, Outcome, Proof};
pub use supervisor::dispatch;
