//! What came of a command.

use schemars::JsonSchema;
use serde::Serialize;

use super::data::Data;
use crate::{
    names::{Ending, RunId},
    run::Executed,
};

/// What came of a command.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ExecutionResult {
    /// The session.
    pub(super) session: RunId,
    /// The number of the execution within it.
    pub(super) execution: u32,
    /// What ran: the program and its arguments.
    argv: Vec<String>,
    /// How it ended, and how that is known.
    ending: Ending,
    /// Its exit code; where a signal ended it, that signal's number with a minus before it, which is -9 where its time was over or somebody
    /// killed it; -1 where nobody knows.
    exit_code: i32,
    /// Whether it was ended because its time was over.
    timed_out: bool,
    /// What it wrote to standard output, up to the cap. Empty where it was streamed, or fetched before.
    stdout: Data,
    /// What it wrote to standard error, up to the cap.
    stderr: Data,
    /// Whether standard output beyond the cap was dropped.
    stdout_truncated: bool,
    /// Whether standard error beyond the cap was dropped.
    stderr_truncated: bool,
    /// How long it took.
    duration_seconds: f64,
    /// The file that has its output, where one was kept.
    log: Option<String>,
    /// What went wrong with that, where something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl ExecutionResult {
    pub(super) fn of(session: &RunId, executed: &Executed) -> Self {
        Self {
            session: session.clone(),
            execution: executed.index,
            argv: executed.argv.clone(),
            exit_code: executed.exit_code(),
            timed_out: executed.timed_out(),
            ending: executed.ending.clone(),
            stdout: Data(executed.stdout.clone()),
            stderr: Data(executed.stderr.clone()),
            stdout_truncated: executed.stdout_truncated,
            stderr_truncated: executed.stderr_truncated,
            duration_seconds: executed.duration.as_secs_f64(),
            log: executed.log.as_ref().map(|path| path.to_string_lossy().into_owned()),
            problem: executed.problem.clone(),
        }
    }

    /// The same, without what the command printed.
    pub(super) fn without_output(&self) -> Self {
        Self { stdout: Data::default(), stderr: Data::default(), ..self.clone() }
    }
}
