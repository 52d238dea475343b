//! One command of a session, as its caller holds it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe,
    sync::{Mutex as TaskMutex, watch},
};

use super::{error::SessionError, receiver::OutputReceiver};
use crate::{
    names::{EndKind, Ending},
    run::cancel::{Cancel, Canceller},
};

/// A command that was started in a session. Cheap to clone; dropping it changes nothing about the command.
#[derive(Debug, Clone)]
pub struct Execution(pub(super) Arc<Shared>);

/// Where a command is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionState {
    /// It was never started.
    NeverStarted,
    /// It runs, or what it wrote was not taken to its end yet.
    Running,
    /// It has ended.
    Ended(Ending),
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its number within the session.
    pub index: u32,
    /// What ran.
    pub argv: Vec<String>,
    /// How it ended, and how much it wrote.
    pub ending: Ending,
    /// What it wrote to standard output; empty where it was streamed.
    pub stdout: Bytes,
    /// What it wrote to standard error; empty where it was streamed.
    pub stderr: Bytes,
    /// Whether standard output went on beyond the cap.
    pub stdout_truncated: bool,
    /// Whether standard error went on beyond the cap.
    pub stderr_truncated: bool,
    /// From its start to its end, by a clock that nobody sets.
    pub duration: Duration,
    /// Its log, where there was something to write.
    pub log: Option<PathBuf>,
    /// What went wrong with that, where something did.
    pub problem: Option<String>,
}

/// What all handles of one execution share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) index: u32,
    pub(super) argv: Vec<String>,
    pub(super) canceller: Canceller,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) input: TaskMutex<Option<pipe::Sender>>,
    pub(super) output: Mutex<Option<OutputReceiver>>,
}

/// How far it has come.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Starting,
    Running,
    /// It could not be started.
    Failed,
    Ended(Arc<Executed>),
}

impl Execution {
    /// Its number within the session, counted with the commands of the setup.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.0.index
    }

    /// What runs.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.0.argv
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> ExecutionState {
        match &*self.0.progress.borrow() {
            Progress::Starting | Progress::Failed => ExecutionState::NeverStarted,
            Progress::Running => ExecutionState::Running,
            Progress::Ended(executed) => ExecutionState::Ended(executed.ending.clone()),
        }
    }

    /// Wait until it has ended. Every call gives the same answer.
    ///
    /// What a streamed command wrote has to be read, or its reader dropped, before it counts as ended; after [`Execution::kill`] or the
    /// deadline nothing has to be read.
    pub async fn wait(&self) -> Arc<Executed> {
        let mut progress = self.0.progress.subscribe();
        loop {
            if let Progress::Ended(executed) = &*progress.borrow_and_update() {
                return executed.clone();
            }
            if progress.changed().await.is_err() {
                // The sender is in `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ask it to end: the plugin first, and by force after the grace of the command. Returns at once, from any thread; safe twice and after the
    /// end.
    pub fn stop(&self) {
        self.0.canceller.ask(Cancel::Stop);
    }

    /// End it by force, with everything that it started. Returns at once, from any thread; safe twice and after the end.
    pub fn kill(&self) {
        self.0.canceller.ask(Cancel::Kill);
    }

    /// Write to the input of a command that was started with an interactive one. Waits while the command does not read.
    ///
    /// An error means that the command reads no more, or that its input was closed.
    pub async fn write_stdin(&self, bytes: &[u8]) -> Result<(), SessionError> {
        let failed = |why: String| SessionError::Input { index: self.0.index, why };
        let mut input = self.0.input.lock().await;
        let pipe = input.as_mut().ok_or_else(|| failed("it is closed, or was never open for writing".into()))?;
        let written = tokio::select! {
            written = pipe.write_all(bytes) => written.map_err(|error| error.to_string()),
            // Something that it started may hold the pipe without reading it.
            _ = self.wait() => Err("the command has ended".into()),
        };
        written.map_err(|why| {
            *input = None;
            failed(why)
        })
    }

    /// Close that input: the command reads its end. Safe twice.
    pub async fn close_stdin(&self) {
        *self.0.input.lock().await = None;
    }

    /// The output of a command that was started as a streamed one; once.
    #[must_use]
    pub fn take_output(&self) -> Option<OutputReceiver> {
        self.0.output.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Shared {
    /// Whether it has come to its end, or never came to its beginning.
    pub(super) fn is_over(&self) -> bool {
        matches!(&*self.progress.borrow(), Progress::Failed | Progress::Ended(_))
    }
}

impl Executed {
    /// The exit code; the number of the signal, less than 0, where one ended the command (SIGKILL where the host did).
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self.ending.kind {
            EndKind::Exited { code } => code,
            EndKind::Signalled { signal } => i32::try_from(signal).map_or(-1, |signal| -signal),
            EndKind::TimedOut | EndKind::Killed => -9,
            EndKind::Preempted | EndKind::Lost => -1,
        }
    }

    /// Whether its deadline ended it.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.ending.kind == EndKind::TimedOut
    }
}
