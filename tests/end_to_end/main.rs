//! What a person who types `worldflux` is promised. The letters in the comments name the cases of the earlier systems.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says by panicking what is wrong"
)]

mod assets;
mod audit;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/authority.rs"]
mod authority;
mod background;
#[path = "../kit/compiled.rs"]
mod compiled;
mod containers;
mod crash;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/daemon.rs"]
mod daemon;
mod deadline;
mod diff;
mod docker;
mod docker_access;
mod docker_errors;
mod docker_harness;
mod docker_images;
mod endpoints;
mod environment;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/guests.rs"]
mod guests;
mod input;
mod interrupt;
mod kit;
mod manifest;
mod mistakes;
mod network;
mod network_attacks;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use more of it")]
#[path = "../kit/origin.rs"]
mod origin;
mod output;
mod plugins;
mod prompts;
mod recipe;
mod replicate;
mod rights;
mod runtimes;
mod secret;
mod secrets;
mod serve;
mod strict;
mod verbs;
