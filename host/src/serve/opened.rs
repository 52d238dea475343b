//! A session that is open: its executions, and who follows them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, watch};

use super::{
    error::ServeError,
    limits::{ENDED, STARTED},
    result::ExecutionResult,
    window::Window,
};
use crate::{
    names::RunId,
    run::{Execution, Session},
    store::Manifest,
};

/// A session that is open.
pub(super) struct Opened {
    pub(super) session: Session,
    executions: Mutex<BTreeMap<u32, Known>>,
    closing: watch::Sender<bool>,
    /// Cloned by whoever tells the client about this session; gone once it closes.
    followers: Mutex<Option<mpsc::Sender<()>>>,
    followed: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// An execution that was started and whose result nobody has fetched yet.
pub(super) struct Started {
    pub(super) execution: Execution,
    /// How much output may be on its way to the client.
    pub(super) window: Window,
}

/// What is known of an execution.
#[derive(Clone)]
pub(super) enum Known {
    /// It goes on, or its output waits to be fetched.
    Started(Arc<Started>),
    /// Its result was fetched, and is remembered without its output.
    Fetched(Arc<ExecutionResult>),
}

/// Who tells the client about a session. A session is closed when it has none any more.
pub(super) struct Follower(#[expect(dead_code, reason = "to be held is all it is for")] mpsc::Sender<()>);

impl Opened {
    pub(super) fn new(session: Session) -> Self {
        let (followers, followed) = mpsc::channel(1);
        Self {
            session,
            executions: Mutex::default(),
            closing: watch::Sender::new(false),
            followers: Mutex::new(Some(followers)),
            followed: tokio::sync::Mutex::new(followed),
        }
    }

    pub(super) fn id(&self) -> &RunId {
        self.session.id()
    }

    /// End every command, clean up, and wait until the client was told the last of it.
    pub(super) async fn close(&self) -> Result<Manifest, ServeError> {
        self.closing.send_replace(true);
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).take();
        let manifest = self.session.clone().close().await;
        let _ = self.followed.lock().await.recv().await;
        Ok(manifest?)
    }

    /// Waits until the session is about to close.
    pub(super) async fn closes(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Somebody begins to tell the client about the session; `None` where it is about to close.
    pub(super) fn follower(&self) -> Option<Follower> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).clone().map(Follower)
    }

    /// Whether there may be one execution more.
    pub(super) fn has_room(&self) -> Result<(), ServeError> {
        let started = self.executions().values().filter(|known| matches!(known, Known::Started(_))).count();
        if started < STARTED { Ok(()) } else { Err(ServeError::too_many_executions()) }
    }

    /// An execution was started.
    pub(super) fn keep(&self, started: Arc<Started>) {
        self.executions().insert(started.execution.index(), Known::Started(started));
    }

    /// What is known of an execution.
    pub(super) fn known(&self, execution: u32) -> Result<Known, ServeError> {
        let missing = || ServeError::NoExecution { session: self.id().clone(), execution };
        self.executions().get(&execution).cloned().ok_or_else(missing)
    }

    /// The result of an execution was fetched: what it printed is not kept any longer.
    pub(super) fn fetched(&self, result: ExecutionResult) {
        let mut executions = self.executions();
        executions.insert(result.execution, Known::Fetched(Arc::new(result)));
        let fetched: Vec<_> = executions.iter().filter(|(_, known)| matches!(known, Known::Fetched(_))).map(|(index, _)| *index).collect();
        for index in fetched.iter().take(fetched.len().saturating_sub(ENDED)) {
            executions.remove(index);
        }
    }

    fn executions(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Known>> {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
