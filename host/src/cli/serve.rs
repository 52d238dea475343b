//! `worldflux serve`.

use std::io;

use rustix::pipe::fcntl_setpipe_size;
use tokio::signal::unix::{SignalKind, signal};

use super::{args::ServeArgs, context::Context, entry::wait, exit::Exit, output::Mark};
use crate::{config::Environment, run::RunError, serve};

/// Size that is asked for the pipe to the client. A larger pipe means fewer changes between this program and its reader.
const PIPE: usize = 1 << 20;

pub(super) fn serve(context: &Context, arguments: &ServeArgs) -> Result<Exit, RunError> {
    if arguments.schema {
        context.output.data(&serve::serve_schema());
        return Ok(Exit::Ok);
    }
    wait(stdio(context))
}

async fn stdio(context: &Context) -> Result<Exit, RunError> {
    let host = context.host()?;
    for problem in host.settle()?.problems {
        context.output.talk(Mark::Warning, &problem);
    }
    // Where it is no pipe, or may not be larger, it stays as it is.
    let _ = fcntl_setpipe_size(io::stdout(), PIPE);
    let folder = Environment::current_directory()?;
    let problems = serve::serve(host, context.environment.clone(), folder, io::stdin(), io::stdout(), asked_to_end()).await;
    for problem in &problems {
        context.output.talk(Mark::Error, problem);
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::LeftBehind })
}

/// Waits until somebody wants this program to end. Where signals cannot be listened to, they end it as they end any program.
async fn asked_to_end() {
    let (Ok(mut interrupts), Ok(mut terminations)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
