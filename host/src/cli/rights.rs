//! Asks and grants in words.

use crate::policy::{Access, Asks, Device, FolderName, Grants, Level};

/// What a plugin asks for, a line each, with its reason.
pub(super) fn asked(asks: &Asks) -> Vec<String> {
    let mut lines = vec![];
    if let Some(purpose) = &asks.command {
        lines.push(format!("{COMMAND}: {}", purpose.as_str()));
    }
    for ask in &asks.program {
        let during: Vec<_> = ask.during.iter().map(|export| export.name()).collect();
        lines.push(format!("to start `{}` during {}: {}", ask.name, during.join(", "), ask.purpose.as_str()));
    }
    for ask in &asks.folder {
        lines.push(format!("{}: {}", folder(&ask.path, ask.access), ask.purpose.as_str()));
    }
    for ask in &asks.http {
        let methods: Vec<_> = ask.methods.iter().map(|method| method.name()).collect();
        let targets: Vec<_> = ask.targets().iter().map(ToString::to_string).collect();
        let credential = ask.credential.as_ref().map(|name| format!(" with secret `{name}`")).unwrap_or_default();
        lines.push(format!("to {} {}{credential}: {}", methods.join(", "), targets.join(", "), ask.purpose.as_str()));
    }
    lines.extend(asks.secret.iter().map(|ask| format!("to have secret `{}` used, unseen: {}", ask.name, ask.purpose.as_str())));
    lines.extend(asks.device.iter().map(|ask| format!("{}: {}", device(ask.name), ask.purpose.as_str())));
    lines.extend(asks.resource.iter().map(|ask| format!("to use up to {}: {}", ask.most, ask.purpose.as_str())));
    lines.extend(asks.variables.iter().map(|name| variable(name)));
    lines
}

/// What the user allows, a line each.
pub(super) fn granted(grants: &Grants) -> Vec<String> {
    let mut lines = vec![];
    if grants.command {
        lines.push(COMMAND.to_owned());
    }
    lines.extend(grants.programs.iter().map(|name| format!("to start `{name}`")));
    lines.extend(grants.folders.iter().map(|(name, access)| folder(name, *access)));
    lines.extend(grants.devices.iter().map(|name| device(*name)));
    lines.extend(grants.variables.iter().map(|name| variable(name)));
    lines.extend(grants.resources.amounts().iter().map(|amount| format!("to use up to {amount}")));
    match grants.level {
        Some(Level::None) => lines.push(UNCONFINED.to_owned()),
        Some(level) => lines.push(format!("to start programs at level {level} or above")),
        None => {}
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

const COMMAND: &str = "to launch the command that you type";

const UNCONFINED: &str = "to start programs UNCONFINED: they can do whatever you can do on this machine";

fn folder(name: &FolderName, access: Access) -> String {
    let whose = if matches!(name, FolderName::Machine(_)) { "your folder " } else { "" };
    format!("to {} {whose}{name}", verb(access))
}

fn device(device: Device) -> String {
    match device {
        Device::Gpu => "to let its programs use the graphics processors".to_owned(),
    }
}

fn variable(name: &str) -> String {
    format!("to set variable {name} for your command")
}

const fn verb(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "read and write",
    }
}
