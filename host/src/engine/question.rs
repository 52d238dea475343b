//! What a call tells the plugin about its run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    config::{HostVariables, Mode, NetworkChoice, RunSettings},
    imports::{Call, answers, wire},
    names::RuntimeName,
    policy::{ChildNetwork, Folder, open_folder},
    store::ExecutionKind,
    workspace::{GuestPath, RelativePath},
};

/// Where a command writes its metrics, as the plugin sees it.
const METRICS: &str = "/output/metrics.json";

/// The context of every call of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The run as it is meant.
    pub settings: RunSettings,
    /// The runtime that was found for it.
    pub runtime: RuntimeName,
    /// The runtime's own settings, checked against its schema.
    pub runtime_settings: Value,
    /// Interpreter to launch with: the user's, or the one that `build-env` made.
    pub interpreter: Option<GuestPath>,
}

/// One command to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRequest {
    /// Which command of the run it is.
    pub kind: ExecutionKind,
    /// Counted from 0 within the run.
    pub index: u32,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables for this command.
    pub variables: BTreeMap<String, String>,
    /// Where it runs, below the workspace.
    pub working_folder: Option<RelativePath>,
    /// Time for it.
    pub deadline: Option<Duration>,
    /// Whether the host feeds its input; else it is empty.
    pub stdin: StdinKind,
}

/// Where the input of an execution comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdinKind {
    /// Nowhere: it is at its end.
    Empty,
    /// The host feeds it, this many bytes if that is known.
    Host(Option<u64>),
    /// All of it, for a runtime that runs its commands elsewhere.
    Bytes(Vec<u8>),
}

impl Question {
    /// The context on the wire, with what the plugin of `call` may see of this machine.
    pub(super) fn to_wire(&self, call: &Call) -> wire::Context {
        let (rights, folders) = (&call.rights, &call.folders);
        let folder = |folder: Folder| wire::Folder {
            guest: folder.guest_path().to_owned(),
            host: open_folder(rights, folder).and(folders.host(folder)).map(|path| path.to_string_lossy().into_owned()),
        };
        let settings = &self.settings;
        wire::Context {
            run: wire::RunIdentity {
                run_id: settings.run_id.to_string(),
                client_run_id: settings.client_run_id.clone(),
                adapter_id: settings.adapter.clone(),
                task: settings.task.clone(),
            },
            folders: wire::Folders {
                workspace: folder(Folder::Workspace),
                source: folder(Folder::Source),
                install: folder(Folder::Env),
                output: folder(Folder::Output),
                state: folder(Folder::State),
                assets: folder(Folder::Assets),
            },
            settings: self.runtime_settings.to_string(),
            specification: specification(settings, &self.runtime),
            mode: match settings.mode {
                Mode::Agent => wire::Mode::Agent,
                Mode::Evaluation => wire::Mode::Evaluation,
            },
            deadline: settings.deadline.duration().map(millis),
            variables: variables(&settings.variables),
            interpreter: self.interpreter.as_ref().map(GuestPath::to_string),
            extra_arguments: settings.extra_arguments.clone(),
            collection: wire::Collection {
                artifacts: settings.artifacts.clone(),
                commit: settings.commit.clone(),
                metrics: METRICS.to_owned(),
            },
            details: details(settings, call),
        }
    }
}

fn details(settings: &RunSettings, call: &Call) -> Vec<wire::Detail> {
    let sockets: BTreeMap<String, PathBuf> = call.sockets().into_iter().map(|(name, socket)| (name.to_string(), socket)).collect();
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let details = [
        // A runtime for which the command says what is made, and not only what runs in it, has to plan with it.
        ("command", json!(settings.command)),
        // A program that speaks to the same service has to be told where it is.
        ("sockets", json!(sockets)),
        // What a command leaves in a folder of this machine should be the user's, also where it runs in a container.
        ("user", json!([user, group])),
    ];
    details.into_iter().map(|(key, value)| wire::Detail { key: key.to_owned(), value: value.to_string() }).collect()
}

/// The network that is named for the environment, else the one that is named for commands.
fn network(settings: &RunSettings) -> String {
    let typed = match &settings.network {
        NetworkChoice::User(network) => Some(network),
        NetworkChoice::File(network) if settings.environment.network.is_empty() => Some(network),
        NetworkChoice::File(_) | NetworkChoice::Nobody => None,
    };
    match typed {
        Some(ChildNetwork::Machine) => "full".to_owned(),
        Some(ChildNetwork::None) => "none".to_owned(),
        Some(ChildNetwork::Hosts(_)) | None => settings.environment.network.clone(),
    }
}

fn specification(settings: &RunSettings, runtime: &RuntimeName) -> wire::EnvironmentSpecification {
    let environment = &settings.environment;
    let snapshot = &environment.snapshot;
    wire::EnvironmentSpecification {
        name: environment.name.clone(),
        runtime: runtime.to_string(),
        variables: variables(&environment.variables),
        include_host_variables: environment.host_variables != HostVariables::LeftOut,
        setup_commands: environment.setup_commands.clone(),
        evaluation_commands: environment.evaluation_commands.clone(),
        resume_commands: environment.resume_commands.clone(),
        caller_setup_commands: environment.typed_setup_commands.clone(),
        setup_disabled: environment.setup_disabled,
        entry_file: environment.entry_file.clone(),
        command: environment.command.clone(),
        agent_command: environment.agent_command.clone(),
        snapshot: wire::SnapshotRules {
            keep: snapshot.keep.clone(),
            ignore: snapshot.ignore.clone(),
            compression: snapshot.compression.name().to_owned(),
            archive_folder: snapshot.archive_folder.as_ref().map(|path| path.to_string_lossy().into_owned()),
        },
        ports: environment.ports.iter().map(|port| wire::Port { host: port.host, inside: port.inside }).collect(),
        mounts: environment
            .mounts
            .iter()
            .map(|mount| wire::Mount {
                host: mount.host.to_string_lossy().into_owned(),
                target: mount.target.clone(),
                writable: mount.writable,
            })
            .collect(),
        network: network(settings),
        user: environment.user.clone(),
    }
}

impl ExecutionRequest {
    pub(super) fn to_wire(&self) -> answers::ExecutionRequest {
        answers::ExecutionRequest {
            kind: match self.kind {
                ExecutionKind::Setup => answers::ExecutionKind::Setup,
                ExecutionKind::EvaluationSetup => answers::ExecutionKind::EvaluationSetup,
                ExecutionKind::Resume => answers::ExecutionKind::Resume,
                ExecutionKind::Command => answers::ExecutionKind::Command,
            },
            index: self.index,
            argv: self.argv.clone(),
            variables: variables(&self.variables),
            working_directory: self.working_directory(),
            deadline: self.deadline.map(millis),
            stdin: match &self.stdin {
                StdinKind::Empty => answers::Stdin::Empty,
                StdinKind::Host(bytes) => answers::Stdin::Host(*bytes),
                StdinKind::Bytes(bytes) => answers::Stdin::Bytes(bytes.clone()),
            },
            details: vec![],
        }
    }

    fn working_directory(&self) -> String {
        let workspace = Folder::Workspace.guest_path();
        match self.working_folder.as_ref().and_then(RelativePath::as_text) {
            Some(below) => format!("{workspace}/{below}"),
            None => workspace.to_owned(),
        }
    }
}

fn variables(map: &BTreeMap<String, String>) -> Vec<wire::Variable> {
    map.iter().map(|(name, value)| wire::Variable { name: name.clone(), value: value.clone() }).collect()
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
