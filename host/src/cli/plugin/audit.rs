//! `worldflux plugin audit`.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::story::{Counted, Deeds};
use crate::{
    cli::{context::Context, exit::Exit, output::Mark},
    names::RunId,
    policy::Grants,
    run::RunError,
    store::{Manifest, read_record, verify_record},
};

/// Whether the record is as it was written.
#[derive(Debug, Serialize)]
struct Chain {
    whole: bool,
    entries: u64,
    /// What is wrong with it.
    problems: Vec<String>,
}

pub(super) fn audit(context: &Context, run: Option<&RunId>) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(run.map_or("last", RunId::as_str))?;
    let layout = host.state().layout();
    let record = layout.record(&row.id);
    let manifest = Manifest::read(&layout.manifest(&row.id)).ok();
    let granted = manifest.as_ref().and_then(granted);
    let chain = chain(&record, manifest.as_ref());

    let mut deeds = Deeds::default();
    let held = granted.clone().unwrap_or_default();
    // A line that is no entry is a problem of the chain, which names it; what stands before it is told.
    for entry in read_record(&record)?.map_while(Result::ok) {
        deeds.note(entry, &held);
    }
    let unused = granted.as_ref().map(|granted| deeds.unused(granted));
    let exit = if chain.whole { Exit::Ok } else { Exit::Failed };
    if context.output.json {
        context.output.document(&json!({
            "run": row.id, "runtime": row.runtime, "plugin_digest": row.plugin_digest, "command": row.command, "status": row.status,
            "granted": granted, "did": deeds, "never_used": unused, "record": chain,
        }));
        return Ok(exit);
    }
    let line = |key: &str, value: &str| context.output.line(&format!("{key:9} {value}"));
    line("run", row.id.as_str());
    line("plugin", &format!("{} {}", row.runtime, row.plugin_digest.map(|digest| digest.to_string()).unwrap_or_default()));
    line("command", &row.command.join(" "));
    line("status", &row.status.to_string());
    let kinds = [
        ("ran", &deeds.ran, "no program"),
        ("read", &deeds.read, "no file"),
        ("wrote", &deeds.wrote, "no file"),
        ("reached", &deeds.reached, "no host"),
        ("secrets", &deeds.secrets, "none was used"),
    ];
    for (key, counted, none) in kinds {
        tell(context, key, counted, none);
    }
    for other in deeds.other.lines() {
        line("called", &other);
    }
    if deeds.denied.is_empty() {
        line("denied", "nothing");
    }
    for denied in &deeds.denied {
        let during = denied.during.map(|export| format!(" during {export}")).unwrap_or_default();
        let times = if denied.times == 1 { String::new() } else { format!(" ({} times)", denied.times) };
        line("denied", &format!("to {}{during}{times}: {}", denied.action, denied.rule));
        if !denied.cure.is_empty() {
            line("", &denied.cure);
        }
    }
    match unused {
        Some(_) if held == Grants::default() => line("unused", "nothing was granted"),
        Some(unused) if unused.is_empty() => line("unused", "every right was used"),
        Some(unused) => unused.iter().for_each(|right| line("unused", right)),
        None => line("unused", "not known: the run has no manifest"),
    }
    if chain.whole {
        line("record", &format!("whole, {} entries", chain.entries));
    } else {
        line("record", "NOT WHOLE: what stands above is what somebody wants you to read");
    }
    for problem in &chain.problems {
        context.output.talk(if chain.whole { Mark::Warning } else { Mark::Error }, problem);
    }
    Ok(exit)
}

fn tell(context: &Context, key: &str, counted: &Counted, none: &str) {
    let lines = counted.lines();
    if lines.is_empty() {
        context.output.line(&format!("{key:9} {none}"));
    }
    for line in lines {
        context.output.line(&format!("{key:9} {line}"));
    }
}

/// What was granted when the run began, as its manifest says.
fn granted(manifest: &Manifest) -> Option<Grants> {
    let table: serde_json::Map<String, Value> = manifest.capabilities.granted.clone().into_iter().collect();
    serde_json::from_value(Value::Object(table)).ok()
}

/// Follow the record from its first line to its last, and compare the end with the manifest: lines that were cut off leave no other trace.
fn chain(record: &Path, manifest: Option<&Manifest>) -> Chain {
    let summary = match verify_record(record) {
        Ok(summary) => summary,
        Err(error) => return Chain { whole: false, entries: 0, problems: vec![error.to_string()] },
    };
    let (mut whole, mut problems) = (true, vec![]);
    if let Some(manifest) =
        manifest.filter(|manifest| (manifest.record.count, manifest.record.head) != (summary.head.count, summary.head.hash))
    {
        whole = false;
        problems.push(format!(
            "the record has {} entries, and the manifest was written when it had {}",
            summary.head.count, manifest.record.count
        ));
    }
    if let Some(torn) = &summary.torn {
        problems.push(format!("the last line, {}, was cut off: the host was killed while it wrote", torn.line));
    }
    if summary.full {
        problems.push("the record became full; later calls were counted, and are not in it".into());
    }
    Chain { whole, entries: summary.head.count, problems }
}
