//! The one trait of a plugin.

use std::time::Duration;

use crate::{
    Description, Ending, Environment, ExecutionRequest, Failure, Finding, Observation, Outcome, Outline, Release, Started, collect,
    context::Context, process,
};

/// A runtime: a backend that can run commands. What is not overridden does what a runtime of this machine without an environment does.
///
/// There is no `self`: every call gets a fresh instance of the component, so there is nothing that could be kept in one. What has to last is
/// a handle, a short string that the host keeps and hands back, or a file below `/state`.
pub trait Runtime {
    /// Say what this runtime is. Pure: no import may be called.
    fn describe() -> Description;

    /// Look whether this runtime can work here; `settings` is the JSON text that [`context::parse`](crate::context::parse) reads. Reads,
    /// never changes. A check that fails is a finding; a failure means that doctor itself could not work.
    fn doctor(settings: &str) -> Result<Vec<Finding>, Failure>;

    /// Say what would be made and what it would cost, without making it. By default: nothing, and free.
    fn plan(_context: &Context) -> Result<Outline, Failure> {
        Ok(Outline::free())
    }

    /// Make the environment. With `existing`, the handle that was kept under the same reuse key: answer with it if it still works, else make it
    /// anew. Repeating the call after a failure must not make a second one. By default nothing is made, and the handle says so.
    fn build_env(_context: &Context, _existing: Option<&str>) -> Result<Environment, Failure> {
        Ok(Environment::nothing())
    }

    /// Start one command, and return once it has been accepted.
    fn start(context: &Context, environment: &str, request: &ExecutionRequest) -> Result<Started, Failure>;

    /// Observe an execution, without waiting. By default what the host knows of the process with this handle.
    fn poll(_context: &Context, _environment: &str, execution: &str, after: &str) -> Result<Observation, Failure> {
        Ok(process::observe(execution)?.into_observation(after))
    }

    /// Ask an execution to end. Safe twice and after the end. By default the process with this handle and all its descendants.
    fn kill(_context: &Context, _environment: &str, execution: &str, _grace: Duration) -> Result<(), Failure> {
        process::stop(execution)
    }

    /// Bring home what the execution left. By default the files and numbers that [`collect`] finds below `/output` and `/workspace`.
    fn collect(context: &Context, _environment: &str, _execution: &str, _ending: &Ending) -> Result<Outcome, Failure> {
        collect::outcome(context)
    }

    /// Release everything that `build_env` and `start` made. Idempotent; called after failures too. By default nothing was made.
    fn teardown(_context: &Context, _environment: Option<&str>) -> Result<Release, Failure> {
        Ok(Release::because("nothing was made"))
    }
}
