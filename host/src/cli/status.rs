//! `worldflux status`.

use serde_json::json;

use super::{context::Context, exit::Exit};
use crate::{names::RunId, run::RunError, store::RunRow};

pub(super) fn show(context: &Context, run: Option<&RunId>) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(run.map_or("last", RunId::as_str))?;
    let evidence = evidence(&row);
    if context.output.json {
        let executions = host.state().executions(&row.id)?;
        context.output.document(&json!({ "run": row, "evidence": evidence, "executions": executions }));
        return Ok(Exit::Ok);
    }
    let mut lines = vec![
        ("run", row.id.to_string()),
        ("status", format!("{} ({evidence})", row.status)),
        ("step", row.step.clone()),
        ("runtime", row.runtime.clone()),
        ("command", row.command.join(" ")),
        ("created", row.created_at.to_string()),
        ("output", row.output_dir.display().to_string()),
    ];
    if !row.message.is_empty() {
        lines.insert(2, ("reason", format!("{}: {}", row.reason, row.message)));
    }
    if let Some(ended) = row.ended_at {
        lines.push(("ended", ended.to_string()));
    }
    for (name, value) in lines {
        context.output.line(&format!("{name:8} {value}"));
    }
    Ok(Exit::Ok)
}

/// How the status is known.
fn evidence(row: &RunRow) -> String {
    match row.ended_at {
        Some(ended) => format!("its host said so at {ended}"),
        None => format!("its host, process {}, holds the lock of the run", row.host_pid),
    }
}
