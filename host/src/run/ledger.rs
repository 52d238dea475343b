//! What is known of the executions of a run while they go on, several at once.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    names::Ending,
    policy::Level,
    store::{ExecutionSummary, LogFile},
};

/// The executions of a run, their logs, and what there is to say of them in the end.
#[derive(Default)]
pub(super) struct Ledger {
    entries: Mutex<Entries>,
    is_here: AtomicBool,
}

#[derive(Default)]
struct Entries {
    begun: u32,
    executions: Vec<ExecutionSummary>,
    logs: Vec<LogFile>,
    level: Option<Level>,
    command: Option<Command>,
}

/// The user's command that was started last.
struct Command {
    index: u32,
    handle: String,
    ending: Option<Ending>,
}

impl Ledger {
    /// The number of the next execution.
    pub(super) fn number(&self) -> u32 {
        let mut entries = self.entries();
        let number = entries.begun;
        entries.begun = entries.begun.saturating_add(1);
        number
    }

    /// The user's command was started, under this handle.
    pub(super) fn command_started(&self, index: u32, handle: &str) {
        self.entries().command = Some(Command { index, handle: handle.to_owned(), ending: None });
    }

    /// It has ended.
    pub(super) fn command_ended(&self, index: u32, ending: &Ending) {
        if let Some(command) = self.entries().command.as_mut().filter(|command| command.index == index) {
            command.ending = Some(ending.clone());
        }
    }

    /// The handle of the user's command, once one was started.
    pub(super) fn command(&self) -> Option<String> {
        self.entries().command.as_ref().map(|command| command.handle.clone())
    }

    /// How it ended, once it has.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.entries().command.as_ref().and_then(|command| command.ending.clone())
    }

    /// A command of this machine is confined like this.
    pub(super) fn confined(&self, level: Level) {
        self.entries().level = Some(level);
    }

    /// What confined the last command, once one was started on this machine.
    pub(super) fn level(&self) -> Option<Level> {
        self.entries().level
    }

    /// The runtime has answered a start with a process of this machine: what it starts ends with this host.
    pub(super) fn starts_here(&self) {
        self.is_here.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_here(&self) -> bool {
        self.is_here.load(Ordering::Relaxed)
    }

    /// An execution is over, or could not be started.
    pub(super) fn add(&self, execution: ExecutionSummary) {
        self.entries().executions.push(execution);
    }

    /// A log is complete.
    pub(super) fn add_log(&self, log: LogFile) {
        self.entries().logs.push(log);
    }

    /// How an execution ended, if it has.
    pub(super) fn ending_of(&self, index: u32) -> Option<Ending> {
        let entries = self.entries();
        entries.executions.iter().rev().find(|execution| execution.index == index).and_then(|execution| execution.ending.clone())
    }

    /// What is over so far, in the order of its start.
    pub(super) fn executions(&self) -> Vec<ExecutionSummary> {
        let mut executions = self.entries().executions.clone();
        executions.sort_by_key(|execution| execution.index);
        executions
    }

    /// The logs that are complete.
    pub(super) fn logs(&self) -> Vec<LogFile> {
        self.entries().logs.clone()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
