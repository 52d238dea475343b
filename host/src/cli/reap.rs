//! `worldflux reap`.

use super::{context::Context, exit::Exit, output::Mark};
use crate::run::RunError;

pub(super) async fn reap(context: &Context) -> Result<Exit, RunError> {
    let reaped = context.host()?.reap().await?;
    if context.output.json {
        context.output.document(&reaped);
    } else {
        for (run, status) in &reaped.runs {
            context.output.line(&format!("run {run}: {status}"));
        }
        for environment in &reaped.released {
            context.output.line(&format!("environment {environment}: released"));
        }
        if reaped.snapshots > 0 {
            context.output.line(&format!("snapshots of no run: {} removed", reaped.snapshots));
        }
        for problem in &reaped.problems {
            context.output.talk(Mark::Error, problem);
        }
        if reaped == crate::run::Reaped::default() {
            context.output.line("nothing was left behind");
        }
    }
    Ok(if reaped.problems.is_empty() { Exit::Ok } else { Exit::LeftBehind })
}
