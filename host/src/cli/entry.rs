//! From the command line to the verb.

use std::{ffi::OsString, process::ExitCode};

use clap::error::ErrorKind;

use super::{
    args::{Arguments, Verb},
    completions,
    context::Context,
    diff, doctor, endpoint, environment,
    exit::Exit,
    kill, logs, man, manifest,
    output::Mark,
    plugin, reap, run, runs, runtime, secret, selftest, serve, status,
};
use crate::run::RunError;

/// Versions of everything that decides whether a plugin fits.
pub(super) const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\nwasmtime 48\nprotocol worldflux:runtime@0.1.0\nmanifest worldflux.run_manifest.v1");

/// Do what was typed; the name of the program comes first.
#[must_use]
pub fn main(typed: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::read(typed, LONG_VERSION) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if is_answer { Exit::Ok } else { Exit::Blocked }.into();
        }
    };
    let context = Context::new(arguments.global);
    let Some(verb) = arguments.verb else {
        context.output.data(&Arguments::definition(LONG_VERSION).render_help().to_string());
        return Exit::Ok.into();
    };
    match dispatch(&context, verb) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of_error(&error);
            context.output.failure(&error.to_string(), error.hint().as_deref(), exit.code());
            if context.global.debug {
                context.output.talk(Mark::Note, &format!("{error:?}"));
            }
            exit.into()
        }
    }
}

fn dispatch(context: &Context, verb: Verb) -> Result<Exit, RunError> {
    match verb {
        Verb::Run(arguments) => wait(run::run(context, &arguments)),
        Verb::Runs => runs::list(context),
        Verb::Status(arguments) => status::show(context, arguments.run.as_ref()),
        Verb::Logs(arguments) => wait(logs::show(context, &arguments)),
        Verb::Kill(arguments) => kill::kill(context, &arguments),
        Verb::Manifest(arguments) => manifest::show(context, &arguments),
        Verb::Diff(arguments) => diff::show(context, &arguments),
        Verb::Reap => wait(reap::reap(context)),
        Verb::Env(arguments) => wait(environment::environments(context, arguments.verb)),
        Verb::Serve(arguments) => serve::serve(context, &arguments),
        Verb::Runtime(arguments) => runtime::runtime(context, arguments.verb),
        Verb::Selftest(arguments) => wait(selftest::selftest(context, &arguments)),
        Verb::Doctor => wait(doctor::doctor(context)),
        Verb::Plugin(arguments) => plugin::plugin(context, arguments.verb),
        Verb::Secret(arguments) => wait(secret::secret(context, arguments.verb)),
        Verb::Endpoint(arguments) => endpoint::endpoints(context, arguments.verb),
        Verb::Completions(arguments) => Ok(completions::print(context, arguments.shell)),
        Verb::Man(arguments) => man::print(context, arguments.out.as_deref()),
    }
}

/// Run a verb that waits for several things at once, guests that compute among them.
pub(super) fn wait(work: impl Future<Output = Result<Exit, RunError>>) -> Result<Exit, RunError> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    run_in(tokio::runtime::Builder::new_multi_thread().worker_threads(threads.max(2)), work)
}

/// Run a verb that waits for one plugin: there is nobody whom a guest that computes could hold up, and threads take time to start.
pub(super) fn wait_for_one(work: impl Future<Output = Result<Exit, RunError>>) -> Result<Exit, RunError> {
    run_in(&mut tokio::runtime::Builder::new_current_thread(), work)
}

fn run_in(runtime: &mut tokio::runtime::Builder, work: impl Future<Output = Result<Exit, RunError>>) -> Result<Exit, RunError> {
    match runtime.enable_all().build() {
        Ok(runtime) => {
            let answer = runtime.block_on(work);
            // A guest that still computes must not hold the program back.
            runtime.shutdown_background();
            answer
        }
        Err(cause) => Err(RunError::Output { path: "the threads of this program".into(), cause }),
    }
}
