//! What the user wrote becomes what is meant.
//!
//! Built-in values, `worldflux.toml`, a `--spec` file and the command line, in this order, become one [`RunSettings`] with nothing left to
//! guess: past this room no `Option` means "default". Every complaint names the place, the thing, what was found and what was expected.
//!
//! Never: parses the command line (cli does), decides what is allowed (policy does), starts anything. Nobody else reads environment
//! variables.
//! Callers: cli, run; engine, which puts the settings of a run into the context of a call.
//! Read in order: env, folders; document, foreign, file, `evaluation_spec`, find; overrides, sources, settings, `environment_settings`,
//! resolve, `resolve_environment`; then what single values mean: duration, `command_line`, variable, place, narrowing, network, assets;
//! `runtime_settings`; what the user allows: `user_file`, grants, lock, register, endpoints; last how mistakes are told: error.

mod assets;
mod command_line;
mod document;
mod duration;
mod endpoints;
mod env;
mod environment_settings;
mod error;
mod evaluation_spec;
mod file;
mod find;
mod folders;
mod foreign;
mod grants;
mod lock;
mod narrowing;
mod network;
mod overrides;
mod place;
mod register;
mod resolve;
mod resolve_environment;
mod runtime_settings;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_mistakes;
#[cfg(test)]
mod tests_of_specs;
mod user_file;
mod variable;

pub use duration::{parse_duration, show_duration};
pub use endpoints::EndpointFile;
pub use env::Environment;
pub use environment_settings::{EnvironmentSettings, HostVariables, Mount, Port, SnapshotRules};
pub use error::{ConfigError, Origin, Subject};
pub use folders::Folders;
pub use grants::{GrantFile, Granted};
pub use lock::{LockFile, Pinned};
pub use network::NetworkChoice;
pub use overrides::RunOverrides;
pub use register::Register;
pub use runtime_settings::check_settings;
pub use settings::{Deadline, Mode, Place, RunSettings, RuntimeChoice, Stdin};
pub use variable::variable_fault;
