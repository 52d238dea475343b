//! `worldflux env`.

use super::{args::EnvironmentVerb, context::Context, exit::Exit, output::Mark};
use crate::{
    run::RunError,
    store::{EnvironmentRow, bytes_below},
};

pub(super) async fn environments(context: &Context, verb: EnvironmentVerb) -> Result<Exit, RunError> {
    match verb {
        EnvironmentVerb::List => list(context),
        EnvironmentVerb::Prune { environments } => prune(context, &environments).await,
    }
}

fn list(context: &Context) -> Result<Exit, RunError> {
    let host = context.host()?;
    let rows = host.state().environments()?;
    if context.output.json {
        context.output.document(&rows);
        return Ok(Exit::Ok);
    }
    let cells = |row: &EnvironmentRow| {
        let size = bytes_below(&row.folder).map_or_else(|_| "?".to_owned(), |bytes| bytes.to_string());
        let key = row.reuse_key.map_or_else(|| "-".to_owned(), |key| key.short());
        vec![row.id.to_string(), row.runtime.clone(), row.state.to_string(), key, size, row.used_at.to_string()]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.output.table(&["ENVIRONMENT", "RUNTIME", "STATE", "KEY", "SIZE", "USED"], &rows);
    Ok(Exit::Ok)
}

async fn prune(context: &Context, wanted: &[String]) -> Result<Exit, RunError> {
    let report = context.host()?.prune(wanted).await?;
    if context.output.json {
        context.output.document(&report);
    } else {
        for environment in &report.released {
            context.output.line(&format!("{environment}: removed"));
        }
        for environment in &report.in_use {
            context.output.talk(Mark::Note, &format!("{environment} is in use and stays"));
        }
        for problem in &report.problems {
            context.output.talk(Mark::Error, problem);
        }
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::LeftBehind })
}
