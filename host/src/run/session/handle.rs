//! A session, as its caller holds it.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, PoisonError},
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    error::SessionError,
    execution::{Execution, ExecutionState},
    life::Life,
};
use crate::{
    config::Mode,
    engine::Feature,
    names::{Channel, RunId, RuntimeName},
    run::{cancel::Cancel, error::RunError},
    store::{ExecutionSummary, LogFile, Manifest},
};

/// An environment with a workspace, in which any number of commands run. Cheap to clone; when the last handle is dropped without
/// [`Session::close`], everything is cleaned up as it does, in the background.
#[derive(Clone)]
pub struct Session(pub(super) Arc<Owner>);

/// What the handles own together.
pub(super) struct Owner {
    pub(super) life: Arc<Life>,
    pub(super) runtime: Handle,
}

/// Where the commands of a session see its folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionPlaces {
    /// The workspace.
    pub workspace: String,
    /// What lies beside it to be read.
    pub assets: String,
    /// Where results go.
    pub output: String,
}

/// Bytes of each stream of the setup that are kept.
const SETUP: usize = 1 << 20;

/// What the setup of a session wrote, apart from anything that a command wrote later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupOutput {
    /// To standard output; at most 1 MiB.
    pub stdout: Vec<u8>,
    /// To standard error; at most 1 MiB.
    pub stderr: Vec<u8>,
    /// Whether there was more, which the logs have.
    pub truncated: bool,
}

impl SetupOutput {
    pub(in crate::run) fn keep(&mut self, channel: Channel, bytes: &[u8]) {
        let kept = match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        };
        let fits = bytes.len().min(SETUP - kept.len().min(SETUP));
        kept.extend_from_slice(bytes.get(..fits).unwrap_or_default());
        self.truncated |= fits < bytes.len();
    }
}

impl Session {
    /// Its id, which is that of its run.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.life().id
    }

    /// The runtime that it is on.
    #[must_use]
    pub fn runtime(&self) -> &RuntimeName {
        &self.life().runtime
    }

    /// What that can do.
    #[must_use]
    pub fn features(&self) -> &BTreeSet<Feature> {
        &self.life().features
    }

    /// Who it is for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.life().mode
    }

    /// Its workspace, on this machine.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.life().workspace
    }

    /// Its output directory, on this machine.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.life().output
    }

    /// Where commands see its folders.
    #[must_use]
    pub fn places(&self) -> &SessionPlaces {
        &self.life().places
    }

    /// What the setup wrote, the programs that made the environment included.
    #[must_use]
    pub fn setup_output(&self) -> SetupOutput {
        self.life().setup.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The logs that are complete, by name: `build-env`, `setup-0`, `command-1`. Paths start at the output directory.
    pub async fn logs(&self) -> Result<Vec<LogFile>, SessionError> {
        Ok(self.life().lend().await?.ledger.logs())
    }

    /// The executions that have ended, in the order of their start, those of the setup first.
    pub async fn executions(&self) -> Result<Vec<ExecutionSummary>, SessionError> {
        Ok(self.life().lend().await?.ledger.executions())
    }

    /// The value with every `{{static:NAME}}` replaced by the path at which commands find that asset: in texts, in the keys of tables and in
    /// lists, however deep.
    pub async fn resolve(&self, value: &Value) -> Result<Value, SessionError> {
        self.life().lend().await?.placeholders.value(value).map_err(SessionError::Read)
    }

    /// An execution that goes on, or that has ended and that somebody still holds.
    #[must_use]
    pub fn execution(&self, index: u32) -> Option<Execution> {
        self.life().execution(index)
    }

    /// Where an execution is in its life, whether somebody holds it or not.
    pub fn state(&self, index: u32) -> Result<ExecutionState, SessionError> {
        self.life().state(index)
    }

    /// Ask every command that runs to end. Returns at once.
    pub fn stop_all(&self, how: Cancel) {
        self.life().end_all(how);
    }

    /// End what runs, by force; bring home what there is, release the environment, remove what was made for this session alone, and write
    /// the manifest. Goes on whatever cannot be done, and when it is given up. Every call of every handle gives the same answer.
    pub async fn close(self) -> Result<Manifest, RunError> {
        let closing = self.0.runtime.spawn(self.life().clone().close());
        match closing.await {
            Ok(manifest) => manifest,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(RunError::Output { path: "the session".into(), cause: std::io::Error::other(error) }),
            },
        }
    }

    pub(super) fn life(&self) -> &Arc<Life> {
        &self.0.life
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Session").field(self.id()).finish()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Done already where it was closed.
        drop(self.runtime.spawn(self.life.clone().close()));
    }
}
