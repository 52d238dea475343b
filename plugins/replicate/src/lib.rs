//! The `replicate` runtime: a command is a model of replicate.com with its input, and running it is a prediction or a training there.
//!
//! Never: sees the API token, creates anything twice on purpose, keeps a prediction going that its run has left.
//! Read in order: settings, command, inputs, target, plan, doctor, note, start, create, handle, cursor, poll, stream, translate, collect,
//! files, teardown; dialect has every request and every answer that is read.

mod collect;
mod command;
mod create;
mod cursor;
mod dialect;
mod doctor;
mod files;
mod handle;
mod inputs;
mod note;
mod plan;
mod poll;
mod settings;
mod start;
mod stream;
mod target;
mod teardown;
mod translate;

use std::time::Duration;

use worldflux_plugin::{
    Description, Ending, ExecutionRequest, Failure, Features, Finding, Observation, Outcome, Outline, Release, Runtime, Started,
    context::Context,
};

/// The version in `plugin.toml`.
const VERSION: &str = env!("CARGO_PKG_VERSION");

struct Replicate;

impl Runtime for Replicate {
    fn describe() -> Description {
        let features = Features::STREAMS | Features::CONCURRENT;
        Description::new("replicate", VERSION, "runs models on Replicate").settings(settings::SCHEMA).features(features)
    }

    fn doctor(settings: &str) -> Result<Vec<Finding>, Failure> {
        doctor::findings(settings)
    }

    fn plan(context: &Context) -> Result<Outline, Failure> {
        plan::outline(context)
    }

    fn start(context: &Context, _environment: &str, request: &ExecutionRequest) -> Result<Started, Failure> {
        start::start(context, request)
    }

    fn poll(context: &Context, _environment: &str, execution: &str, after: &str) -> Result<Observation, Failure> {
        poll::observe(context, &execution.parse()?, &after.parse()?)
    }

    fn kill(_context: &Context, _environment: &str, execution: &str, _grace: Duration) -> Result<(), Failure> {
        teardown::cancel(&execution.parse()?)
    }

    fn collect(context: &Context, _environment: &str, execution: &str, _ending: &Ending) -> Result<Outcome, Failure> {
        collect::outcome(context, &execution.parse()?)
    }

    fn teardown(context: &Context, _environment: Option<&str>) -> Result<Release, Failure> {
        teardown::release(context)
    }
}

worldflux_plugin::register!(Replicate);
