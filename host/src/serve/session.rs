//! Sessions: opened, listed, asked to end their commands, closed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    data::Data,
    error::ServeError,
    event,
    info::Nothing,
    method::{Done, Method, Order},
    opened::Opened,
    server::Server,
};
use crate::{
    config::{Mode, RunOverrides, RunSettings},
    engine::Feature,
    names::RunId,
    run::{Cancel, Checkpoint, RunError, SessionOptions, SessionPlaces, SessionWorkspace},
    store::{LogFile, Manifest},
};

/// Events of the preparation that wait for the client.
const EVENTS: usize = 8;

/// `session.open`.
pub(super) struct Open;
/// `session.info`.
pub(super) struct Info;
/// `session.list`.
pub(super) struct List;
/// `session.stop`.
pub(super) struct Stop;
/// `session.close`.
pub(super) struct Close;

/// What a session is opened with. What is not said comes from `spec`, else from the `worldflux.toml` in `folder` or above, else is what
/// `worldflux run` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OpenParameters {
    /// Where relative paths start; the folder that the server was started in, where nothing is said.
    folder: Option<String>,
    /// A run file or environment spec: the path of a TOML, YAML or JSON file, or what would stand in one.
    spec: Option<Spec>,
    /// The name of a runtime, or the path of a plugin.
    runtime: Option<String>,
    /// Who the session is for.
    mode: Option<ModeName>,
    /// Where its commands work; in a new folder, where nothing is said.
    workspace: Workspace,
    /// Where logs and artifacts go.
    output: Option<String>,
    /// Variables for every command; they win over those of the spec.
    variables: BTreeMap<String, String>,
    /// Lines of shell that set it up, after those of the spec.
    setup: Vec<String>,
    /// Run no line of setup, evaluation or resumption at all.
    disable_setup: bool,
    /// The state of another session that it begins with. The resume lines of the spec are run then.
    resume: Option<Checkpoint>,
    /// When a command is ended that says nothing else: `90s`, `2h`, `none`.
    timeout: Option<String>,
    /// How long a command may take to end after it was asked to: `10s`.
    grace: Option<String>,
    /// How much output of a command is kept in its log: `64MiB`.
    max_log: Option<String>,
    /// `own` or `strict`.
    sandbox: Option<String>,
    /// What a strict command reaches: `none`, `full`, or hosts.
    network: Vec<String>,
    /// What the session is called; made up where nothing is said.
    run_id: Option<String>,
    /// The client's own name for it, the same when it tries again.
    client_run_id: Option<String>,
    /// What is being evaluated, for the manifest.
    adapter: Option<String>,
    /// The kind of work, for the manifest.
    task: Option<String>,
    /// Tell what happens while it is opened and closed, as `session.event`.
    events: bool,
}

/// A path, or what would stand in the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "the path of a file, or an object with what would stand in one")]
enum Spec {
    /// The path of a file.
    Path(String),
    /// What would stand in one.
    Inline(Map<String, Value>),
}

/// Who a session is for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ModeName {
    /// For a solver: no evaluation lines, and assets are copied into the workspace.
    Agent,
    /// For a check: evaluation lines run, and assets stay outside of the workspace.
    Evaluation,
}

/// Where commands work.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", expecting = "`\"fresh\"`, `\"named\"`, or an object with `folder` or `copy-of`")]
enum Workspace {
    /// In a new folder, which is removed with the session.
    #[default]
    Fresh,
    /// In the workspace of the spec, which stays.
    Named,
    /// In this folder, which stays.
    Folder(String),
    /// In a new folder that begins as a copy of this one and is removed with the session.
    CopyOf(String),
}

/// A session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionParameters {
    /// The session.
    pub(super) session: RunId,
}

/// How strongly commands are ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopParameters {
    /// The session.
    session: RunId,
    /// Ask them to end, and end them by force only after their grace; otherwise they are ended by force at once.
    #[serde(default)]
    gently: bool,
}

/// A session that is open.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SessionInfo {
    /// Its name. It is also a run: `worldflux status` knows it.
    session: RunId,
    /// The runtime.
    runtime: String,
    /// What the runtime can do.
    features: BTreeSet<Feature>,
    /// Who it is for.
    mode: ModeName,
    /// Its workspace on this machine.
    workspace: String,
    /// Where its logs and artifacts are.
    output: String,
    /// Where commands see the workspace, the assets and the output.
    places: SessionPlaces,
    /// What its setup wrote, the programs that made the environment included, apart from any command: at most 1 MiB of each stream.
    setup_stdout: Data,
    /// The same of standard error.
    setup_stderr: Data,
    /// Whether there was more, which the logs have.
    setup_truncated: bool,
    /// The logs that are complete: `build-env`, `setup-0`, `command-1`. Their paths start at the output directory.
    logs: Vec<LogFile>,
    /// What in its spec was accepted and does nothing.
    notes: Vec<String>,
}

/// The sessions that are open.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SessionList {
    /// Their names, sorted.
    sessions: Vec<RunId>,
}

/// A session that was closed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Closed {
    /// What ran, with what rights, and what came of it.
    manifest: Manifest,
}

impl Method for Open {
    const NAME: &'static str = "session.open";
    const SUMMARY: &'static str = "Open a session: a workspace and an environment, set up, in which commands can be run. Where the setup fails there \
         is no session, and the error names its log.";
    type Parameters = OpenParameters;
    type Answer = SessionInfo;

    async fn call(server: Arc<Server>, asked: OpenParameters) -> Result<Done<SessionInfo>, ServeError> {
        let _unfinished = server.unfinished();
        server.may_open()?;
        let folder = asked.folder.as_deref().map_or_else(|| server.folder.clone(), |folder| server.path(folder));
        let wants_events = asked.events;
        let (overrides, mut options) = asked.meant(&folder);
        let settings = RunSettings::resolve_session(&overrides, &server.environment, &folder).map_err(RunError::from)?;
        let notes = settings.notes.clone();
        // Its end is the end of the session, whether anybody wants to hear of it or not.
        let (watcher, seen) = mpsc::channel(EVENTS);
        options.watcher = Some(watcher);
        let mut events = tokio::spawn(event::tell(server.clone(), settings.run_id.clone(), wants_events, seen));
        let opening = server.host.open_session(settings, options);
        let opened = tokio::select! {
            opened = opening => Some(opened),
            () = server.stopped() => None,
        };
        let Some(opened) = opened else {
            // It was given up, and cleans up after itself.
            let _ = (&mut events).await;
            return Err(ServeError::Stopping);
        };
        let open = Arc::new(Opened::new(opened?));
        if let Some(follower) = open.follower() {
            tokio::spawn(async move {
                let _ = events.await;
                drop(follower);
            });
        }
        server.keep(open.clone());
        Ok(SessionInfo::of(&open, notes).await?.into())
    }
}

impl Method for Info {
    const NAME: &'static str = "session.info";
    const SUMMARY: &'static str = "Say where a session has its folders, and what its runtime can do.";
    type Parameters = SessionParameters;
    type Answer = SessionInfo;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<SessionInfo>, ServeError> {
        Ok(SessionInfo::of(&*server.session(&asked.session)?, vec![]).await?.into())
    }
}

impl Method for List {
    const NAME: &'static str = "session.list";
    const SUMMARY: &'static str = "Name the sessions that are open.";
    type Parameters = Nothing;
    type Answer = SessionList;

    async fn call(server: Arc<Server>, _: Nothing) -> Result<Done<SessionList>, ServeError> {
        Ok(SessionList { sessions: server.names() }.into())
    }
}

impl Method for Stop {
    const NAME: &'static str = "session.stop";
    const SUMMARY: &'static str = "End every command of a session. The session goes on.";
    const ORDER: Order = Order::AtOnce;
    type Parameters = StopParameters;
    type Answer = Nothing;

    async fn call(server: Arc<Server>, asked: StopParameters) -> Result<Done<Nothing>, ServeError> {
        server.session(&asked.session)?.session.stop_all(if asked.gently { Cancel::Stop } else { Cancel::Kill });
        Ok(Nothing {}.into())
    }
}

impl Method for Close {
    const NAME: &'static str = "session.close";
    const SUMMARY: &'static str = "End every command of a session, clean up whatever it made, and answer with its manifest. Nothing comes from it \
         afterwards.";
    type Parameters = SessionParameters;
    type Answer = Closed;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<Closed>, ServeError> {
        let _unfinished = server.unfinished();
        let manifest = server.forget(&asked.session)?.close().await?;
        Ok(Closed { manifest }.into())
    }
}

impl OpenParameters {
    fn meant(self, folder: &Path) -> (RunOverrides, SessionOptions) {
        let (mut spec, mut inline_spec) = (None, None);
        match self.spec {
            None => {}
            Some(Spec::Path(path)) => spec = Some(folder.join(path)),
            Some(Spec::Inline(text)) => inline_spec = Some(Value::Object(text).to_string()),
        }
        let (named, workspace) = match self.workspace {
            Workspace::Fresh => (None, SessionWorkspace::Fresh),
            Workspace::Named => (None, SessionWorkspace::Named),
            Workspace::Folder(path) => (Some(path), SessionWorkspace::Named),
            Workspace::CopyOf(path) => (None, SessionWorkspace::CopyOf(folder.join(path))),
        };
        let overrides = RunOverrides {
            spec,
            inline_spec,
            runtime: self.runtime,
            mode: self.mode.map(|mode| match mode {
                ModeName::Agent => Mode::Agent,
                ModeName::Evaluation => Mode::Evaluation,
            }),
            timeout: self.timeout,
            grace: self.grace,
            max_log: self.max_log,
            output: self.output,
            workspace: named,
            sandbox: self.sandbox,
            network: self.network,
            run_id: self.run_id,
            client_run_id: self.client_run_id,
            adapter: self.adapter,
            task: self.task,
            ..RunOverrides::default()
        };
        let options = SessionOptions {
            workspace,
            variables: self.variables,
            setup: self.setup,
            disable_setup: self.disable_setup,
            resume: self.resume,
            watcher: None,
        };
        (overrides, options)
    }
}

impl SessionInfo {
    async fn of(open: &Opened, notes: Vec<String>) -> Result<Self, ServeError> {
        let session = &open.session;
        let setup = session.setup_output();
        Ok(Self {
            session: session.id().clone(),
            runtime: session.runtime().to_string(),
            features: session.features().clone(),
            mode: match session.mode() {
                Mode::Agent => ModeName::Agent,
                Mode::Evaluation => ModeName::Evaluation,
            },
            workspace: session.workspace().to_string_lossy().into_owned(),
            output: session.output().to_string_lossy().into_owned(),
            places: session.places().clone(),
            setup_stdout: Data(setup.stdout.into()),
            setup_stderr: Data(setup.stderr.into()),
            setup_truncated: setup.truncated,
            logs: session.logs().await?,
            notes,
        })
    }
}
