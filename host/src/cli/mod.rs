//! Words: what a person types becomes a call of `run`, and what comes of it is shown. The only room that prints and exits.
//!
//! stdout is data, stderr is talk. With `--json` stdout is exactly one document. A stranger's text is escaped before it reaches a
//! terminal. Meaning never depends on colour.
//!
//! Never: decides, starts, keeps or cleans up anything itself.
//! Callers: main.
//! Read in order: args, entry, context, supervisor, exit, output; then a file for each verb: run (with watch and progress, which
//! show it while it goes on, and detach), runs, status, logs, kill, manifest, diff, reap, environment, serve, runtime, doctor, selftest, plugin (with prompt,
//! which asks), endpoint, secret, completions, man.

pub mod args;
mod completions;
mod context;
mod detach;
mod diff;
mod doctor;
mod endpoint;
mod entry;
mod environment;
mod exit;
mod kill;
mod logs;
mod man;
mod manifest;
mod output;
mod plugin;
mod progress;
mod prompt;
mod reap;
mod run;
mod runs;
mod runtime;
mod secret;
mod selftest;
mod serve;
mod status;
mod supervisor;
mod watch;

pub use entry::main;
pub use exit::{EXIT_CODES, Exit};
pub use output::escape;
