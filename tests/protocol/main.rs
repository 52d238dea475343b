//! Who can be a plugin, and what is said to those who cannot.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test says by panicking what is wrong"
)]
#![allow(dead_code, reason = "the kit serves several tests, and each uses a part of it")]

#[path = "../kit/guests.rs"]
mod guests;
#[path = "../kit/lab.rs"]
mod lab;
#[path = "../kit/program.rs"]
mod program;
#[path = "../kit/report.rs"]
mod report;

mod bare;
mod impostor;
mod mutants;
mod refused;
mod sections;
