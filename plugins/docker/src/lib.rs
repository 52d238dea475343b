//! The `docker` runtime: commands run in a container of their own, which docker or podman keeps.
//!
//! Everything that has a life goes through the Engine API, over the socket that the user granted: images, the container, its end. A command is
//! run by a `docker exec` that the host launches, so its input and output never pass through here; `start` says more.
//!
//! Never: makes a container with more rights than its user asked for, puts the value of a variable on a command line or into what the daemon
//! shows of a container, touches a container that it did not make.
//! Read in order: settings, translate, mounts, doctor, plan, handle, container, image, archive, build, pull, progress, start, variables, kill; dialect
//! has every request, answers every answer that is read.

mod answers;
mod archive;
mod build;
mod container;
mod dialect;
mod doctor;
mod handle;
mod image;
mod kill;
mod mounts;
mod plan;
mod progress;
mod pull;
mod settings;
mod start;
mod translate;
mod variables;

use std::time::Duration;

use worldflux_plugin::{
    Description, Environment, ExecutionRequest, Failure, Features, Finding, Outline, Release, Runtime, Started, context::Context,
};

/// The version in `plugin.toml` and in the key of every image that is built.
const VERSION: &str = env!("CARGO_PKG_VERSION");

struct Docker;

impl Runtime for Docker {
    fn describe() -> Description {
        let features = Features::STREAMS
            | Features::STDIN
            | Features::INTERACTIVE_STDIN
            | Features::PORTS
            | Features::MOUNTS
            | Features::GPU
            | Features::CONCURRENT
            | Features::USERS
            | Features::NETWORKS;
        Description::new("docker", VERSION, "runs commands in containers, on docker and podman")
            .settings(settings::SCHEMA)
            .features(features)
            .paths(settings::WORKSPACE, settings::ASSETS, settings::OUTPUT)
    }

    fn doctor(settings: &str) -> Result<Vec<Finding>, Failure> {
        doctor::findings(settings)
    }

    fn plan(context: &Context) -> Result<Outline, Failure> {
        plan::outline(context)
    }

    fn build_env(context: &Context, _existing: Option<&str>) -> Result<Environment, Failure> {
        container::build(context)
    }

    fn start(context: &Context, environment: &str, request: &ExecutionRequest) -> Result<Started, Failure> {
        start::start(context, &environment.parse()?, request)
    }

    fn kill(_context: &Context, environment: &str, execution: &str, grace: Duration) -> Result<(), Failure> {
        kill::kill(&environment.parse()?, execution, grace)
    }

    fn teardown(context: &Context, environment: Option<&str>) -> Result<Release, Failure> {
        container::release(context, environment.map(str::parse).transpose()?.as_ref())
    }
}

worldflux_plugin::register!(Docker);
