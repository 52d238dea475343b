//! Asks and grants in words, and as the options that grant them.

use std::collections::BTreeSet;

use crate::policy::{Access, Asks, Device, FolderName, Grants, HttpGrant, Level, SecretName, SecretUse, shell_word};

/// One right that a plugin asks for.
pub(in crate::cli) struct Right {
    /// In words, with the plugin's own reason. A stranger wrote that.
    pub(in crate::cli) words: String,
    /// The option that grants it.
    pub(in crate::cli) option: String,
    /// What that is.
    pub(in crate::cli) grants: Grants,
}

/// Every right that is asked for.
pub(in crate::cli) fn rights(asks: &Asks) -> Vec<Right> {
    let mut rights = vec![];
    let mut add = |words: String, option: String, grants: Grants| rights.push(Right { words, option, grants });
    if let Some(purpose) = &asks.command {
        add(format!("{COMMAND}: {}", purpose.as_str()), "--command".into(), Grants { command: true, ..Grants::default() });
    }
    for ask in &asks.program {
        let during: Vec<_> = ask.during.iter().map(|export| export.name()).collect();
        let words = format!("to start `{}` during {}: {}", ask.name, during.join(", "), ask.purpose.as_str());
        add(words, format!("--program {}", ask.name), Grants { programs: [ask.name.clone()].into(), ..Grants::default() });
    }
    for ask in &asks.folder {
        let access = ask.access.min(ask.path.most());
        let words = format!("{}: {}", folder(&ask.path, access), ask.purpose.as_str());
        let option = format!("--folder {}", shell_word(&format!("{}={}", ask.path, access.name())));
        add(words, option, Grants { folders: [(ask.path.clone(), access)].into(), ..Grants::default() });
    }
    for ask in &asks.device {
        let words = format!("{}: {}", device(ask.name), ask.purpose.as_str());
        add(words, format!("--device {}", ask.name), Grants { devices: [ask.name].into(), ..Grants::default() });
    }
    for ask in &asks.resource {
        let words = format!("to use up to {}: {}", ask.most, ask.purpose.as_str());
        add(words, format!("--resource {}", ask.most), Grants { resources: [ask.most].into_iter().collect(), ..Grants::default() });
    }
    for name in &asks.variables {
        let option = format!("--variable {}", shell_word(name));
        add(variable(name), option, Grants { variables: [name.clone()].into(), ..Grants::default() });
    }
    for ask in &asks.http {
        let methods: Vec<_> = ask.methods.iter().map(|method| method.name()).collect();
        let targets: Vec<_> = ask.targets().iter().map(ToString::to_string).collect();
        let credentials: Vec<_> = ask.credentials.iter().map(|credential| format!("`{}`", credential.secret)).collect();
        let credentials = if credentials.is_empty() { String::new() } else { format!(" with secret {}", credentials.join(", ")) };
        let service = ask.at.as_ref().map(|at| format!(" ({at}; {SERVICE})")).unwrap_or_default();
        let words = format!("to {} {}{service}{credentials}: {}", methods.join(", "), targets.join(", "), ask.purpose.as_str());
        let option = targets.iter().map(|target| format!("--http {}", shell_word(target))).collect::<Vec<_>>().join(" ");
        add(words, option, Grants { http: ask.targets().into_iter().map(HttpGrant::from).collect(), ..Grants::default() });
    }
    for ask in &asks.secret {
        let uses = asks.secrets().remove(&ask.name).unwrap_or_default();
        let words = format!("{}: {}", secret(&ask.name, &uses), ask.purpose.as_str());
        add(words, format!("--secret {}", ask.name), Grants { secrets: [(ask.name.clone(), uses)].into(), ..Grants::default() });
    }
    rights
}

/// What a plugin asks for, a line each, with its reason.
pub(in crate::cli) fn asked(asks: &Asks) -> Vec<String> {
    rights(asks).into_iter().map(|right| right.words).collect()
}

/// The options of what is asked for and not granted.
pub(in crate::cli) fn not_granted(asks: &Asks, held: &Grants) -> Vec<Right> {
    // Of requests there are several spellings; what is left of them beside the asks is one.
    let lacks = |right: &Right| held.clone().with(right.grants.clone()).still_asked(asks) != held.still_asked(asks);
    rights(asks).into_iter().filter(lacks).collect()
}

/// What the user allows, a line each.
pub(in crate::cli) fn granted(grants: &Grants) -> Vec<String> {
    let mut lines = vec![];
    if grants.command {
        lines.push(COMMAND.to_owned());
    }
    lines.extend(grants.programs.iter().map(|name| match grants.tools.get(name) {
        Some(tool) => format!("to start `{name}`, which is {} with digest {}", tool.file.display(), tool.digest.short()),
        None => format!("to start `{name}`"),
    }));
    lines.extend(grants.folders.iter().map(|(name, access)| folder(name, *access)));
    lines.extend(grants.http.iter().map(|grant| format!("to make requests: {grant}")));
    lines.extend(grants.secrets.iter().map(|(name, uses)| secret(name, uses)));
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

/// What the socket of a service means. Said by the host: a plugin may have reasons not to.
const SERVICE: &str = "a service of this machine acts with its own rights, not with yours: where it is docker's or another one that runs as root, \
                       whoever may speak to it is as good as root; rootless podman's gives no more than you have";

const COMMAND: &str = "to launch the command that you type";

const UNCONFINED: &str = "to start programs UNCONFINED: they can do whatever you can do on this machine";

fn folder(name: &FolderName, access: Access) -> String {
    let whose = if matches!(name, FolderName::Machine(_)) { "your folder " } else { "" };
    format!("to {} {whose}{name}", verb(access))
}

/// A secret in a variable is seen by the command; one in a request by nobody but the host that it is for.
fn secret(name: &SecretName, uses: &BTreeSet<SecretUse>) -> String {
    let place = |used: &SecretUse| match used {
        SecretUse::Request(target, scheme) => format!("put into requests to {target} ({scheme})"),
        SecretUse::Variable(variable) => format!("given to your command in variable {variable}"),
    };
    let places: Vec<_> = uses.iter().map(place).collect();
    let places = if places.is_empty() { "used nowhere".to_owned() } else { places.join(", ") };
    format!("to have secret `{name}` {places}")
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
