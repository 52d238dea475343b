//! `worldflux plugin grant`.

use super::{
    add::{ask_each, report},
    find::{check, find, refused, with_tools},
    rights::not_granted,
};
use crate::{
    cli::{args::GrantArgs, context::Context, exit::Exit, output::Mark, prompt::Prompt},
    config::Register,
    names::Moment,
    plugin::Source,
    policy::{FolderName, Grants, shell_word},
    run::RunError,
};

pub(super) fn grant(context: &Context, arguments: &GrantArgs) -> Result<Exit, RunError> {
    let file = find(context, &arguments.plugin)?;
    let name = file.manifest.plugin.name.clone();
    let asks = &file.manifest.asks;
    let config = context.folders()?.config;
    let held = Register::load(&config)?.grants_for(&file.digest, &context.protected()?)?;
    let mut grants = if arguments.all_asked {
        Grants::all_of(asks)
    } else if !arguments.rights.is_nothing() {
        arguments.rights.grants(asks)
    } else if Prompt::open(context.output).is_some() && file.source != Source::Bundled {
        ask_each(context, &file, &held)
    } else if file.source == Source::Bundled {
        Grants::default()
    } else {
        let typed = shell_word(&arguments.plugin);
        let lines: Vec<_> =
            not_granted(asks, &held).iter().map(|right| format!("worldflux plugin grant {typed} {}", right.option)).collect();
        let hint = if lines.is_empty() { "it has all that it asks for".to_owned() } else { lines.join("; ") };
        return refused(format!("nothing is granted to `{name}`: no right was typed, and there is no terminal to ask at"), hint);
    };
    if file.source == Source::Bundled {
        if grants.is_unconfined() {
            let message = format!("`{name}` is bundled: your command sees what your shell sees, unless you say --sandbox strict");
            return refused(message, "leave out --sandbox strict instead");
        }
        grants = beside_its_asks(grants);
        if grants.is_nothing() {
            context.output.talk(Mark::Note, &format!("`{name}` is bundled and has all it asks for"));
            if context.output.json {
                report(context, "granted_to", &file, &Grants::all_of(asks).with(held));
            }
            return Ok(Exit::Ok);
        }
    }
    check(context, &name, asks, &grants)?;
    let grants = with_tools(context, grants);
    let grants = Register::change(&config, |register| {
        register.grant(file.digest, &name, grants, Moment::now())?;
        Ok::<_, RunError>(register.grants().grants_for(&file.digest))
    })?;
    if context.output.json {
        report(context, "granted_to", &file, &grants);
    } else {
        context.output.talk(Mark::Note, &format!("granted to `{name}`, {}", file.digest));
    }
    Ok(Exit::Ok)
}

/// What a bundled plugin can be given: it has what it asks for, and what its programs find on the machine is the user's to give.
fn beside_its_asks(grants: Grants) -> Grants {
    let folders = grants.folders.into_iter().filter(|(name, _)| matches!(name, FolderName::Machine(_))).collect();
    Grants { folders, devices: grants.devices, resources: grants.resources, level: grants.level, ..Grants::default() }
}
