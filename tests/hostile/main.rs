//! What a plugin does that means harm, one subject a file, and what holds all the same.
//!
//! Each attack is one call of the guest `rogue` in the real engine; after each the kit checks that the record is whole, that the memory of
//! the host stayed below its ceiling and that another plugin answers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test says by panicking what is wrong"
)]
#![allow(dead_code, reason = "the kit serves several tests, and each uses a part of it")]

#[path = "../kit/authority.rs"]
mod authority;
#[path = "../kit/guests.rs"]
mod guests;
#[path = "../kit/lab.rs"]
mod lab;
#[path = "../kit/names.rs"]
mod names;
#[path = "../kit/origin.rs"]
mod origin;
#[path = "../kit/report.rs"]
mod report;

mod answers;
mod broken;
mod children;
mod compile;
mod compiled_code;
mod end;
mod environment;
mod files;
mod floods;
mod http;
mod http_answers;
mod http_headers;
mod http_names;
mod http_rpc;
mod http_runs;
mod http_uploads;
mod network;
mod process;
mod quota;
mod resources;
mod secrets;
mod started;
mod storms;
mod time;
mod tools;
mod transfer;
