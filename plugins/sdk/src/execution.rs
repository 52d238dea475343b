//! One command of a run: what is asked for, what was started, what was seen.

pub use crate::bindings::{
    exports::worldflux::runtime::plugin::{
        ExecutionKind, ExecutionRequest, Observation, OutputChunk, Phase, RemoteExecution, Started, Stdin,
    },
    worldflux::runtime::types::Channel,
};
