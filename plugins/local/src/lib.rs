//! The `local` runtime: commands run on this machine, in a venv where one is asked for.
//!
//! Never: changes the command, writes outside `/env`, keeps anything running.
//! Read in order: settings, translate, doctor, inputs, interpreter, plan, build, handle; dialect has every command line and every output that is
//! read.

mod build;
mod dialect;
mod doctor;
mod handle;
mod inputs;
mod interpreter;
mod plan;
mod settings;
mod translate;

use worldflux_plugin::{
    Description, Environment, ExecutionRequest, Failure, Features, Finding, Outline, Release, Runtime, Started, context::Context, process,
};

use handle::Handle;

/// The version in `plugin.toml` and in every reuse key: an environment that another version made is made anew.
const VERSION: &str = env!("CARGO_PKG_VERSION");

struct Local;

impl Runtime for Local {
    fn describe() -> Description {
        let features = Features::STREAMS | Features::STDIN | Features::INTERACTIVE_STDIN | Features::GPU | Features::CONCURRENT;
        Description::new("local", VERSION, "runs commands on this machine").settings(settings::SCHEMA).features(features)
    }

    fn doctor(settings: &str) -> Result<Vec<Finding>, Failure> {
        doctor::findings(settings)
    }

    fn plan(context: &Context) -> Result<Outline, Failure> {
        plan::outline(context)
    }

    fn build_env(context: &Context, existing: Option<&str>) -> Result<Environment, Failure> {
        build::environment(context, existing)
    }

    fn start(context: &Context, environment: &str, _request: &ExecutionRequest) -> Result<Started, Failure> {
        let launch = environment.parse::<Handle>()?.launch(context)?;
        Ok(Started::HostProcess(process::launch_command(launch)?))
    }

    fn teardown(_context: &Context, environment: Option<&str>) -> Result<Release, Failure> {
        Ok(Release::because(match environment {
            Some(_) => "processes and environment belong to the host; nothing else was made",
            None => "nothing was made",
        }))
    }
}

worldflux_plugin::register!(Local);
