//! The answers of `build-env`, `start` and `teardown`.

use std::time::Duration;

use super::check::{Details, Refused, TEXT, details, handle, path, refuse, text};
use crate::{
    imports::{answers, wire},
    names::ProcessHandle,
    policy::Folder,
    workspace::GuestPath,
};

/// What `build-env` made.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltEnvironment {
    /// The plugin's name for it.
    pub handle: String,
    /// Whether it was there before.
    pub reused: bool,
    /// The interpreter in it.
    pub interpreter: Option<GuestPath>,
    /// What should be seen in the manifest.
    pub metadata: Details,
}

/// What `start` started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// A process of this machine.
    HostProcess(ProcessHandle),
    /// Something elsewhere.
    Remote {
        /// The plugin's name for it.
        handle: String,
        /// When to poll first.
        ask_again_after: Duration,
    },
}

/// What is known after `teardown`.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// How it is known that nothing is left.
    pub evidence: String,
    /// Keys that this host does not know.
    pub details: Details,
}

impl BuiltEnvironment {
    pub(in crate::engine) fn checked(answer: answers::Environment) -> Result<Self, Refused> {
        let interpreter = answer.interpreter.as_deref();
        Ok(Self {
            handle: handle("handle", answer.handle)?,
            reused: answer.reused,
            interpreter: interpreter.map(|text| path("interpreter", text, &[Folder::Env, Folder::Workspace])).transpose()?,
            metadata: details("metadata", answer.metadata)?,
        })
    }
}

impl Started {
    pub(in crate::engine) fn checked(answer: answers::Started) -> Result<Self, Refused> {
        Ok(match answer {
            answers::Started::HostProcess(process) => {
                Self::HostProcess(process.parse().or_else(|error| refuse("host-process", format!("{error}")))?)
            }
            answers::Started::Remote(remote) => {
                Self::Remote { handle: handle("handle", remote.handle)?, ask_again_after: patience(remote.ask_again_after) }
            }
        })
    }
}

impl Release {
    pub(in crate::engine) fn checked(answer: answers::Release) -> Result<Self, Refused> {
        Ok(Self { evidence: text("evidence", answer.evidence, TEXT)?, details: details("details", answer.details)? })
    }
}

/// Time until the next poll, within what is sensible.
pub(super) fn patience(millis: wire::Milliseconds) -> Duration {
    Duration::from_millis(millis.clamp(50, 300_000))
}
