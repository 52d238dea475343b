//! `worldflux plugin revoke` and `worldflux plugin remove`.

use serde_json::json;

use super::{
    add::report,
    find::{find, refused},
};
use crate::{
    cli::{args::RevokeArgs, context::Context, exit::Exit, output::Mark},
    config::Register,
    names::{Digest, Moment, RuntimeName},
    policy::{Asks, Grants},
    run::RunError,
    store::{Control, Delivery, RunFilter, RunStatus, State, remove_tree},
};

pub(super) fn revoke(context: &Context, arguments: &RevokeArgs) -> Result<Exit, RunError> {
    let config = context.folders()?.config;
    // An added plugin is found without its bytes, which may be the reason for revoking.
    let pinned = arguments.plugin.parse::<RuntimeName>().ok().and_then(|name| {
        let register = Register::load(&config).ok()?;
        let digest = register.lock().entries().get(&name)?.digest;
        Some((name, digest))
    });
    let (name, digest) = if let Some(pinned) = pinned {
        pinned
    } else {
        let file = find(context, &arguments.plugin)?;
        (file.manifest.plugin.name.clone(), file.digest)
    };
    if !arguments.rights.is_nothing() {
        let level = arguments.rights.level;
        let typed = arguments.rights.grants(&Asks::default());
        let less = Grants { level: typed.level.or(level), ..typed };
        Register::change(&config, |register| register.take(digest, &name, &less, Moment::now()))?;
        if context.output.json {
            report(context, "revoked_from", &find(context, &arguments.plugin)?, &Register::load(&config)?.grants().grants_for(&digest));
        } else {
            context.output.talk(Mark::Note, &format!("`{name}`: taken back; a run that goes on is denied it at its next call"));
        }
        return Ok(Exit::Ok);
    }
    let had = Register::change(&config, |register| Ok::<_, RunError>(register.revoke(digest, &name, Moment::now())))?;
    let stopped = if had { stop_runs(context, &digest)? } else { vec![] };
    if context.output.json {
        context.output.document(&json!({ "revoked_from": name, "digest": digest, "had_rights": had, "asked_to_end": stopped }));
        return Ok(Exit::Ok);
    }
    let text = if had { "nothing is granted any more" } else { "nothing was granted" };
    context.output.talk(Mark::Note, &format!("`{name}`: {text}"));
    tell_stopped(context, &stopped);
    Ok(Exit::Ok)
}

pub(super) fn remove(context: &Context, wanted: &str) -> Result<Exit, RunError> {
    let folders = context.folders()?;
    let register = Register::load(&folders.config)?;
    let by_digest =
        |wanted: &str| find(context, wanted).ok().and_then(|file| register.lock().of_digest(&file.digest).map(|(name, _)| name.clone()));
    let name = wanted.parse::<RuntimeName>().ok().filter(|name| register.lock().entries().contains_key(name)).or_else(|| by_digest(wanted));
    let Some(name) = name else {
        let shown: String = wanted.escape_debug().take(100).collect();
        return refused(format!("no plugin `{shown}` was added"), "`worldflux plugin list` shows where each plugin came from");
    };
    let pinned = Register::change(&folders.config, |register| Ok::<_, RunError>(register.unpin(&name, Moment::now())))?;
    let Some(pinned) = pinned else { return refused(format!("no plugin `{name}` was added"), "") };
    let stopped = stop_runs(context, &pinned.digest)?;
    let state = State::open(&folders.state)?;
    state.forget_component(&pinned.digest)?;
    // Whoever takes the name next must not find what this one kept.
    let kept = state.layout().plugin_state(&name);
    if kept.exists() {
        remove_tree(&kept)?;
    }
    if context.output.json {
        context.output.document(&json!({ "removed": name, "digest": pinned.digest, "asked_to_end": stopped }));
        return Ok(Exit::Ok);
    }
    context.output.talk(Mark::Note, &format!("`{name}` is removed, with all that it was granted and kept"));
    tell_stopped(context, &stopped);
    Ok(Exit::Ok)
}

/// Ask every run of the plugin that goes on to end. Their names.
fn stop_runs(context: &Context, digest: &Digest) -> Result<Vec<String>, RunError> {
    let state = State::open(&context.folders()?.state)?;
    let mut asked = vec![];
    for row in state.runs(&RunFilter { status: Some(RunStatus::Running), ..RunFilter::default() }, 1_000)? {
        if row.plugin_digest == Some(*digest) && matches!(state.send_control(&row.id, Control::Stop)?, Delivery::Delivered) {
            asked.push(row.id.to_string());
        }
    }
    Ok(asked)
}

fn tell_stopped(context: &Context, runs: &[String]) {
    for run in runs {
        context.output.talk(Mark::Note, &format!("run {run} was asked to end"));
    }
}
