//! The command line, exactly as it was typed.
//!
//! One definition: help, man pages and completions are made from these types. What is typed for `run` goes on as text to config, which
//! says what it means.
//!
//! Never: reads a file or a variable, fills in a value that was not typed, prints or exits.
//! Callers: the other files of cli.
//! Read in order: top, global, run, runs, diff, environment, serve, runtime, rights, plugin, endpoint, secret.

#![allow(clippy::doc_markdown, reason = "these comments are printed as help, where a backtick around every name is noise")]

mod diff;
mod endpoint;
mod environment;
mod global;
mod plugin;
mod rights;
mod run;
mod runs;
mod runtime;
mod secret;
mod serve;
#[cfg(test)]
mod tests;
mod top;

pub use diff::DiffArgs;
pub use endpoint::{EndpointAddArgs, EndpointArgs, EndpointVerb};
pub use environment::{EnvironmentArgs, EnvironmentVerb};
pub use global::{ColorChoice, GlobalArgs};
pub use plugin::{AddArgs, AuditArgs, GrantArgs, NamedArgs, PackArgs, PluginArgs, PluginVerb, RevokeArgs, UpdateArgs};
pub use rights::{FolderGrant, RightArgs};
pub use run::RunArgs;
pub use runs::{KillArgs, LogsArgs, ManifestArgs, ManifestVerb, StatusArgs};
pub use runtime::{RuntimeArgs, RuntimeVerb};
pub use secret::{SecretArgs, SecretVerb, StoreChoice};
pub use serve::ServeArgs;
pub use top::{Arguments, CompletionsArgs, ManArgs, SelftestArgs, Verb};
