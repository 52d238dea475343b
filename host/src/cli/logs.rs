//! `worldflux logs`.

use std::{
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use super::{args::LogsArgs, context::Context, exit::Exit};
use crate::{
    names::RunId,
    run::{Host, RunError},
    store::RunRow,
};

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn show(context: &Context, arguments: &LogsArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(arguments.run.as_ref().map_or("last", RunId::as_str))?;
    let path = row.output_dir.join("logs").join(format!("{}.log", row.id));
    let mut log = None;
    let mut look = tokio::time::interval(LOOK);
    loop {
        // Asked before reading: what was written before the end is read after this answer.
        let is_over = is_over(&host, &row)?;
        if log.is_none() {
            log = open(&path)?;
        }
        if let Some(log) = &mut log {
            copy(log, &path)?;
        }
        if is_over || !arguments.follow {
            return Ok(Exit::Ok);
        }
        look.tick().await;
    }
}

/// Whether nothing more will be written. A run whose host died is settled first, so this ends.
fn is_over(host: &Host, row: &RunRow) -> Result<bool, RunError> {
    let over = host.state().run(&row.id)?.status.is_final();
    if !over && !host.state().is_led(&row.id)? {
        host.settle()?;
    }
    Ok(over)
}

/// The log, once it is there. A run that ended before its command has none.
fn open(path: &Path) -> Result<Option<std::fs::File>, RunError> {
    match std::fs::File::open(path) {
        Ok(log) => Ok(Some(log)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(RunError::Output { path: path.to_owned(), cause }),
    }
}

/// Everything that is new. A reader that has gone ends this program as it would end `cat`.
fn copy(log: &mut std::fs::File, path: &Path) -> Result<(), RunError> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = log.read(&mut buffer).map_err(|cause| RunError::Output { path: path.to_owned(), cause })?;
        let Some(new) = buffer.get(..read).filter(|new| !new.is_empty()) else { return Ok(()) };
        let mut stdout = io::stdout().lock();
        if stdout.write_all(new).and_then(|()| stdout.flush()).is_err() {
            return Ok(());
        }
    }
}
