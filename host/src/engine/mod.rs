//! The only owner of wasmtime: compiles components, makes an instance for every call, bounds it, and checks what it answers.
//!
//! Never: decides what a plugin may do (policy does, through imports), knows the order of a run, finds plugins.
//! Callers: run; cli, to show findings and plans.
//! Read in order: machine, ticker, turns, limits, cache, compiler, load, question, call, fault, answer.
//!
//! Decisions
//! - A fresh instance for every call, from a pre-linked component. On-demand allocation: a pool saves microseconds and has limits that
//!   a Python plugin exhausts.
//! - Epochs bound the time of a guest, not fuel: a tight loop costs the same, ordinary code nothing.

mod answer;
mod cache;
mod call;
mod compiler;
mod fault;
mod limits;
mod load;
mod machine;
mod question;
mod ticker;
mod turns;

pub use answer::{
    Artifact, BuiltEnvironment, Cost, Description, Details, Feature, Finding, Metric, Observation, Outcome, Outline, PathMapping, Phase,
    PhaseDuration, PlannedResource, Release, Severity, Started,
};
pub use cache::CompiledCache;
pub use call::patience;
pub use compiler::{CompileLimits, Compiler, dispatch};
pub use fault::{CallError, HostFault, PluginFault};
pub use load::{LoadError, Plugin};
pub use machine::Engine;
pub use question::{ExecutionRequest, Question, StdinKind};
