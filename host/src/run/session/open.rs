//! Opening a session: the same steps as of a run, up to where its command would be started.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    runtime::Handle,
    sync::{Mutex as TaskMutex, RwLock, mpsc},
};

use super::{
    handle::{Owner, Session, SessionPlaces, SetupOutput},
    life::{Life, Registry},
    memory::Memory,
    options::{SessionOptions, SessionWorkspace},
    snapshots::blocking,
};
use crate::{
    config::RunSettings,
    engine::PathMapping,
    policy::Folder,
    run::{
        assets::is_copied,
        cancel::{self, Cancel, Cancelled, Canceller},
        error::RunError,
        event::Event,
        host::Host,
        prepare::OwnWorkspace,
        rows::Backlog,
        session::{Checkpoint, SessionError},
        step::Step,
        story::{Story, listen},
        verdict::Verdict,
    },
    store::{Manifest, ReasonCode, RunStatus},
};

/// Events that wait to be looked at.
const EVENTS: usize = 32;

impl Host {
    /// Open a session: make its environment and set it up. `settings` are those of [`RunSettings::resolve_session`].
    ///
    /// An error before there is a run means that nothing was begun. [`RunError::NotOpened`] means that something was, that it is cleaned up
    /// again, and that there is a manifest. Given up before the answer, it is closed as soon as it can be.
    ///
    /// Needs a tokio runtime with more than one thread, since plugins compute on it.
    pub async fn open_session(self: &Arc<Self>, settings: RunSettings, options: SessionOptions) -> Result<Session, RunError> {
        let (canceller, wish) = cancel::channel();
        let given_up = AskOnDrop(Some(canceller.clone()));
        let opening = tokio::spawn(open(self.clone(), settings, options, canceller, wish));
        let opened = match opening.await {
            Ok(opened) => opened,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(RunError::Output { path: "the session".into(), cause: std::io::Error::other(error) }),
            },
        };
        given_up.disarm();
        opened
    }
}

/// Ends what is being opened when nobody waits for it any more.
struct AskOnDrop(Option<Canceller>);

impl AskOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AskOnDrop {
    fn drop(&mut self) {
        if let Some(canceller) = &self.0 {
            canceller.ask(Cancel::Kill);
        }
    }
}

async fn open(
    host: Arc<Host>,
    mut settings: RunSettings,
    options: SessionOptions,
    canceller: Canceller,
    wish: Cancelled,
) -> Result<Session, RunError> {
    let SessionOptions { workspace, variables, setup, disable_setup, resume, watcher } = options;
    settings.command.clear();
    settings.extra_arguments.clear();
    settings.stdin = crate::config::Stdin::Empty;
    settings.variables.extend(variables);
    settings.environment.typed_setup_commands.extend(setup);
    settings.environment.setup_disabled |= disable_setup;
    let own = (workspace != SessionWorkspace::Named).then(|| {
        let place = host.state.layout().workspace_of(&settings.run_id);
        OwnWorkspace { named: settings.work_in(place) }
    });
    let (events, seen) = mpsc::channel(EVENTS);
    let setup = Arc::new(Mutex::new(SetupOutput::default()));
    tokio::spawn(look(seen, watcher));
    let (mut story, control) = Story::open(host.clone(), settings, own, events, wish.clone()).await?;
    story.setup = Some(setup.clone());
    let listener = match control {
        Ok(control) => Some(tokio::spawn(listen(control, canceller.clone()))),
        Err(error) => {
            story.note(format!("`worldflux kill` will not reach this session: {error}")).await;
            None
        }
    };
    let stop_listening = async || {
        if let Some(listener) = listener {
            listener.abort();
            // Its end removes the pipe on which it listened.
            let _ = listener.await;
        }
    };
    match Box::pin(make_ready(story, &workspace, resume)).await {
        Ok((story, memory)) => {
            let life = life(host, story, memory, setup, canceller);
            let watched = life.clone();
            tokio::spawn(async move {
                watched.watch(wish).await;
                stop_listening().await;
            });
            tokio::spawn(keep_rows(life.backlog.clone(), life.host.clone()));
            Ok(Session(Arc::new(Owner { life, runtime: Handle::current() })))
        }
        Err((mut story, verdict)) => {
            let run = story.question.settings.run_id.clone();
            let by_user = story.was_cancelled();
            if !by_user {
                story.cancelled = cancel::channel().1;
            }
            let output = story.question.settings.output.clone();
            let verdict = Memory::forget(&mut story, verdict);
            let manifest = Box::pin(story.go_home(verdict)).await;
            stop_listening().await;
            let manifest = manifest?;
            let log = failed_log(&manifest).map(|path| output.join(path));
            let (status, reason, next_action) = (manifest.status, manifest.reason.code, manifest.reason.next_action);
            Err(RunError::NotOpened { run, status, reason, message: manifest.reason.message, next_action, log })
        }
    }
}

/// The log of the command that failed.
fn failed_log(manifest: &Manifest) -> Option<&Path> {
    let failed = manifest.executions.iter().rev().find(|execution| {
        let succeeded = execution.ending.as_ref().is_some_and(|ending| ending.kind.is_success());
        !succeeded && execution.log.is_some()
    });
    let wanted = failed.and_then(|failed| failed.log.as_deref()).or_else(|| {
        // Nothing was started: then it is the making of the environment, if anything was written.
        manifest.executions.is_empty().then_some("build-env")
    })?;
    manifest.logs.iter().find(|log| log.name == wanted).map(|log| Path::new(&log.path))
}

type Failed = (Story, Verdict);

/// Everything up to where the first command can be started. A failure comes with the story, which still has to go home.
async fn make_ready(mut story: Story, workspace: &SessionWorkspace, resume: Option<Checkpoint>) -> Result<(Story, Memory), Failed> {
    story.enter(Step::Open).await;
    let mut memory = Memory::default();
    (story, memory) = fill(story, memory, workspace, resume.as_ref()).await?;
    memory.lend_to(&mut story);
    if let Err(verdict) = story.until_it_is_set_up().await {
        return Err((story, verdict));
    }
    memory.take_back(&mut story);
    if resume.is_some()
        && let Err(verdict) = story.resume().await
    {
        return Err((story, verdict));
    }
    if story.own_workspace.is_some() {
        (story, memory) = with_memory(story, memory, |story, memory| memory.update(story).map(drop)).await?;
    }
    story.enter(Step::Follow).await;
    Ok((story, memory))
}

/// Put into the workspace what it begins with.
async fn fill(story: Story, memory: Memory, workspace: &SessionWorkspace, resume: Option<&Checkpoint>) -> Result<(Story, Memory), Failed> {
    let (story, memory) = match (resume, workspace) {
        (Some(checkpoint), _) => {
            let digest = checkpoint.snapshot;
            with_memory(story, memory, move |story, memory| memory.restore(story, digest).map(drop)).await?
        }
        (None, SessionWorkspace::CopyOf(folder)) => {
            let folder = folder.clone();
            with_memory(story, memory, move |story, memory| memory.copy(story, &folder)).await?
        }
        (None, SessionWorkspace::Named | SessionWorkspace::Fresh) => return Ok((story, memory)),
    };
    // What was put there before is gone.
    let settings = &story.question.settings;
    let mut placed = Ok(());
    if let Some(root) = story.folders.root(Folder::Workspace) {
        for asset in settings.assets.values().filter(|asset| is_copied(asset, settings.mode)) {
            if placed.is_ok() {
                placed = story.host.place_asset(asset, root, &story.resolved.rights, &story.held).await;
            }
        }
    }
    match placed {
        Ok(()) => Ok((story, memory)),
        Err(error) => {
            let verdict = Verdict::new(RunStatus::Failed, ReasonCode::HostFault, error.to_string());
            Err((story, verdict.with_next_action(error.hint().unwrap_or_default())))
        }
    }
}

/// Work with the files of the session, on a thread that may wait.
async fn with_memory(
    story: Story,
    mut memory: Memory,
    work: impl FnOnce(&Story, &mut Memory) -> Result<(), SessionError> + Send + 'static,
) -> Result<(Story, Memory), Failed> {
    let worked = blocking(move || {
        let done = work(&story, &mut memory);
        Ok((story, memory, done))
    });
    match worked.await {
        Ok((story, memory, Ok(()))) => Ok((story, memory)),
        Ok((story, _, Err(error))) => {
            let (status, code) = match &error {
                SessionError::UnknownSnapshot(_) | SessionError::Read(_) => (RunStatus::Blocked, ReasonCode::Invalid),
                _ => (RunStatus::Failed, ReasonCode::HostFault),
            };
            let message = format!("the workspace cannot be filled: {error}");
            Err((story, Verdict::new(status, code, message).with_next_action(error.hint().unwrap_or_default())))
        }
        // The closure never answers with an error of its own, and a panic goes on as one.
        Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
    }
}

fn life(host: Arc<Host>, story: Story, memory: Memory, setup: Arc<Mutex<SetupOutput>>, canceller: Canceller) -> Arc<Life> {
    let settings = &story.question.settings;
    let description = &story.resolved.description;
    let assets = host.state.layout().assets_of(&settings.run_id);
    let places = match &description.paths {
        PathMapping::HostPaths => SessionPlaces {
            workspace: settings.workspace.to_string_lossy().into_owned(),
            assets: assets.to_string_lossy().into_owned(),
            output: settings.output.to_string_lossy().into_owned(),
        },
        PathMapping::Fixed { workspace, assets, output } => {
            SessionPlaces { workspace: workspace.clone(), assets: assets.clone(), output: output.clone() }
        }
    };
    Arc::new(Life {
        id: settings.run_id.clone(),
        runtime: description.name.clone(),
        features: description.features.clone(),
        mode: settings.mode,
        workspace: settings.workspace.clone(),
        output: settings.output.clone(),
        places,
        added: Mutex::new(BTreeMap::new()),
        setup,
        memory: Arc::new(TaskMutex::new(memory)),
        backlog: Arc::new(Backlog::default()),
        story: Arc::new(RwLock::new(Some(story))),
        canceller,
        registry: Mutex::new(Registry::default()),
        manifest: TaskMutex::new(None),
        host,
    })
}

/// Pass everything on to whoever watches.
async fn look(mut seen: mpsc::Receiver<Event>, mut watcher: Option<mpsc::Sender<Event>>) {
    while let Some(event) = seen.recv().await {
        if let Some(sender) = &watcher
            && sender.send(event).await.is_err()
        {
            watcher = None;
        }
    }
}

/// Write rows down a moment after they changed, for as long as they do.
async fn keep_rows(rows: Arc<Backlog>, host: Arc<Host>) {
    while rows.due().await {
        let (rows, host) = (rows.clone(), host.clone());
        // What cannot be written now is also in the manifest.
        let _ = tokio::task::spawn_blocking(move || rows.write(&host.state)).await;
    }
}
