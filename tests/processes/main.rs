//! What the host promises about every process that it starts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test says by panicking what is wrong")]

mod end;
mod host_death;
mod input;
mod kit;
mod output;
mod start;
mod strict;
mod terminal;
mod tidy;
mod tree;

/// The strongest level at which the strict commands of these tests are confined.
const MOST: worldflux::policy::Level = worldflux::policy::Level::Full;
