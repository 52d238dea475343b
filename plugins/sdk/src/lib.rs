//! Write a worldflux runtime plugin: implement one trait, register it with one macro.
//!
//! ```
//! use worldflux_plugin::{Description, ExecutionRequest, Failure, Finding, Runtime, Started, context::Context, process};
//!
//! struct Here;
//!
//! impl Runtime for Here {
//!     fn describe() -> Description {
//!         Description::new("here", "0.1.0", "runs commands on this machine")
//!     }
//!
//!     fn doctor(_settings: &str) -> Result<Vec<Finding>, Failure> {
//!         Ok(vec![Finding::info("machine", "this machine is here")])
//!     }
//!
//!     fn start(_context: &Context, _environment: &str, _request: &ExecutionRequest) -> Result<Started, Failure> {
//!         Ok(Started::HostProcess(process::launch_command(process::Launch::default())?))
//!     }
//! }
//!
//! worldflux_plugin::register!(Here);
//! # fn main() {}
//! ```
//!
//! Build it as a `cdylib` with `cargo build --release --target wasm32-wasip2`, and put its `plugin.toml` into it with
//! `worldflux plugin pack`.
//!
//! What the host promises, and what a plugin may count on, is written in the protocol (`wit/`). In short: every call gets a fresh instance,
//! so nothing but a handle or a file in `/state` outlives a call; what is not granted fails with [`Cause::Denied`]; and files are
//! ordinary files of the standard library, below `/workspace`, `/source`, `/env`, `/output`, `/state` and `/assets`.
//!
//! Read in order: runtime, failure, context, process, http, secrets, transfer, log, then the answers: describe, doctor, plan, environment,
//! execution, outcome; and collect, which brings results home.

mod adapter;
mod bindings;
pub mod collect;
pub mod context;
mod describe;
mod detail;
mod doctor;
mod environment;
mod execution;
mod failure;
pub mod http;
pub mod log;
mod outcome;
mod plan;
pub mod process;
mod runtime;
pub mod secrets;
pub mod transfer;

pub use describe::{Description, Features, FixedPaths, PathMapping};
pub use detail::Detail;
pub use doctor::{Finding, Severity};
pub use environment::{Environment, Release};
pub use execution::{Channel, ExecutionKind, ExecutionRequest, Observation, OutputChunk, Phase, RemoteExecution, Started, Stdin};
pub use failure::{AtPath, Cause, Failure};
pub use outcome::{Artifact, Cost, EndKind, Ending, Metric, Outcome, PhaseDuration};
pub use plan::{Outline, PlannedResource};
pub use runtime::Runtime;

/// Makes a type the plugin of this component. Once in a crate, at its top.
#[macro_export]
macro_rules! register {
    ($runtime:ty) => {
        #[doc(hidden)]
        type __WorldfluxPlugin = $crate::__private::Adapter<$runtime>;
        $crate::__private::export_plugin!(__WorldfluxPlugin with_types_in $crate::__private);
    };
}

/// What `register!` needs. Not for use.
#[doc(hidden)]
pub mod __private {
    pub use crate::{adapter::Adapter, bindings::*};
}
