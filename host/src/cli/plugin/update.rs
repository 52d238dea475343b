//! `worldflux plugin update`.

use std::path::{Path, PathBuf};

use super::{
    add::{pin, report},
    find::refused,
    rights::asked,
};
use crate::{
    cli::{args::UpdateArgs, context::Context, exit::Exit, output::Mark, prompt::Prompt},
    config::Register,
    names::{Moment, RuntimeName},
    plugin::{PluginError, PluginFile},
    policy::shell_word,
    run::RunError,
    store::State,
};

pub(super) fn update(context: &Context, arguments: &UpdateArgs) -> Result<Exit, RunError> {
    let folders = context.folders()?;
    let register = Register::load(&folders.config)?;
    let path = path(&register, &arguments.plugin);
    let new = PluginFile::read(&path)?;
    let name = new.manifest.plugin.name.clone();
    let typed: Option<RuntimeName> = arguments.plugin.parse().ok().filter(|name| register.lock().entries().contains_key(name));
    if let Some(typed) = typed.filter(|typed| *typed != name) {
        return refused(
            format!("`{}` calls itself `{name}`, not `{typed}`", path.display()),
            "a plugin of another name is added, not updated to",
        );
    }
    let Some(before) = register.lock().entries().get(&name) else {
        let hint = format!("worldflux plugin add {}", shell_word(&path.display().to_string()));
        return refused(format!("no plugin `{name}` was added"), hint);
    };
    let protected = context.protected()?;
    let held = register.grants_for(&before.digest, &protected)?;
    let state = State::open(&folders.state)?;
    if before.digest == new.digest {
        state.keep_component(&new.digest, new.bytes())?;
        context.output.talk(Mark::Note, &format!("`{name}` is this version already, {}", new.digest));
        if context.output.json {
            report(context, "unchanged", &new, &held);
        }
        return Ok(Exit::Ok);
    }
    let old = context.catalog()?.find(name.as_str())?;
    tell_difference(context, &old, &new);
    accept(context, arguments, &name, &growth(&old, &new)?)?;

    let now = Moment::now();
    state.keep_component(&new.digest, new.bytes())?;
    let (was, pinned) = (before.digest, pin(&new, &path, now)?);
    let grants = Register::change(&folders.config, |register| {
        let unchanged = register.lock().entries().get(&name).is_some_and(|pinned| pinned.digest == was);
        if !unchanged || register.grants_for(&was, &protected)? != held {
            return refused(format!("`{name}` was changed while you looked at its new version"), "look again");
        }
        let grants = held.still_asked(&new.manifest.asks);
        register.pin(&name, pinned, grants.clone(), now);
        Ok(grants)
    })?;
    state.forget_component(&was)?;
    report(context, "updated", &new, &grants);
    Ok(Exit::Ok)
}

/// The file of the new version: the one that was named, or the one that the plugin came from.
fn path(register: &Register, wanted: &str) -> PathBuf {
    let named = wanted.parse::<RuntimeName>().ok().and_then(|name| register.lock().entries().get(&name));
    named.map_or_else(|| wanted.into(), |pinned| Path::new(&pinned.source).to_owned())
}

fn tell_difference(context: &Context, old: &PluginFile, new: &PluginFile) {
    let (was, is) = (&old.manifest.plugin, &new.manifest.plugin);
    let text = format!("`{}` goes from {} ({}) to {} ({})", is.name, was.version, old.digest.short(), is.version, new.digest.short());
    context.output.talk(Mark::Note, &text);
    let now = asked(&new.manifest.asks);
    for line in asked(&old.manifest.asks).iter().filter(|line| !now.contains(line)) {
        context.output.talk(Mark::Note, &format!("no longer asks {line}"));
    }
}

/// What the new version could do and the old could not, in words.
fn growth(old: &PluginFile, new: &PluginFile) -> Result<Vec<String>, PluginError> {
    let interface = |import: &String| import.split('@').next().unwrap_or_default().to_owned();
    let had: Vec<_> = old.inspection()?.imports.iter().map(interface).collect();
    let imports = new.inspection()?.imports;
    let imports = imports.iter().map(interface).filter(|import| !had.contains(import)).map(|import| format!("imports {import}"));
    let grown = new.manifest.asks.growth_from(&old.manifest.asks);
    Ok(imports.chain(asked(&grown).into_iter().map(|words| format!("asks {words}"))).collect())
}

/// A yes for each growth, or an error.
fn accept(context: &Context, arguments: &UpdateArgs, name: &RuntimeName, growth: &[String]) -> Result<(), RunError> {
    if arguments.accept_growth || growth.is_empty() {
        for what in growth {
            context.output.talk(Mark::Note, &format!("accepted: it {what}"));
        }
        return Ok(());
    }
    let line = format!("worldflux plugin update {} --accept-growth", shell_word(&arguments.plugin));
    let Some(prompt) = Prompt::open(context.output) else {
        return refused(
            format!("`{name}` stays as it was: its new version {}", growth.join("; it ")),
            format!("if you want all of that: {line}"),
        );
    };
    for what in growth {
        if !prompt.yes(&format!("The new version {what}. Is that all right?")) {
            return refused(format!("`{name}` stays as it was, with what it was granted"), "");
        }
    }
    Ok(())
}
