//! The decisions: the only place that makes permits.
//!
//! Never: acts, or decides by anything but its arguments.
//! Callers: whoever needs a permit, by the names that policy hands on.
//! Read in order: folder, process, reach, secret.

mod folder;
mod process;
mod reach;
mod secret;

pub use folder::{open_folder, open_machine_folders, use_path};
pub use process::{CommandRequest, ProgramRequest, compiler, host_tool, start_command, start_program};
pub use reach::{Refused, connect, connection_of, fetch_asset, send_request, sockets};
pub use secret::{give_secrets, usable_secrets};
