//! The life of a session: lent to whatever goes on in it, and taken back when it is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{Mutex as TaskMutex, OwnedRwLockReadGuard, RwLock};

use super::{
    error::SessionError,
    execution::{Execution, ExecutionState, Progress, Shared},
    handle::{SessionPlaces, SetupOutput},
    memory::Memory,
};
use crate::{
    config::Mode,
    engine::Feature,
    names::{RunId, RuntimeName},
    run::{
        cancel::{self, Cancel, Cancelled, Canceller},
        error::RunError,
        host::Host,
        rows::Backlog,
        story::Story,
        verdict::Verdict,
    },
    store::{Manifest, ReasonCode, RunStatus},
};

/// What all handles of a session share.
pub(super) struct Life {
    pub(super) host: Arc<Host>,
    pub(super) id: RunId,
    pub(super) runtime: RuntimeName,
    pub(super) features: BTreeSet<Feature>,
    pub(super) mode: Mode,
    pub(super) workspace: PathBuf,
    pub(super) output: PathBuf,
    pub(super) places: SessionPlaces,
    /// Variables that were added while it goes on.
    pub(super) added: Mutex<BTreeMap<String, String>>,
    pub(super) setup: Arc<Mutex<SetupOutput>>,
    pub(super) memory: Arc<TaskMutex<Memory>>,
    pub(super) backlog: Arc<Backlog>,
    /// There until the way home is taken; lent to everything that goes on.
    pub(super) story: Arc<RwLock<Option<Story>>>,
    pub(super) canceller: Canceller,
    pub(super) registry: Mutex<Registry>,
    pub(super) manifest: TaskMutex<Option<Manifest>>,
}

/// The executions of a session, and whether there can be more.
#[derive(Default)]
pub(super) struct Registry {
    over: Option<Over>,
    executions: BTreeMap<u32, Entry>,
    /// What went wrong with the logs of commands.
    problems: Vec<String>,
}

/// Why a session is over.
#[derive(Clone)]
struct Over {
    why: String,
    verdict: Verdict,
    by_user: bool,
}

/// An execution; held as long as it goes on, and known after that as long as somebody else holds it.
struct Entry {
    held: Option<Arc<Shared>>,
    known: Weak<Shared>,
}

/// The story, for as long as something goes on in it.
pub(super) type Lent = OwnedRwLockReadGuard<Option<Story>, Story>;

impl Life {
    /// The story. An error once the session is over.
    pub(super) async fn lend(&self) -> Result<Lent, SessionError> {
        self.check()?;
        let story = self.story.clone().read_owned().await;
        OwnedRwLockReadGuard::try_map(story, Option::as_ref).map_err(|_| self.over("it was closed"))
    }

    /// Whether it goes on.
    pub(super) fn check(&self) -> Result<(), SessionError> {
        self.registry().over.as_ref().map_or(Ok(()), |over| Err(self.over(&over.why)))
    }

    fn over(&self, why: &str) -> SessionError {
        SessionError::Over { run: self.id.clone(), why: why.to_owned() }
    }

    /// Enter an execution that is about to be started. Under one lock with the look at what else runs, so that nothing begins unseen.
    pub(super) fn register(&self, execution: &Arc<Shared>) -> Result<(), SessionError> {
        let mut registry = self.registry();
        if let Some(over) = &registry.over {
            return Err(self.over(&over.why));
        }
        if !self.features.contains(&Feature::Concurrent)
            && let Some(index) = registry.held().next().map(|other| other.index)
        {
            return Err(SessionError::Busy { runtime: self.runtime.clone(), index });
        }
        registry.executions.retain(|_, entry| entry.held.is_some() || entry.known.strong_count() > 0);
        let entry = Entry { held: Some(execution.clone()), known: Arc::downgrade(execution) };
        registry.executions.insert(execution.index, entry);
        Ok(())
    }

    /// It has ended, or could not be started.
    pub(super) fn let_go(&self, index: u32) {
        if let Some(entry) = self.registry().executions.get_mut(&index) {
            entry.held = None;
        }
    }

    /// An execution that goes on, or that somebody holds.
    pub(super) fn execution(&self, index: u32) -> Option<Execution> {
        self.registry().executions.get(&index).and_then(|entry| entry.known.upgrade()).map(Execution)
    }

    /// Where an execution is in its life.
    pub(super) fn state(&self, index: u32) -> Result<ExecutionState, SessionError> {
        if let Some(execution) = self.execution(index) {
            return Ok(execution.state());
        }
        let story = self.story.try_read().map_err(|_| self.over("it is being closed"))?;
        let story = story.as_ref().ok_or_else(|| self.over("it was closed"))?;
        Ok(story.ledger.ending_of(index).map_or(ExecutionState::NeverStarted, ExecutionState::Ended))
    }

    /// Ask everything that runs to end.
    pub(super) fn end_all(&self, wish: Cancel) {
        for execution in self.registry().held() {
            execution.canceller.ask(wish);
        }
    }

    /// What became of a log that could not be written.
    pub(super) fn add_problem(&self, problem: String) {
        self.registry().problems.push(problem);
    }

    /// From here on nothing more is started, and what runs is asked to end.
    pub(super) fn fail(&self, verdict: Verdict) {
        self.mark_over(Over { why: verdict.message.clone(), verdict, by_user: false });
        self.end_all(Cancel::Kill);
    }

    /// The first reason stays.
    fn mark_over(&self, over: Over) {
        self.registry().over.get_or_insert(over);
    }

    /// Wait until somebody outside asks the session to end, and end it.
    pub(super) async fn watch(self: Arc<Self>, mut cancelled: Cancelled) {
        let wish = cancelled.at_least(Cancel::Stop).await;
        let verdict = Verdict::new(RunStatus::Cancelled, ReasonCode::Cancelled, "the session was stopped as asked");
        self.mark_over(Over { why: "somebody asked it to stop".into(), verdict, by_user: true });
        self.end_all(wish);
        let closing = self.clone();
        let by_force = async {
            cancelled.at_least(Cancel::Kill).await;
            self.end_all(Cancel::Kill);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = closing.go_home() => {}
            () = by_force => {}
        }
    }

    /// End what runs, by force, and take the way home.
    pub(super) async fn close(self: Arc<Self>) -> Result<Manifest, RunError> {
        self.mark_over(Over { why: "it was closed".into(), verdict: Verdict::success(), by_user: false });
        self.canceller.ask(Cancel::Kill);
        self.end_all(Cancel::Kill);
        self.go_home().await
    }

    /// The way home, once everything that goes on has ended. Taken once; whoever comes later gets the same manifest.
    async fn go_home(self: Arc<Self>) -> Result<Manifest, RunError> {
        let mut manifest = self.manifest.lock().await;
        if let Some(manifest) = &*manifest {
            return Ok(manifest.clone());
        }
        let Some(mut story) = self.story.write().await.take() else {
            let message = format!("session `{}` is closed, and its manifest could not be written", self.id);
            return Err(RunError::Refused { message, hint: "`worldflux status` shows what is known of it".into() });
        };
        let (over, problems) = {
            let registry = self.registry();
            (registry.over.clone(), registry.problems.clone())
        };
        let over = over.unwrap_or(Over { why: String::new(), verdict: Verdict::success(), by_user: false });
        if !over.by_user {
            // Nobody asked for less than the whole way.
            story.cancelled = cancel::channel().1;
        }
        // What became of each command is also in the manifest.
        let _ = self.backlog.end(&self.host.state);
        let mut verdict = over.verdict;
        if let Some(problem) = problems.into_iter().next() {
            verdict = verdict.or_incomplete(ReasonCode::HostFault, problem);
        }
        verdict = self.memory.lock().await.hand_over(&mut story, verdict);
        let written = Box::pin(story.go_home(verdict)).await?;
        *manifest = Some(written.clone());
        Ok(written)
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// The executions that go on.
    fn held(&self) -> impl Iterator<Item = &Arc<Shared>> {
        let going_on = |execution: &&Arc<Shared>| !matches!(&*execution.progress.borrow(), Progress::Failed | Progress::Ended(_));
        self.executions.values().filter_map(|entry| entry.held.as_ref()).filter(going_on)
    }
}
