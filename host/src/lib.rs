//! `worldflux` launches a command on any backend through a sandboxed WebAssembly plugin and writes one truthful manifest.
//!
//! The rooms, from the ground up; a room uses lower floors only:
//!
//! | floor | rooms |
//! |---|---|
//! | 6 | [`cli`] |
//! | 5 | [`serve`] |
//! | 4 | [`run`], [`check`] |
//! | 3 | [`plugin`], [`engine`] |
//! | 2 | [`imports`], [`config`] |
//! | 1 | [`sandbox`], [`workspace`], [`store`], [`egress`], [`secrets`] |
//! | 0 | [`policy`] |
//! | ground | [`names`] |

pub mod check;
pub mod cli;
pub mod config;
pub mod egress;
pub mod engine;
pub mod imports;
pub mod names;
pub mod plugin;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod workspace;

/// Where this program was started again by itself, as the supervisor of a child or as a compiler, be that to the end and return the exit
/// code; else `None`, at once.
///
/// The first line of `main` of every program that uses [`run::Host`] with the default launcher.
#[must_use]
pub fn dispatch() -> Option<std::process::ExitCode> {
    sandbox::dispatch().or_else(engine::dispatch)
}
