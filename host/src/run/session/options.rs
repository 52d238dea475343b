//! What a session is opened with, beside the settings that a run has, too.

use std::{collections::BTreeMap, path::PathBuf};

use tokio::sync::mpsc;

use super::checkpoint::Checkpoint;
use crate::run::Event;

/// What a session is opened with.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Where commands work.
    pub workspace: SessionWorkspace,
    /// Variables for every command; they win over those of the settings.
    pub variables: BTreeMap<String, String>,
    /// Shell lines that set it up, run last.
    pub setup: Vec<String>,
    /// Run no setup, evaluation or resume line at all.
    pub disable_setup: bool,
    /// What the workspace begins with, in place of `workspace`'s own content; the resume lines of the environment run then, after the
    /// setup.
    pub resume: Option<Checkpoint>,
    /// Who sees what happens until the session is open, and after it was closed: the steps, the findings, the output of the setup. One that
    /// does not read slows the setup down; it is dropped with the session.
    pub watcher: Option<mpsc::Sender<Event>>,
}

/// Where the commands of a session work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SessionWorkspace {
    /// In the workspace of the settings, which is the user's and stays.
    #[default]
    Named,
    /// In a new folder of the session, empty at first, and removed with it.
    Fresh,
    /// In a new folder of the session that begins as a copy of this one, and is removed with it.
    CopyOf(PathBuf),
}
