//! Why a request was not done, and how that is told.

use schemars::JsonSchema;
use serde::Serialize;

use super::limits::{LONGEST_LINE, REQUESTS, SESSIONS, STARTED};
use crate::{
    names::RunId,
    run::{RunError, SessionError},
    workspace::{FileError, WorkspaceError},
};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// A line is no JSON.
    #[error("the line is not JSON: {0}")]
    Json(serde_json::Error),
    /// A line is longer than what is taken.
    #[error("the line has {bytes} bytes, and at most {LONGEST_LINE} are taken")]
    LineTooLong {
        /// How long it is.
        bytes: u64,
    },
    /// A line is JSON, and no request.
    #[error("the line is no request: {0}")]
    NotARequest(&'static str),
    /// There is no such method.
    #[error("there is no method `{method}`")]
    NoMethod {
        /// As it was written.
        method: String,
        /// What was perhaps meant.
        meant: Option<&'static str>,
    },
    /// The parameters are not those of the method.
    #[error("{method}: {}{problem}", .field.as_ref().map_or_else(String::new, |field| format!("`{field}`: ")))]
    Parameters {
        /// Which method.
        method: &'static str,
        /// Where in the parameters, as far as that is known.
        field: Option<String>,
        /// What stands there, shortened.
        value: Option<String>,
        /// What is wrong with it.
        problem: String,
    },
    /// No such session is open.
    #[error("there is no open session `{0}`")]
    NoSession(RunId),
    /// There was no such execution, or it is forgotten.
    #[error("session `{session}` has no execution {execution}, or its result was fetched long ago")]
    NoExecution {
        /// The session.
        session: RunId,
        /// Its number.
        execution: u32,
    },
    /// More is asked for at once than is done at once.
    #[error("{what} at once are too many")]
    Busy {
        /// What there is too much of, and how much is taken.
        what: String,
        /// What the client can do.
        cure: &'static str,
    },
    /// The server is about to end.
    #[error("the server is about to end")]
    Stopping,
    /// A file of the workspace is not what it was to be read as.
    #[error(transparent)]
    File(FileError),
    /// A file of this machine cannot be taken.
    #[error(transparent)]
    Workspace(WorkspaceError),
    /// A run or a session could not be had.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A session could not do it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A handler broke. A mistake in this program.
    #[error("worldflux made a mistake while it did `{0}`")]
    Broken(&'static str),
}

/// An error, as JSON-RPC 2.0 has it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Fault {
    /// What kind: -32700 the line is no JSON, -32600 it is no request, -32601 there is no such method, -32602 its parameters are wrong, -32603 a
    /// mistake in worldflux, -32000 it could not be done, -32001 a command could not be started or reached, and the session goes on, -32002
    /// there is no session, or it is over, -32003 too much at once: try again.
    pub(super) code: i32,
    /// What happened, for a person.
    pub(super) message: String,
    /// More, for a program.
    pub(super) data: FaultData,
}

/// What a program wants to know about an error.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct FaultData {
    /// A stable code for this very cause, in small letters with `-`.
    pub(super) code: String,
    /// Whether the session, where there is one, goes on as if nothing had been asked.
    pub(super) recoverable: bool,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// What stands there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// The file that has the output of what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<String>,
}

impl ServeError {
    /// A parameter that is understood and cannot be meant.
    pub(super) fn parameter(method: &'static str, field: &str, value: &str, problem: impl Into<String>) -> Self {
        Self::Parameters { method, field: Some(field.into()), value: Some(shortened(value)), problem: problem.into() }
    }

    /// Too many requests.
    pub(super) fn too_many_requests() -> Self {
        Self::Busy { what: format!("more than {REQUESTS} requests"), cure: "wait for answers before you ask more" }
    }

    /// Too many sessions.
    pub(super) fn too_many_sessions() -> Self {
        Self::Busy { what: format!("more than {SESSIONS} sessions"), cure: "close some" }
    }

    /// Too many results that nobody fetched.
    pub(super) fn too_many_executions() -> Self {
        Self::Busy { what: format!("more than {STARTED} executions of one session"), cure: "fetch results with `execution.wait`" }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "invalid-json",
            Self::LineTooLong { .. } => "line-too-long",
            Self::NotARequest(_) => "invalid-request",
            Self::NoMethod { .. } => "unknown-method",
            Self::Parameters { .. } => "invalid-parameters",
            Self::NoSession(_) => "no-such-session",
            Self::NoExecution { .. } => "no-such-execution",
            Self::Busy { .. } => "busy",
            Self::Stopping => "stopping",
            Self::File(_) | Self::Workspace(_) => "workspace-read",
            Self::Run(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Broken(_) => "internal",
        }
    }

    const fn number(&self) -> i32 {
        match self {
            Self::Json(_) => -32700,
            Self::LineTooLong { .. } | Self::NotARequest(_) => -32600,
            Self::NoMethod { .. } => -32601,
            Self::Parameters { .. } => -32602,
            Self::Broken(_) => -32603,
            Self::NoExecution { .. } => -32001,
            Self::Busy { .. } | Self::Stopping => -32003,
            Self::NoSession(_) | Self::Run(RunError::NotOpened { .. }) => -32002,
            Self::File(_) | Self::Workspace(_) | Self::Run(_) => -32000,
            Self::Session(error) => match error {
                SessionError::NotStarted { .. } | SessionError::Input { .. } => -32001,
                SessionError::Busy { .. } => -32003,
                SessionError::Invalid { .. } => -32602,
                _ if error.is_recoverable() => -32000,
                _ => -32002,
            },
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Run(error) => return error.hint(),
            Self::Session(error) => return error.hint(),
            Self::NoMethod { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::NoMethod { .. } => "`worldflux serve --schema` has every method".into(),
            Self::Parameters { method, .. } => format!("`worldflux serve --schema` says what `{method}` takes"),
            Self::LineTooLong { .. } => "hand large contents over as the path of a file, or in pieces".into(),
            Self::NotARequest(_) | Self::Json(_) => "send one JSON-RPC 2.0 request a line".into(),
            Self::NoSession(_) => "`session.list` has those that are open".into(),
            Self::Busy { cure, .. } => (*cure).to_owned(),
            Self::Workspace(error) => return error.hint(),
            Self::NoExecution { .. } | Self::Stopping | Self::File(_) | Self::Broken(_) => return None,
        })
    }
}

impl From<&ServeError> for Fault {
    fn from(error: &ServeError) -> Self {
        let number = error.number();
        let (field, value) = match error {
            ServeError::Parameters { field, value, .. } => (field.clone(), value.clone()),
            ServeError::NoMethod { method, .. } => (Some("method".to_owned()), Some(shortened(method))),
            ServeError::NoSession(session) => (Some("session".to_owned()), Some(session.to_string())),
            ServeError::NoExecution { execution, .. } => (Some("execution".to_owned()), Some(execution.to_string())),
            ServeError::Session(SessionError::Invalid { field, value, .. }) => (Some((*field).to_owned()), Some(value.clone())),
            ServeError::Run(RunError::Config(error)) => error.culprit(),
            _ => (None, None),
        };
        let log = match error {
            ServeError::Run(RunError::NotOpened { log: Some(log), .. }) => Some(log.to_string_lossy().into_owned()),
            _ => None,
        };
        let recoverable = !matches!(number, -32002) && !matches!(error, ServeError::Stopping);
        let data = FaultData { code: error.code().to_owned(), recoverable, hint: error.hint(), field, value, log };
        Self { code: number, message: error.to_string(), data }
    }
}

/// A stranger's text in a message of ours.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
