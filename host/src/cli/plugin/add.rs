//! `worldflux plugin add`.

use serde_json::json;

use super::{
    find::{check, with_tools},
    rights::{self, not_granted},
};
use crate::{
    cli::{args::AddArgs, context::Context, exit::Exit, output::Mark, prompt::Prompt},
    config::{Pinned, Register},
    names::{Digest, Moment},
    plugin::{Catalog, PluginError, PluginFile, Source, check_name},
    policy::Grants,
    run::RunError,
    store::State,
};

pub(super) fn add(context: &Context, arguments: &AddArgs) -> Result<Exit, RunError> {
    let file = PluginFile::read(&arguments.file)?;
    let name = file.manifest.plugin.name.clone();
    check_free(&context.catalog()?, &file, arguments)?;
    let folders = context.folders()?;
    let asks = &file.manifest.asks;
    let held = Register::load(&folders.config)?.grants_for(&file.digest, &context.protected()?)?;
    let granted = if arguments.all_asked {
        Grants::all_of(asks)
    } else if arguments.rights.is_nothing() {
        ask_each(context, &file, &held)
    } else {
        arguments.rights.grants(asks)
    };
    check(context, &name, asks, &granted)?;
    let granted = with_tools(context, granted);
    let now = Moment::now();
    State::open(&folders.state)?.keep_component(&file.digest, file.bytes())?;
    let pinned = pin(&file, &arguments.file, now)?;
    let grants = Register::change(&folders.config, |register| {
        let grants = register.grants_for(&file.digest, &context.protected()?)?.with(granted);
        register.pin(&name, pinned, grants.clone(), now);
        Ok::<_, RunError>(grants)
    })?;
    report(context, "added", &file, &grants);
    Ok(Exit::Ok)
}

/// Whether the name is free, or taken by these very bytes.
fn check_free(catalog: &Catalog, file: &PluginFile, arguments: &AddArgs) -> Result<(), RunError> {
    let name = &file.manifest.plugin.name;
    if let Some(entry) = catalog.entries().into_iter().find(|entry| entry.name == *name) {
        match entry.source {
            Source::Bundled => {
                let (name, second) = (name.clone(), arguments.file.clone());
                return Err(PluginError::Duplicate { name, first: "the bundled plugin".into(), second }.into());
            }
            Source::Added(_) if !catalog.is_added(name, &file.digest) => {
                return Err(PluginError::Another { name: name.clone(), path: arguments.file.clone() }.into());
            }
            Source::Added(_) | Source::File(_) => {}
        }
    }
    Ok(check_name(name, catalog.taken(), arguments.similar_name)?)
}

/// Every right that is asked for and not held, as a question. Without a terminal the answer is no.
pub(super) fn ask_each(context: &Context, file: &PluginFile, held: &Grants) -> Grants {
    let Some(prompt) = Prompt::open(context.output) else { return Grants::default() };
    let about = &file.manifest.plugin;
    context.output.talk(Mark::Note, &format!("`{}` {} says: {}", about.name, about.version, about.summary));
    context
        .output
        .talk(Mark::Note, &format!("its digest is {}; what it asks for stands below, in its own words after the colon", file.digest));
    let mut grants = Grants::default();
    for right in not_granted(&file.manifest.asks, held) {
        if prompt.yes(&format!("Allow `{}` {}?", about.name, right.words)) {
            grants = grants.with(right.grants);
        }
    }
    grants
}

/// How the bytes of `file` are pinned.
pub(super) fn pin(file: &PluginFile, path: &std::path::Path, now: Moment) -> Result<Pinned, RunError> {
    let source = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok(Pinned {
        digest: file.digest,
        size: file.bytes().len() as u64,
        source: source.display().to_string(),
        version: file.manifest.plugin.version.clone(),
        summary: file.manifest.plugin.summary.clone(),
        imports: Digest::of(file.inspection()?.imports.join("\n").as_bytes()),
        grants: Digest::of(b""),
        added_at: now,
        granted_at: now,
    })
}

/// Tell what a plugin may do now, and which lines would allow it the rest.
pub(super) fn report(context: &Context, done: &str, file: &PluginFile, grants: &Grants) {
    let name = &file.manifest.plugin.name;
    let lacking: Vec<_> = not_granted(&file.manifest.asks, grants)
        .into_iter()
        .map(|right| (right.words, format!("worldflux plugin grant {name} {}", right.option)))
        .collect();
    if context.output.json {
        let lacking: Vec<_> = lacking.iter().map(|(words, line)| json!({ "asks": words, "grant": line })).collect();
        context.output.document(&json!({ done: name, "digest": file.digest, "granted": grants, "not_granted": lacking }));
        return;
    }
    context.output.line(&format!("{done} {name} {}, {}", file.manifest.plugin.version, file.digest));
    for line in rights::granted(grants) {
        context.output.line(&format!("granted   {line}"));
    }
    for (words, line) in lacking {
        context.output.line(&format!("asks      {words}"));
        context.output.line(&format!("          {line}"));
    }
}
