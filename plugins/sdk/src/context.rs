//! Everything a call knows about its run.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::de::DeserializeOwned;

pub use crate::bindings::worldflux::runtime::types::{
    Collection, Context, EnvironmentSpecification, Folder, Folders, Mode, Mount, Port, RunIdentity, SnapshotRules, Variable,
};
use crate::{AtPath, Failure};

impl Context {
    /// A context in which nothing was said, in agent mode, of a run `r` on this runtime, whose folders the plugin does not see: for the tests
    /// of a plugin, which change what they are about.
    #[must_use]
    pub fn bare(runtime: &str) -> Self {
        let folder = |guest: &str| Folder { guest: guest.into(), host: None };
        Self {
            run: RunIdentity { run_id: "r".into(), client_run_id: "r".into(), adapter_id: String::new(), task: String::new() },
            folders: Folders {
                workspace: folder("/workspace"),
                source: folder("/source"),
                install: folder("/env"),
                output: folder("/output"),
                state: folder("/state"),
                assets: folder("/assets"),
            },
            settings: String::new(),
            specification: EnvironmentSpecification {
                name: String::new(),
                runtime: runtime.into(),
                variables: vec![],
                include_host_variables: false,
                setup_commands: vec![],
                evaluation_commands: vec![],
                resume_commands: vec![],
                caller_setup_commands: vec![],
                setup_disabled: false,
                entry_file: String::new(),
                command: String::new(),
                agent_command: String::new(),
                snapshot: SnapshotRules { keep: vec![], ignore: vec![], compression: "none".into(), archive_folder: None },
                ports: vec![],
                mounts: vec![],
                network: String::new(),
                user: String::new(),
            },
            mode: Mode::Agent,
            deadline: None,
            variables: vec![],
            interpreter: None,
            extra_arguments: vec![],
            collection: Collection { artifacts: vec![], commit: vec![], metrics: "/output/metrics.json".into() },
            details: vec![],
        }
    }

    /// The runtime's own settings as the plugin's type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse(&self.settings)
    }

    /// The path on this machine of a guest path, such as `/env/venv`; a program that runs here needs it in its arguments. Fails where the
    /// plugin may not see the folder.
    pub fn host_path(&self, guest: &str) -> Result<String, Failure> {
        let folders = &self.folders;
        let all = [&folders.workspace, &folders.source, &folders.install, &folders.output, &folders.state, &folders.assets];
        let inside =
            |folder: &&Folder| guest == folder.guest || guest.strip_prefix(&folder.guest).is_some_and(|rest| rest.starts_with('/'));
        let Some(folder) = all.into_iter().find(inside) else {
            return Err(Failure::invalid("path", guest, "a path below one of the folders of the run"));
        };
        let rest = guest.strip_prefix(&folder.guest).unwrap_or_default();
        let hidden = || Failure::other(format!("where `{}` is on this machine is not known to this plugin", folder.guest));
        folder.host.as_ref().map(|host| format!("{host}{rest}")).ok_or_else(hidden)
    }
}

impl Context {
    /// The value of a detail, where the host gives it and it can be read as this type.
    #[must_use]
    pub fn detail<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let detail = self.details.iter().find(|detail| detail.key == key)?;
        serde_json::from_str(&detail.value).ok()
    }

    /// The socket on this machine behind a host and port that the plugin may send requests to, such as `docker.sock:80`. For a program that
    /// speaks to the same service.
    #[must_use]
    pub fn socket(&self, endpoint: &str) -> Option<String> {
        self.detail::<BTreeMap<String, String>>("sockets")?.remove(endpoint)
    }

    /// The user of this machine who runs the host: number and group. `None` where the host does not tell.
    #[must_use]
    pub fn user(&self) -> Option<(u32, u32)> {
        self.detail("user")
    }
}

impl Variable {
    /// A variable of this name and value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Reads the settings of a plugin. An empty text is the same as `{}`.
pub fn parse<T: DeserializeOwned>(settings: &str) -> Result<T, Failure> {
    let text = if settings.trim().is_empty() { "{}" } else { settings };
    serde_json::from_str(text).map_err(|error| Failure::invalid("settings", settings, Expected(&error).to_string()))
}

/// A file of one of the folders as text.
pub fn read_text(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).at(path)
}

/// `path`, which the user gave as `field`, without `.` and `..`, if it stays in the workspace. `example` is one that would be right.
pub fn in_workspace(field: &str, path: &str, example: &str) -> Result<String, Failure> {
    let wrong = || Failure::invalid(field, path, format!("a path that stays in the workspace, such as `{example}`"));
    if path.starts_with('/') || path.len() > 4096 || path.chars().any(char::is_control) {
        return Err(wrong());
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(wrong)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// A duration in milliseconds; one that is longer than a number can say is the longest.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

struct Expected<'a>(&'a serde_json::Error);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings as `worldflux runtime info` describes them ({})", self.0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn context() -> Context {
        let folder = |name: &str| Folder { guest: format!("/{name}"), host: Some(format!("/host/{name}")) };
        let bare = Context::bare("local");
        let (workspace, source, install) = (folder("workspace"), folder("source"), folder("env"));
        let folders = Folders { workspace, source, install, output: folder("output"), assets: folder("assets"), ..bare.folders };
        let specification = EnvironmentSpecification { include_host_variables: true, ..bare.specification };
        Context { folders, specification, ..bare }
    }

    #[test]
    fn a_guest_path_becomes_a_path_of_this_machine_only_where_the_folder_may_be_seen() {
        assert_eq!(context().host_path("/env/venv").unwrap(), "/host/env/venv");
        assert_eq!(context().host_path("/workspace").unwrap(), "/host/workspace");
        assert!(context().host_path("/environment").is_err());
        assert!(context().host_path("/state/x").is_err());
    }

    #[test]
    fn what_the_host_adds_is_read_where_it_is_there() {
        let mut context = context();
        assert_eq!((context.user(), context.socket("docker.sock:80")), (None, None));
        let detail = |key: &str, value: &str| crate::Detail { key: key.into(), value: value.into() };
        context.details = vec![detail("user", "[1000,100]"), detail("sockets", r#"{"docker.sock:80":"/run/docker.sock"}"#)];
        assert_eq!(context.user(), Some((1000, 100)));
        assert_eq!(context.socket("docker.sock:80").as_deref(), Some("/run/docker.sock"));
        assert_eq!(context.socket("other:80"), None);
    }

    #[test]
    fn no_settings_are_empty_settings_and_wrong_ones_are_named() {
        assert!(parse::<serde_json::Map<_, _>>("").unwrap().is_empty());
        let failure = parse::<serde_json::Map<_, _>>("[1]").unwrap_err();
        assert!(failure.message.contains("settings is `[1]`"), "{failure}");
    }
}
