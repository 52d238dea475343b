//! What a watcher sees of a run while it goes on.

use bytes::Bytes;

use super::step::Step;
use crate::{
    engine::Finding,
    imports::Talk,
    names::Channel,
    store::{ExecutionKind, Manifest},
};

/// Something that happened. The last one of a run is [`Event::Finished`], and there is exactly one.
#[derive(Debug, Clone)]
pub enum Event {
    /// The run goes on to this step.
    Step(Step),
    /// A finding of the plugin's doctor.
    Finding(Finding),
    /// The plugin said something.
    Talk(Talk),
    /// A command wrote this. The pieces of a stream in order are its bytes, and no UTF-8 character is split between two of them.
    Output {
        /// Who wrote it.
        source: OutputSource,
        /// Where it was written to.
        channel: Channel,
        /// What.
        bytes: Bytes,
    },
    /// Something the host did that a person should know.
    Note(String),
    /// The run is over and its manifest is written.
    Finished(Box<Manifest>),
}

/// Whose output it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSource {
    /// A program that the plugin uses to make the environment.
    BuildEnv,
    /// One of the commands of the run.
    Execution {
        /// Which.
        kind: ExecutionKind,
        /// Its number within the run.
        index: u32,
    },
}

impl OutputSource {
    /// The output of the user's own command, as opposed to that of the preparation.
    #[must_use]
    pub const fn is_command(self) -> bool {
        matches!(self, Self::Execution { kind: ExecutionKind::Command, .. })
    }
}
