//! Asks and grants in words.

use crate::policy::{Access, Asks, Grants};

/// What a plugin asks for, a line each, with its reason.
pub(super) fn asked(asks: &Asks) -> Vec<String> {
    let mut lines = vec![];
    if let Some(purpose) = &asks.command {
        lines.push(format!("to launch the command that you type: {}", purpose.as_str()));
    }
    for ask in &asks.program {
        let during: Vec<_> = ask.during.iter().map(|export| export.name()).collect();
        lines.push(format!("to start `{}` during {}: {}", ask.name.as_str(), during.join(", "), ask.purpose.as_str()));
    }
    for ask in &asks.folder {
        lines.push(format!("to {} {}: {}", verb(ask.access), ask.path, ask.purpose.as_str()));
    }
    lines.extend(asks.variables.iter().map(|name| format!("to set variable {name} for your command")));
    lines
}

/// What the user allows, a line each.
pub(super) fn granted(grants: &Grants) -> Vec<String> {
    let mut lines = vec![];
    if grants.command {
        lines.push("to launch the command that you type".to_owned());
    }
    lines.extend(grants.programs.iter().map(|name| format!("to start `{}`", name.as_str())));
    lines.extend(grants.folders.iter().map(|(folder, access)| format!("to {} {folder}", verb(*access))));
    lines.extend(grants.variables.iter().map(|name| format!("to set variable {name} for your command")));
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

const fn verb(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "read and write",
    }
}
