//! The plugin that was named, and whether it can be granted what was typed.

use std::{ffi::OsStr, path::Path};

use crate::{
    cli::{context::Context, output::Mark},
    names::RuntimeName,
    plugin::PluginFile,
    policy::{Asks, Grants, Profile, ProgramName, shell_word},
    run::RunError,
    sandbox::Launcher,
};

pub(super) fn find(context: &Context, wanted: &str) -> Result<PluginFile, RunError> {
    Ok(context.catalog()?.find(wanted)?)
}

pub(super) fn refused<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, RunError> {
    Err(RunError::Refused { message: message.into(), hint: hint.into() })
}

/// Refuse what cannot be granted to anybody, and warn of what does more or less than it seems.
pub(super) fn check(context: &Context, name: &RuntimeName, asks: &Asks, grants: &Grants) -> Result<(), RunError> {
    if let Some((amount, most)) = grants.too_much(asks) {
        let whose =
            if asks.most(amount.resource()).is_some() { "it asks for no more than" } else { "without an ask there is no more than" };
        return refused(format!("{amount} cannot be granted to `{name}`: {whose} {most}"), format!("grant up to {most}"));
    }
    let protected = context.protected()?;
    for (folder, _) in grants.machine_folders() {
        check_folder(folder.path(), protected.rule(folder.path()))?;
    }
    for what in grants.beyond(asks) {
        context.output.talk(Mark::Warning, &format!("plugin `{name}` does not ask for {what}; it will not get it"));
    }
    if grants.is_unconfined() {
        let text = format!(
            "programs that `{name}` starts will not be confined: they can read, change and send whatever you can, your keys included; \
             `worldflux plugin revoke {name} --unconfined` takes it back"
        );
        context.output.talk(Mark::Warning, &text);
    }
    if !grants.devices.is_empty() {
        let text =
            "a graphics processor is a wide opening: its driver has hundreds of commands, and its memory may keep what others left there";
        context.output.talk(Mark::Warning, text);
    }
    Ok(())
}

/// What the programs are that are granted, as they are found now: another file under the same name is not started. One that is not here is
/// granted by its name alone.
pub(super) fn with_tools(context: &Context, grants: Grants) -> Grants {
    let variables = context.environment.base(Profile::Strict);
    let look = |name: &ProgramName| match Launcher::tool(OsStr::new(name.as_str()), variables.clone()) {
        Ok(tool) => tool,
        Err(error) => {
            context.output.talk(Mark::Warning, &format!("`{name}` is granted by its name alone: {error}"));
            None
        }
    };
    let tools = grants.programs.iter().filter_map(|name| Some((name.clone(), look(name)?))).collect();
    Grants { tools, ..grants }
}

/// Refuse a folder that is not there, or that is another than it seems.
fn check_folder(path: &Path, rule: Option<String>) -> Result<(), RunError> {
    let shown = path.display();
    if let Some(rule) = rule {
        return refused(format!("folder `{shown}` cannot be granted: {rule}"), "grant a folder of data");
    }
    let real = match path.canonicalize() {
        Ok(real) if real.is_dir() => real,
        Ok(_) => return refused(format!("`{shown}` is not a folder"), "grant the folder that it is in"),
        Err(cause) => return refused(format!("folder `{shown}` cannot be granted: {cause}"), "make it first, or check its name"),
    };
    if real != path {
        let hint = format!("if that is what you mean: --folder {}=read", shell_word(&real.display().to_string()));
        return refused(format!("folder `{shown}` cannot be granted: a link in it leads to `{}`", real.display()), hint);
    }
    Ok(())
}
