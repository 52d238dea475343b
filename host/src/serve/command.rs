//! A command, as a client writes it.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{data::Data, error::ServeError, server::Server};
use crate::{
    config::Deadline,
    names::Bytes,
    run::{CommandInput, CommandLine, CommandLog, SessionCommand},
};

/// A command: `argv` or `shell`, and how it runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Command {
    /// A program and its arguments, as they are.
    argv: Option<Vec<String>>,
    /// A line for the shell of the runtime.
    shell: Option<String>,
    /// Variables for it alone; they win over those of the session.
    variables: BTreeMap<String, String>,
    /// The folder that it runs in, below the workspace; the workspace itself where nothing is said.
    folder: Option<String>,
    /// What it reads.
    stdin: Input,
    /// When it is ended; what the session says where nothing is said.
    timeout: Option<TimeLimit>,
    /// Seconds that it may take to end after it was asked to, before it is ended by force.
    #[schemars(range(min = 0.0))]
    grace_seconds: Option<f64>,
    /// Bytes that are taken of each of its two streams. What is beyond is dropped, and the result says so.
    cap_bytes: Option<u64>,
    /// Whether its output is written to a log in the output directory; it is, where nothing is said.
    log: Option<bool>,
}

/// What a command reads on its standard input.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", expecting = "`\"empty\"`, `\"interactive\"`, or an object with `text`, `base64`, `list` or `file`")]
enum Input {
    /// Nothing: it is at its end from the beginning.
    #[default]
    Empty,
    /// What `execution.write` sends, until `execution.close-stdin`. Only for `execution.start`.
    Interactive,
    /// This text, then the end.
    Text(String),
    /// These bytes, then the end.
    Base64(String),
    /// These texts one after the other with nothing between them, then the end.
    List(Vec<String>),
    /// This file of the machine that the server runs on.
    File(String),
}

/// Seconds, or `"none"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number of seconds, or `\"none\"`")]
enum TimeLimit {
    /// So many seconds after its start.
    Seconds(f64),
    /// Not at all.
    Named(NoLimit),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NoLimit {
    /// Not at all.
    None,
}

impl Command {
    /// What is meant.
    pub(super) fn meant(self, method: &'static str, server: &Server) -> Result<SessionCommand, ServeError> {
        let wrong = |field: &str, value: String, problem: &str| ServeError::parameter(method, &format!("command.{field}"), &value, problem);
        let line = match (self.argv, self.shell) {
            (Some(argv), None) if argv.first().is_some_and(|program| !program.is_empty()) => CommandLine::Argv(argv),
            (Some(argv), None) => return Err(wrong("argv", format!("{argv:?}"), "a program and its arguments")),
            (None, Some(line)) => CommandLine::Shell(line),
            (argv, shell) => {
                let value = format!("{argv:?} and {shell:?}");
                return Err(ServeError::parameter(method, "command", &value, "it has either `argv` or `shell`"));
            }
        };
        let working_folder = match self.folder.as_deref() {
            None | Some("" | ".") => None,
            Some(folder) => Some(
                folder.parse().map_err(|error: crate::workspace::WorkspaceError| wrong("folder", folder.to_owned(), &error.to_string()))?,
            ),
        };
        let deadline = match self.timeout {
            None => None,
            Some(TimeLimit::Named(NoLimit::None)) => Some(Deadline::Never),
            Some(TimeLimit::Seconds(seconds)) => Some(Deadline::After(
                duration(seconds)
                    .filter(|time| *time >= Duration::from_millis(1))
                    .ok_or_else(|| wrong("timeout", seconds.to_string(), "at least 0.001 seconds, or `\"none\"` for no limit"))?,
            )),
        };
        let grace = self.grace_seconds.map(|seconds| {
            let grace = duration(seconds).filter(|grace| *grace <= Duration::from_hours(1));
            grace.ok_or_else(|| wrong("grace_seconds", seconds.to_string(), "from 0 to 3600 seconds"))
        });
        let stdin = match self.stdin {
            Input::Empty => CommandInput::Empty,
            Input::Interactive => CommandInput::Interactive,
            Input::Text(text) => CommandInput::Bytes(text.into()),
            Input::List(parts) => CommandInput::joined(parts),
            Input::File(path) => CommandInput::File(server.path(&path)),
            Input::Base64(text) => {
                let data: Result<Data, _> = serde_json::from_value(serde_json::json!({ "base64": text }));
                CommandInput::Bytes(data.map_err(|error| wrong("stdin.base64", text.clone(), &error.to_string()))?.0)
            }
        };
        let mut command = match line {
            CommandLine::Argv(words) => SessionCommand::argv(words),
            CommandLine::Shell(line) => SessionCommand::shell(line),
        };
        command.variables = self.variables;
        command.working_folder = working_folder;
        command.stdin = stdin;
        command.deadline = deadline;
        command.grace = grace.transpose()?;
        command.cap = self.cap_bytes.map(Bytes);
        command.log = if self.log.unwrap_or(true) { CommandLog::Kept } else { CommandLog::None };
        Ok(command)
    }

    /// Whether it waits for input that is sent while it runs.
    pub(super) const fn is_interactive(&self) -> bool {
        matches!(self.stdin, Input::Interactive)
    }
}

/// A time that a clock can hold.
fn duration(seconds: f64) -> Option<Duration> {
    // A hundred years. Beyond, adding it to a moment could fail.
    Duration::try_from_secs_f64(seconds).ok().filter(|time| *time <= Duration::from_hours(24 * 36_500))
}
