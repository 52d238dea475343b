//! `worldflux runtime`.

use serde_json::Value;

use super::{
    args::RuntimeVerb,
    context::Context,
    entry::{wait, wait_for_one},
    exit::Exit,
    output::Mark,
    plugin::rights,
};
use crate::{
    engine::{Finding, Severity},
    plugin::Source,
    run::{Doctored, Health, PROBES, RunError},
};

pub(super) fn runtime(context: &Context, verb: RuntimeVerb) -> Result<Exit, RunError> {
    match verb {
        RuntimeVerb::List => list(context),
        RuntimeVerb::Doctor { names } if names.len() == 1 => wait_for_one(doctor(context, &names)),
        RuntimeVerb::Doctor { names } => wait(doctor(context, &names)),
        RuntimeVerb::Info { name } => wait(info(context, &name)),
    }
}

/// Reads the index alone: no component that was added, no database.
fn list(context: &Context) -> Result<Exit, RunError> {
    let catalog = context.catalog()?;
    if context.output.json {
        context.output.document(&catalog.entries());
    } else {
        for entry in catalog.entries() {
            context.output.line(entry.name.as_str());
        }
    }
    for (_, error) in catalog.problems() {
        context.output.talk(Mark::Warning, &error.to_string());
    }
    Ok(Exit::Ok)
}

/// Prints what is found about each runtime as soon as it is there: one that takes long delays nobody else's lines.
async fn doctor(context: &Context, names: &[String]) -> Result<Exit, RunError> {
    // One or two runtimes ask programs at once; of many, most ask none.
    let plugins = if names.is_empty() { context.plugin_paths().len() + 1 } else { names.len() };
    let host = context.host_that_starts(PROBES * plugins.min(2))?;
    let as_they_come = |name: &str, doctored: &Doctored| {
        if !context.output.json {
            print(context, name, doctored);
        }
    };
    let health = host.doctor_each(names, as_they_come).await?;
    if context.output.json {
        context.output.document(&health);
    }
    // Nothing in it is to be written any more. The system takes back all of it at once, faster than it can be taken down piece by piece.
    std::mem::forget(host);
    Ok(verdict(&health))
}

/// Print findings, those of one runtime together, and tell whether one of them blocks runs.
pub(super) fn report(context: &Context, health: &Health) -> Exit {
    if context.output.json {
        context.output.document(health);
    } else {
        for (name, doctored) in health {
            print(context, name, doctored);
        }
    }
    verdict(health)
}

fn print(context: &Context, name: &str, doctored: &Doctored) {
    for finding in &doctored.findings {
        context.output.line(&finding_line(name, finding));
    }
}

fn verdict(health: &Health) -> Exit {
    let blocked = health.values().flat_map(|doctored| &doctored.findings).any(|finding| finding.severity == Severity::Error);
    if blocked { Exit::Blocked } else { Exit::Ok }
}

/// One finding in one line; one that blocks runs begins with `error:`.
pub(super) fn finding_line(runtime: &str, finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Info => "ok",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let remedy = finding.remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
    format!("{severity}: {runtime}: {}: {}{remedy}", finding.check, finding.message)
}

async fn info(context: &Context, name: &str) -> Result<Exit, RunError> {
    let info = context.host()?.info(name).await?;
    if context.output.json {
        context.output.document(&info);
        return Ok(Exit::Ok);
    }
    let about = &info.manifest.plugin;
    let source = match &info.source {
        Source::Bundled => "bundled".to_owned(),
        Source::File(path) => path.display().to_string(),
        Source::Added(path) => format!("added from {}", path.display()),
    };
    let features: Vec<_> = info.description.features.iter().map(|feature| feature.name()).collect();
    let mut lines = vec![
        ("name", about.name.to_string()),
        ("version", about.version.clone()),
        ("summary", about.summary.clone()),
        ("protocol", about.protocol.clone()),
        ("digest", info.digest.to_string()),
        ("source", source),
        ("features", features.join(", ")),
    ];
    lines.extend(info.imports.iter().map(|import| ("imports", import.clone())));
    lines.extend(rights::asked(&info.manifest.asks).into_iter().map(|line| ("asks", line)));
    lines.extend(rights::granted(&info.granted).into_iter().map(|line| ("granted", line)));
    lines.extend(settings(&info.description.settings_schema).into_iter().map(|line| ("setting", line)));
    for (key, value) in lines {
        context.output.line(&format!("{key:9} {value}"));
    }
    Ok(Exit::Ok)
}

/// The settings that a schema names, a line each. The whole schema is in the JSON form.
fn settings(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let line = |(name, property): (&String, &Value)| {
        let text = |key| property.get(key).and_then(Value::as_str).unwrap_or("");
        format!("{name} ({}): {}", text("type"), text("description"))
    };
    properties.into_iter().flatten().map(line).collect()
}
