//! Where executions are written down, and how soon.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::execute::Execution;
use crate::{
    names::{Ending, RunId},
    store::{Durability, ExecutionRow, ExecutionState, NewExecution, State, StoreError},
};

/// How far the rows of a session may be behind. Soon enough for a person who looks, seldom enough that a thousand short commands do not wait
/// for the database.
const BEHIND: Duration = Duration::from_millis(250);

/// How the executions of a run are written down.
#[derive(Clone)]
pub(super) enum Rows {
    /// Each at once, before the plugin is called: the one command of a run.
    AtOnce,
    /// A moment later, several together, where what they start ends with this host anyway: nobody could do anything about them after its
    /// death. What may go on elsewhere is written down at once, here too.
    Behind(Arc<Backlog>),
}

/// How surely a log is on disk when it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogEnd {
    /// Survives a power cut.
    Durable,
    /// Survives the death of this process.
    Ordinary,
}

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Executions that have not ended, and those that are not written as they are now.
    rows: Mutex<BTreeMap<u32, (ExecutionRow, bool)>>,
    changed: Notify,
    over: AtomicBool,
}

impl Rows {
    /// How the log of an execution ends.
    pub(super) const fn ending(&self) -> LogEnd {
        match self {
            Self::AtOnce => LogEnd::Durable,
            Self::Behind(_) => LogEnd::Ordinary,
        }
    }

    /// The plugin is about to be asked. `argv` is what may be shown of it.
    pub(super) fn begin(
        &self,
        state: &State,
        run: &RunId,
        execution: &Execution,
        argv: Vec<String>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let (index, kind) = (execution.index, execution.kind);
        let new = NewExecution { run_id: run.clone(), index, kind, argv };
        let Self::Behind(backlog) = self else { return state.begin_execution(&new, Durability::Durable) };
        let is_written = durability == Durability::Durable;
        if is_written {
            state.begin_execution(&new, durability)?;
        }
        let row = ExecutionRow {
            run_id: new.run_id,
            index,
            kind,
            argv: new.argv,
            state: ExecutionState::Starting,
            handle: None,
            cursor: String::new(),
            ending: None,
        };
        backlog.rows().insert(index, (row, !is_written));
        backlog.changed.notify_one();
        Ok(())
    }

    /// The plugin has answered.
    pub(super) fn started(&self, state: &State, run: &RunId, index: u32, handle: &str, durability: Durability) -> Result<(), StoreError> {
        let Self::Behind(backlog) = self else { return state.execution_started(run, index, handle, durability) };
        let row = {
            let mut rows = backlog.rows();
            let Some((row, changed)) = rows.get_mut(&index) else { return Ok(()) };
            row.handle = Some(handle.to_owned());
            row.state = ExecutionState::Running;
            *changed = durability == Durability::Ordinary;
            row.clone()
        };
        if durability == Durability::Durable {
            return state.keep_executions(&[row], durability);
        }
        backlog.changed.notify_one();
        Ok(())
    }

    /// It has ended.
    pub(super) fn ended(&self, state: &State, run: &RunId, index: u32, ending: &Ending) -> Result<(), StoreError> {
        let Self::Behind(backlog) = self else { return state.execution_ended(run, index, ending) };
        if let Some((row, changed)) = backlog.rows().get_mut(&index) {
            row.ending = Some(ending.clone());
            row.state = ExecutionState::Ended;
            *changed = true;
        }
        backlog.changed.notify_one();
        Ok(())
    }
}

impl Backlog {
    /// Answers when there is something to write, and has been for a moment; `false` once there will be nothing more.
    pub(super) async fn due(&self) -> bool {
        self.changed.notified().await;
        if self.over.load(Ordering::SeqCst) {
            return false;
        }
        tokio::time::sleep(BEHIND).await;
        true
    }

    /// There will be nothing more: write what is left.
    pub(super) fn end(&self, state: &State) -> Result<(), StoreError> {
        self.over.store(true, Ordering::SeqCst);
        self.changed.notify_one();
        self.write(state)
    }

    /// Write down what is not.
    pub(super) fn write(&self, state: &State) -> Result<(), StoreError> {
        let changed: Vec<_> = {
            let mut rows = self.rows();
            let changed = rows.values_mut().filter(|(_, changed)| *changed).map(|(row, changed)| {
                *changed = false;
                row.clone()
            });
            let changed = changed.collect();
            rows.retain(|_, (row, _)| row.state != ExecutionState::Ended);
            changed
        };
        if changed.is_empty() { Ok(()) } else { state.keep_executions(&changed, Durability::Ordinary) }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<u32, (ExecutionRow, bool)>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
