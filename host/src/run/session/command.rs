//! A command for a session, as its caller means it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{config::Deadline, names::Bytes, workspace::RelativePath};

/// A command to run in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCommand {
    /// What runs.
    pub line: CommandLine,
    /// Variables for it alone; they win over those of the session.
    pub variables: BTreeMap<String, String>,
    /// Where it runs, below the workspace; `None` is the workspace itself.
    pub working_folder: Option<RelativePath>,
    /// What it reads.
    pub stdin: CommandInput,
    /// When it is ended; `None` is what the settings of the session say.
    pub deadline: Option<Deadline>,
    /// How long it may take to end after it was asked to; `None` is what the settings of the session say.
    pub grace: Option<Duration>,
    /// How much is kept of each of its two streams: in its log, in memory and on the way to whoever watches. What is beyond is read, counted
    /// and dropped, and the result says so. `None` is [`BUFFERED`] for a command whose output is kept in memory, and the log limit of the
    /// settings for any other.
    pub cap: Option<Bytes>,
    /// How its output comes.
    pub output: OutputMode,
    /// Whether its output is written to a log beside those of the setup.
    pub log: CommandLog,
}

/// How much of each stream is kept in memory where nobody says.
pub const BUFFERED: Bytes = Bytes::mebi(16);

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A program and its arguments, as they are.
    Argv(Vec<String>),
    /// A line for the shell of the runtime.
    Shell(String),
}

/// What a command reads on its standard input. Nothing is ever inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CommandInput {
    /// It is at its end from the beginning.
    #[default]
    Empty,
    /// These bytes, then the end.
    Bytes(bytes::Bytes),
    /// A file of this machine, as it is when the command is started.
    File(PathBuf),
    /// What the caller writes while the command runs.
    Interactive,
}

/// How the output of a command comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputMode {
    /// In one piece, with the result.
    #[default]
    Buffered,
    /// While it is written. A reader that is slow slows the command down, as a pipe does.
    Streamed,
}

/// Whether the output of a command is written to a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CommandLog {
    /// It is, once there is some.
    #[default]
    Kept,
    /// It is not: whoever asked for the command keeps what it wants to keep.
    None,
}

impl SessionCommand {
    /// A program and its arguments.
    pub fn argv<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self::of(CommandLine::Argv(words.into_iter().map(Into::into).collect()))
    }

    /// A line for the shell.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::of(CommandLine::Shell(line.into()))
    }

    fn of(line: CommandLine) -> Self {
        Self {
            line,
            variables: BTreeMap::new(),
            working_folder: None,
            stdin: CommandInput::Empty,
            deadline: None,
            grace: None,
            cap: None,
            output: OutputMode::Buffered,
            log: CommandLog::Kept,
        }
    }

    /// The same, reading this.
    #[must_use]
    pub fn stdin(self, stdin: impl Into<CommandInput>) -> Self {
        Self { stdin: stdin.into(), ..self }
    }

    /// The same, ended after this time.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(Deadline::After(deadline)), ..self }
    }

    /// The same, with one more variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same, with its output while it is written.
    #[must_use]
    pub fn streamed(self) -> Self {
        Self { output: OutputMode::Streamed, ..self }
    }
}

impl CommandInput {
    /// Several texts one after the other, with nothing between them.
    pub fn joined<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let mut all = Vec::new();
        parts.into_iter().for_each(|part| all.extend_from_slice(part.as_ref()));
        Self::Bytes(all.into())
    }
}

impl From<&str> for CommandInput {
    fn from(text: &str) -> Self {
        Self::Bytes(text.to_owned().into())
    }
}

impl From<Vec<u8>> for CommandInput {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}
