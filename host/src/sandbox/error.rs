//! Why a command could not be started.

use std::{ffi::OsString, io, path::PathBuf};

use crate::{names::Digest, policy::Level};

/// Why a command could not be started. Nothing of it ran.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The strict profile cannot be kept on this machine, or not at the level that is needed.
    #[error(
        "program `{program}` cannot be started with the strict profile: it needs the sandbox level `{needed}`, and this machine has `{have}`: {why}"
    )]
    SandboxUnavailable {
        /// What was to be started.
        program: String,
        /// The weakest level at which it may be started.
        needed: Level,
        /// The level that was proven on this machine.
        have: Level,
        /// What keeps this machine from more.
        why: String,
        /// What a person can do about it.
        fix: String,
    },
    /// It was to reach a network, and what confines it here shuts out every one.
    #[error(
        "program `{program}` is to reach a network, which the sandbox level `{have}` of this machine shuts out whole: only a level with \
         namespaces has a way to hosts by their names"
    )]
    NoNetwork {
        /// What was to be started.
        program: String,
        /// The level that was proven on this machine.
        have: Level,
        /// What a person can do about it.
        fix: String,
    },
    /// A file or a folder that a strict program was to see.
    #[error("`{}` cannot be shown to a strict program: {source}", path.display())]
    View {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is on this machine, but not in the view of a strict program.
    #[error("{what} `{}` is not in what the strict profile shows: {why}", path.display())]
    OutsideView {
        /// What it was to be used as.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why it is not shown.
        why: String,
    },
    /// No program of this name.
    #[error("program `{program}` was not found{}", in_path(path.as_ref()))]
    NotFound {
        /// The name, or the path, as it was asked for.
        program: String,
        /// The folders that were searched, as in `PATH`; `None` for a name with a `/`.
        path: Option<OsString>,
    },
    /// A granted tool lies where a command can write, so nobody knows what it is.
    #[error("program `{program}` is not started: `{}` lies in `{}`, where a program can have put anything", file.display(), folder.display())]
    Writable {
        /// The name that was granted.
        program: String,
        /// What was found for it.
        file: PathBuf,
        /// The folder in which the command can write.
        folder: PathBuf,
    },
    /// A granted tool is not what it was.
    #[error("program `{program}` is not started: `{}` is not what it was when it was granted: it was {was}, and is {is}", file.display())]
    Changed {
        /// The name that was granted.
        program: String,
        /// What was found for it.
        file: PathBuf,
        /// The digest that its file had.
        was: Digest,
        /// The one that it has.
        is: Digest,
        /// What a person types who wants it as it is.
        cure: String,
    },
    /// There is such a file, but it is not executable.
    #[error("`{}` cannot be executed: it is not a file with execute permission", file.display())]
    NotExecutable {
        /// The file.
        file: PathBuf,
    },
    /// The working directory cannot be used.
    #[error("working directory `{}` cannot be entered: {source}", directory.display())]
    WorkingDirectory {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A value that no process can be given.
    #[error("{what} cannot be given to a process: {reason}")]
    Invalid {
        /// Which value.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Arguments and variables are more than the system takes.
    #[error("the arguments and variables of program `{program}` are too long for this system")]
    TooLong {
        /// What was to be started.
        program: String,
    },
    /// The system refused to execute the file.
    #[error("`{}` cannot be executed: {source}", file.display())]
    Execute {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host could not do its own part.
    #[error("the host cannot supervise a process: {what}: {source}")]
    Supervisor {
        /// Which part.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl SpawnError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SandboxUnavailable { fix, .. } | Self::NoNetwork { fix, .. } => Some(fix.clone()),
            Self::View { source, .. } => Some(match source.kind() {
                io::ErrorKind::NotFound => "make it first, or take it out of what is granted".into(),
                io::ErrorKind::CrossesDevices => {
                    "a link in a folder that the program can write leads out of it: grant its target by name".into()
                }
                _ => "grant a folder of your own; not `/`, and nothing of /proc, /sys and /dev".into(),
            }),
            Self::OutsideView { .. } => {
                Some("grant the folder, or use the profile `own` for programs that you trust as you trust your shell".into())
            }
            Self::Changed { cure, .. } => Some(format!("if you know why it changed, an update of the machine for example: {cure}")),
            Self::Writable { .. } => Some("put a folder of programs that only you can write first in PATH".into()),
            Self::NotFound { path: Some(_), .. } => Some("install it, or give its whole path".into()),
            Self::NotFound { path: None, .. } => Some("a path with `/` counts from the working directory of the command".into()),
            Self::NotExecutable { file } => Some(format!("chmod +x {}, or name its interpreter first", file.display())),
            Self::WorkingDirectory { .. } => Some("make the directory first, or choose another one".into()),
            Self::TooLong { .. } => Some("write long arguments to a file, or to the standard input".into()),
            Self::Execute { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("the interpreter that its first line names, or its loader, does not exist".into())
            }
            Self::Invalid { .. } | Self::Execute { .. } | Self::Supervisor { .. } => None,
        }
    }
}

/// The host could not do this part.
pub(super) fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> SpawnError {
    move |error| SpawnError::Supervisor { what, source: error.into() }
}

fn in_path(path: Option<&OsString>) -> String {
    path.map_or_else(String::new, |path| format!(" in PATH `{}`", path.display()))
}
