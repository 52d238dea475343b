//! One run, from the first line in the database to its manifest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    cancel::{self, Cancel, Cancelled, Canceller},
    error::RunError,
    event::{Event, OutputSource},
    execute::Execution,
    host::Host,
    ledger::Ledger,
    output::Output,
    prepare::OwnWorkspace,
    provenance::{self, Sources},
    reader::Reader,
    resolve::Resolved,
    rows::{LogEnd, Rows},
    session::SetupOutput,
    step::Step,
    verdict::Verdict,
};
use crate::{
    config::{self, RunSettings},
    egress::Client,
    engine::{Engine, Outcome, Question, StdinKind},
    imports::{Children, Folders, Reach},
    names::{Moment, RunId},
    policy::ChildNetwork,
    sandbox::Stdin,
    secrets::Held,
    store::{self, Control, ControlReceiver, ExecutionKind, LogFile, LogWriter, Manifest, Record, RunLock, StoreError},
    workspace::{Placeholders, Workspace},
};

/// Events that wait for a watcher. Each holds at most 256 KiB of output; a watcher that does not read slows the command down, as a pipe
/// does.
const EVENTS: usize = 32;

/// Supervisors that are started while the plugin is made ready: those of its doctor, and that of the command.
const SUPERVISORS: usize = 4;

/// A run that goes on.
pub struct RunHandle {
    /// Its id.
    pub id: RunId,
    /// What happens, in order; ends after [`Event::Finished`]. Dropping it does not end the run.
    pub events: mpsc::Receiver<Event>,
    /// Asks the run to end before its time.
    pub canceller: Canceller,
    /// The run itself.
    pub running: Running,
}

/// Answers with the manifest when the run is over.
pub struct Running(JoinHandle<Result<Manifest, RunError>>);

impl Running {
    /// Wait for the manifest.
    pub async fn manifest(self) -> Result<Manifest, RunError> {
        match self.0.await {
            Ok(manifest) => manifest,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(RunError::Output { path: "the run".into(), cause: std::io::Error::other(error) }),
            },
        }
    }
}

/// The state of a run while it goes on.
pub(super) struct Story {
    pub(super) host: Arc<Host>,
    pub(super) engine: Arc<Engine>,
    pub(super) resolved: Resolved,
    pub(super) question: Question,
    pub(super) record: Arc<Record>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) cancelled: Cancelled,
    pub(super) children: Arc<Children>,
    /// What the user's command reaches of the network, on this machine.
    pub(super) network: ChildNetwork,
    /// What connects to the hosts of that network, and to the indexes of an environment.
    pub(super) reach: Arc<Reach>,
    pub(super) client: Arc<Client>,
    pub(super) folders: Folders,
    /// The secrets that its plugin may have used.
    pub(super) held: Arc<Held>,
    pub(super) stdin: Option<Stdin>,
    /// The handle of the environment, once there is one.
    pub(super) environment: Option<String>,
    pub(super) claim: super::build::Claim,
    /// The environment that the run had, and whether it was there before.
    pub(super) environment_used: Option<(store::EnvironmentRow, bool)>,
    /// The commands so far, those of the setup and the user's.
    pub(super) ledger: Ledger,
    pub(super) outcome: Option<Outcome>,
    pub(super) artifacts: Vec<store::Artifact>,
    pub(super) sources: Sources,
    /// The workspace, where it is made for this alone and removed in the end.
    pub(super) own_workspace: Option<Workspace>,
    /// Where commands find the assets.
    pub(super) placeholders: Placeholders,
    /// What the workspace held, where the user wants to know.
    pub(super) snapshots: Option<store::Snapshots>,
    /// What the setup writes, where somebody asks for it.
    pub(super) setup: Option<Arc<Mutex<SetupOutput>>>,
    pub(super) created_at: Moment,
    pub(super) durations: BTreeMap<String, f64>,
    step: (Step, Instant),
    /// Held until the story is over: whoever can take it knows that this host is gone.
    _lock: RunLock,
}

impl Host {
    /// Begin a run. An error means that nothing was begun: no row, no folder, no process.
    ///
    /// Needs a tokio runtime with more than one thread, since plugins compute on it.
    pub async fn run(self: &Arc<Self>, settings: RunSettings) -> Result<RunHandle, RunError> {
        let (canceller, wish) = cancel::channel();
        let (events, watcher) = mpsc::channel(EVENTS);
        let (story, control) = Story::open(self.clone(), settings, None, events, wish).await?;
        let id = story.question.settings.run_id.clone();
        let listener = match control {
            Ok(control) => Some(tokio::spawn(listen(control, canceller.clone()))),
            // Nobody else can stop this run then; whoever started it still can.
            Err(error) => {
                story.note(format!("`worldflux kill` will not reach this run: {error}")).await;
                None
            }
        };
        let running = tokio::spawn(async move {
            let manifest = Box::pin(story.tell()).await;
            if let Some(listener) = listener {
                listener.abort();
                // Its end removes the pipe on which it listened.
                let _ = listener.await;
            }
            manifest
        });
        Ok(RunHandle { id, events: watcher, canceller, running: Running(running) })
    }
}

/// Pass on what other processes ask of this run.
pub(super) async fn listen(mut control: ControlReceiver, canceller: Canceller) {
    while let Ok(wish) = control.recv().await {
        canceller.ask(match wish {
            Control::Stop => Cancel::Stop,
            Control::Kill => Cancel::Kill,
        });
    }
}

impl Story {
    /// Everything up to the first step, and where other processes ask for the end. `own` is there for a story whose workspace is made for it
    /// alone, and `settings` name it already.
    pub(super) async fn open(
        host: Arc<Host>,
        mut settings: RunSettings,
        own: Option<OwnWorkspace>,
        events: mpsc::Sender<Event>,
        cancelled: Cancelled,
    ) -> Result<(Self, Result<ControlReceiver, StoreError>), RunError> {
        host.launcher.prepare(SUPERVISORS, settings.sandbox);
        let resolved = host.resolve_for(&settings).await?;
        let named = host.name_assets(&mut settings, &resolved.description)?;
        let runtime_settings = named.value(&settings.settings_of(&resolved.description.name))?;
        config::check_settings(&resolved.description.name, &resolved.description.settings_schema.to_string(), &runtime_settings)?;
        super::prepare::check_sandbox(&host, &settings, &resolved.rights).await?;
        let network = super::network::of_command(&host, &settings, &resolved).await?;
        let reach = super::network::reach(&host, &settings, &resolved.rights).await?;
        let held = Arc::new(host.hold(&resolved.rights).await?);
        let mut prepared = super::prepare::prepare(&host, &mut settings, own, &resolved, &held)?;
        let question =
            Question { interpreter: settings.interpreter.clone(), runtime: resolved.description.name.clone(), runtime_settings, settings };
        let brought = host.bring_assets(&question.settings, &prepared.folders, &resolved.rights, &held).await;
        if let Err(error) = brought.and_then(|()| super::prepare::keep_question(&host, &question, &held)) {
            if let Some(workspace) = &mut prepared.own_workspace {
                // It was made a moment ago, and nobody has worked in it.
                let _ = workspace.cleanup();
            }
            return Err(error);
        }
        let story = Self {
            engine: host.engine().await?,
            question,
            record: Arc::new(prepared.record),
            events,
            cancelled,
            children: Arc::new(Children::new(host.launcher.clone())),
            reach: Arc::new(reach),
            network,
            client: host.client()?,
            folders: prepared.folders,
            held,
            stdin: Some(prepared.stdin),
            environment: None,
            claim: super::build::Claim::None,
            environment_used: None,
            ledger: Ledger::default(),
            outcome: None,
            artifacts: vec![],
            sources: Sources::default(),
            own_workspace: prepared.own_workspace,
            placeholders: named,
            snapshots: None,
            created_at: prepared.created_at,
            durations: BTreeMap::new(),
            step: (Step::Open, Instant::now()),
            setup: None,
            _lock: prepared.lock,
            resolved,
            host,
        };
        Ok((story, prepared.control))
    }

    /// The order of events. The way to the command ends at the first step that fails; the way home is always taken whole.
    async fn tell(mut self) -> Result<Manifest, RunError> {
        let verdict = match self.until_the_command_ends().await {
            Ok(verdict) | Err(verdict) => verdict,
        };
        Box::pin(self.go_home(verdict)).await
    }

    /// The way home, from wherever the story is.
    pub(super) async fn go_home(mut self, mut verdict: Verdict) -> Result<Manifest, RunError> {
        verdict = self.snapshot_after(verdict).await;
        if self.ledger.command().is_some() {
            self.enter(Step::Collect).await;
            verdict = self.collect(verdict).await;
        }
        self.enter(Step::Teardown).await;
        verdict = self.teardown(verdict).await;
        verdict = self.remove_workspace(verdict).await;
        // Nothing is written down any more when the manifest says how much there is.
        self.children.settle().await;
        self.enter(Step::Finish).await;
        self.finish(verdict).await
    }

    async fn until_the_command_ends(&mut self) -> Result<Verdict, Verdict> {
        self.enter(Step::Open).await;
        self.until_it_is_set_up().await?;
        self.enter(Step::Start).await;
        self.run_command().await
    }

    /// The environment is there, and set up.
    pub(super) async fn until_it_is_set_up(&mut self) -> Result<(), Verdict> {
        self.snapshot_before().await?;
        self.enter(Step::Plan).await;
        let outline = self.examine_and_plan().await?;
        self.enter(Step::BuildEnv).await;
        self.build(outline).await?;
        self.enter(Step::Setup).await;
        self.set_up().await
    }

    /// Run the user's command.
    async fn run_command(&mut self) -> Result<Verdict, Verdict> {
        let settings = &self.question.settings;
        let index = self.ledger.number();
        let stdin = self.stdin.take().unwrap_or_default();
        let execution = Execution {
            kind: ExecutionKind::Command,
            index,
            argv: settings.command.clone(),
            variables: settings.variables.clone(),
            working_folder: None,
            stdin_kind: if matches!(stdin, Stdin::Empty) { StdinKind::Empty } else { StdinKind::Host(None) },
            stdin,
            deadline: settings.deadline.duration(),
            grace: settings.grace,
            cap: settings.log_limit,
            output: self.output("", OutputSource::Execution { kind: ExecutionKind::Command, index })?,
            label: "command".to_owned(),
            cancelled: self.cancelled.clone(),
            rows: Rows::AtOnce,
        };
        let what = format!("`{}`", settings.command.first().map_or("", String::as_str));
        let begun = self.begin(execution).await?;
        self.enter(Step::Follow).await;
        let ended = self.follow(begun).await;
        match ended.problem {
            Some(problem) => Err(problem),
            None => Ok(Verdict::of_ending(&ended.ending, ExecutionKind::Command, &what, self.was_cancelled())),
        }
    }

    /// `doctor`, `plan` and the look at the repository, side by side.
    async fn examine_and_plan(&mut self) -> Result<crate::engine::Outline, Verdict> {
        let path = self.host.environment.path().to_owned();
        let mut cancelled = self.cancelled.clone();
        let answers = async {
            let sources = provenance::sources(&self.host.launcher, &self.question.settings.source, &path);
            tokio::join!(self.examine(), self.plan(), sources)
        };
        let (findings, outline, sources) = tokio::select! {
            answers = answers => answers,
            _ = cancelled.at_least(Cancel::Stop) => return Err(Verdict::cancelled()),
        };
        self.sources = sources;
        self.check_findings(findings).await?;
        outline
    }

    /// Go on to `step`: told to the record, the database and whoever watches, in this order.
    pub(super) async fn enter(&mut self, step: Step) {
        let (last, since) = std::mem::replace(&mut self.step, (step, Instant::now()));
        if last != step {
            *self.durations.entry(last.name().to_owned()).or_default() += since.elapsed().as_secs_f64();
        }
        // A record or a database that cannot be written shows at the next effect or at the end; it must not keep the way home from
        // being taken.
        let _ = self.record.phase(step.name());
        let _ = self.host.state.set_step(&self.question.settings.run_id, step.name());
        let _ = self.events.send(Event::Step(step)).await;
        if self.host.environment.halt_at() == Some(step.name()) {
            halt();
        }
    }

    /// Where the log of a command is; that of the user's own has no name.
    pub(super) fn log_path(&self, name: &str) -> std::path::PathBuf {
        let id = &self.question.settings.run_id;
        let file = if name.is_empty() { format!("{id}.log") } else { format!("{id}.{name}.log") };
        self.question.settings.output.join("logs").join(file)
    }

    /// Who gets the output of the setup, and of the command of a run.
    pub(super) fn watcher(&self, source: OutputSource) -> Reader {
        Reader::Watcher { source, events: self.events.clone(), setup: self.setup.clone() }
    }

    /// Begin the log of a command.
    pub(super) fn output(&self, name: &str, source: OutputSource) -> Result<Arc<Output>, Verdict> {
        Output::create(&self.log_path(name), self.held.scrubber(), self.watcher(source))
            .map_err(|error| Verdict::from(super::output::log_failure(&error)).with_next_action(error.hint()))
    }

    /// End the log of a command, and remember it for the manifest. Whether there is one.
    pub(super) async fn finish_log(&self, name: &str, output: &Output, truncated: bool, end: LogEnd) -> Result<bool, Verdict> {
        let end = match end {
            LogEnd::Durable => LogWriter::finish,
            LogEnd::Ordinary => LogWriter::end,
        };
        let summary = output.finish(end).await.map_err(|error| Verdict::from(super::output::log_failure(&error)))?;
        let Some(summary) = summary else { return Ok(false) };
        self.ledger.add_log(LogFile {
            name: name.to_owned(),
            path: store::path_in_manifest(&self.question.settings.output, &summary.path),
            bytes: summary.bytes,
            sha256: summary.sha256,
            truncated,
        });
        Ok(true)
    }
}

/// Stop this process until somebody continues or kills it, so that a test can look at the run at exactly this step.
fn halt() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    // Whichever thread is first takes the signal and stops the others; until then this one must not go on to the next step.
    std::thread::sleep(std::time::Duration::from_millis(200));
}
