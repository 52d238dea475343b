//! The program `worldflux-supervisor`: what `worldflux` starts between itself and a command.
//!
//! `worldflux` can be its own supervisor. This one does nothing else and is a thirtieth of its size, so that a command starts in half the
//! time.

use std::{fmt, process::ExitCode};

fn main() -> Result<ExitCode, ByHand> {
    worldflux::sandbox::dispatch().ok_or(ByHand)
}

/// Nobody but `worldflux` has a use for it. Printed by its `Debug`.
struct ByHand;

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this program is started by `worldflux` for every command, not by hand: run `worldflux --help`")
    }
}
