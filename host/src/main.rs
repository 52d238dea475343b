//! The program `worldflux`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Started as the supervisor of a child or as a compiler, this program is nothing else.
    if let Some(code) = worldflux::dispatch() {
        return code;
    }
    worldflux::cli::main(std::env::args_os())
}
