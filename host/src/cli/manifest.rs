//! `worldflux manifest`.

use super::{args::ManifestArgs, context::Context, exit::Exit, output::Mark};
use crate::{
    names::RunId,
    run::RunError,
    store::{Manifest, verify_manifest},
};

pub(super) fn show(context: &Context, arguments: &ManifestArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(arguments.run().map_or("last", RunId::as_str))?;
    let path = host.state().layout().manifest(&row.id);
    if !arguments.verify() {
        context.output.data(&Manifest::read(&path)?.to_json()?);
        return Ok(Exit::Ok);
    }
    let report = verify_manifest(&path)?;
    if context.output.json {
        context.output.document(&report);
    } else {
        for problem in &report.problems {
            context.output.talk(Mark::Error, &problem.to_string());
        }
        if report.problems.is_empty() {
            context.output.line(&format!("ok: every file of run {} is as its manifest says", row.id));
        }
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Failed })
}
