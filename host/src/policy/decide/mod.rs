//! The decisions: the only place that makes permits, a file per noun.

mod folder;
mod process;
mod reach;
mod secret;

pub use folder::{open_folder, open_machine_folders, use_path};
pub use process::{CommandRequest, ProgramRequest, compiler, host_tool, start_command, start_program};
pub use reach::{Refused, connect, connection_of, fetch_asset, send_request};
pub use secret::{give_secrets, usable_secrets};
