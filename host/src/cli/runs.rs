//! `worldflux runs`.

use super::{context::Context, exit::Exit};
use crate::{
    run::RunError,
    store::{RunFilter, RunRow},
};

/// Runs that are listed.
const MOST: usize = 1_000;

/// Characters of a command in the table.
const COMMAND: usize = 80;

pub(super) fn list(context: &Context) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let rows = host.state().runs(&RunFilter::default(), MOST)?;
    if context.output.json {
        context.output.document(&rows);
        return Ok(Exit::Ok);
    }
    let cells = |row: &RunRow| {
        let end = row.ended_at.map_or_else(String::new, |ended| seconds(ended.since(row.created_at)));
        vec![
            row.id.to_string(),
            row.status.to_string(),
            row.reason.to_string(),
            row.runtime.clone(),
            end,
            if row.command.is_empty() { "(session)".to_owned() } else { shortened(&row.command.join(" ")) },
        ]
    };
    context.output.table(&["RUN", "STATUS", "REASON", "RUNTIME", "TOOK", "COMMAND"], &rows.iter().map(cells).collect::<Vec<_>>());
    Ok(Exit::Ok)
}

/// A line of a table is read by a person; the whole command is in the JSON form and in the manifest.
fn shortened(command: &str) -> String {
    match command.char_indices().nth(COMMAND) {
        Some((end, _)) => format!("{}…", command.get(..end).unwrap_or_default()),
        None => command.to_owned(),
    }
}

fn seconds(duration: std::time::Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
