//! What a program that drives sessions is promised, through the library. The letters in the comments name the cases of the earlier systems.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says by panicking what is wrong"
)]

mod at_once;
mod commands;
#[path = "../kit/compiled.rs"]
mod compiled;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/daemon.rs"]
mod daemon;
mod docker;
mod ends;
mod files;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/guests.rs"]
mod guests;
mod host_death;
mod kit;
mod life;
mod setup;
mod snapshots;
mod streams;
