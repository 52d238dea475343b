//! Commands of a session: run, started, followed, fed and ended.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    command::Command,
    data::Data,
    error::ServeError,
    info::Nothing,
    method::{Done, Method, Order},
    opened::{Known, Opened, Started},
    result::ExecutionResult,
    server::Server,
    stream,
    window::Window,
};
use crate::{
    names::{Ending, RunId},
    run::{ExecutionState, OutputMode},
};

/// `execution.run`.
pub(super) struct Run;
/// `execution.start`.
pub(super) struct Start;
/// `execution.wait`.
pub(super) struct Wait;
/// `execution.state`.
pub(super) struct State;
/// `execution.kill`.
pub(super) struct Kill;
/// `execution.write`.
pub(super) struct Write;
/// `execution.close-stdin`.
pub(super) struct CloseStdin;
/// `execution.acknowledge`.
pub(super) struct Acknowledge;

/// A command for a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunParameters {
    /// The session.
    session: RunId,
    /// What runs.
    command: Command,
}

/// A command for a session that is not waited for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartParameters {
    /// The session.
    session: RunId,
    /// What runs.
    command: Command,
    /// How its output comes; streamed, where nothing is said.
    #[serde(default)]
    output: Output,
    /// How many bytes of streamed output may be on their way before the client says with `execution.acknowledge` that it is done with some.
    /// The command waits then, as at a pipe that is full. Where nothing is said, only the pipe to the client limits what is on its way.
    #[serde(default)]
    #[schemars(range(min = 1))]
    window: Option<u64>,
}

/// How the output of a command comes.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Output {
    /// While it is written, as `execution.output`; then one `execution.ended`.
    #[default]
    Stream,
    /// In one piece, with the answer of `execution.wait`.
    Buffer,
}

/// An execution of a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecutionParameters {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
}

/// An execution that is to end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KillParameters {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
    /// Ask it to end, and end it by force only after its grace; otherwise it is ended by force at once.
    #[serde(default)]
    gently: bool,
}

/// Input of a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteParameters {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
    /// What is written.
    data: Data,
}

/// Output that the client is done with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgeParameters {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
    /// How many bytes of its output, of both streams and from its beginning, the client is done with.
    bytes: u64,
}

/// An execution that goes on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StartedExecution {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
}

/// How an execution is doing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(super) enum StateAnswer {
    /// There is none of this number.
    NeverStarted,
    /// It goes on.
    Running,
    /// It is over.
    Ended {
        /// How it ended.
        ending: Ending,
    },
}

impl Method for Run {
    const NAME: &'static str = "execution.run";
    const SUMMARY: &'static str = "Run a command to its end, and answer with its output. Any number may run at once in one session.";
    type Parameters = RunParameters;
    type Answer = ExecutionResult;

    async fn call(server: Arc<Server>, asked: RunParameters) -> Result<Done<ExecutionResult>, ServeError> {
        if asked.command.is_interactive() {
            return Err(ServeError::parameter(Self::NAME, "command.stdin", "interactive", "use `execution.start` to write while it runs"));
        }
        let open = server.session(&asked.session)?;
        let command = asked.command.meant(Self::NAME, &server)?;
        let executed = open.session.run(command).await?;
        Ok(ExecutionResult::of(open.id(), &executed).into())
    }
}

impl Method for Start {
    const NAME: &'static str = "execution.start";
    const SUMMARY: &'static str = "Start a command, and answer as soon as it runs.";
    type Parameters = StartParameters;
    type Answer = StartedExecution;

    async fn call(server: Arc<Server>, asked: StartParameters) -> Result<Done<StartedExecution>, ServeError> {
        if asked.window == Some(0) {
            return Err(ServeError::parameter(Self::NAME, "window", "0", "at least 1 byte"));
        }
        let open = server.session(&asked.session)?;
        open.has_room()?;
        let mut command = asked.command.meant(Self::NAME, &server)?;
        command.output = match asked.output {
            Output::Stream => OutputMode::Streamed,
            Output::Buffer => OutputMode::Buffered,
        };
        let execution = open.session.start(command).await?;
        let answer = StartedExecution { session: asked.session, execution: execution.index() };
        let output = execution.take_output();
        let started = Arc::new(Started { execution, window: Window::new(asked.window) });
        open.keep(started.clone());
        let Some(output) = output else { return Ok(answer.into()) };
        // A session that is about to close ends the command, and nobody hears from it any more.
        let Some(follower) = open.follower() else { return Err(ServeError::NoSession(open.id().clone())) };
        Ok(Done::then(answer, stream::follow(server, open, started, output, follower)))
    }
}

impl Method for Wait {
    const NAME: &'static str = "execution.wait";
    const SUMMARY: &'static str =
        "Wait for the end of a command that was started. Its output, where it was not streamed, is answered once.";
    type Parameters = ExecutionParameters;
    type Answer = ExecutionResult;

    async fn call(server: Arc<Server>, asked: ExecutionParameters) -> Result<Done<ExecutionResult>, ServeError> {
        let open = server.session(&asked.session)?;
        let result = match open.known(asked.execution)? {
            Known::Fetched(result) => (*result).clone(),
            Known::Started(started) => {
                let result = ExecutionResult::of(open.id(), &*started.execution.wait().await);
                open.fetched(result.without_output());
                result
            }
        };
        Ok(result.into())
    }
}

impl Method for State {
    const NAME: &'static str = "execution.state";
    const SUMMARY: &'static str = "Say whether a command goes on, is over, or never was.";
    type Parameters = ExecutionParameters;
    type Answer = StateAnswer;

    async fn call(server: Arc<Server>, asked: ExecutionParameters) -> Result<Done<StateAnswer>, ServeError> {
        let state = match server.session(&asked.session)?.session.state(asked.execution)? {
            ExecutionState::NeverStarted => StateAnswer::NeverStarted,
            ExecutionState::Running => StateAnswer::Running,
            ExecutionState::Ended(ending) => StateAnswer::Ended { ending },
        };
        Ok(state.into())
    }
}

impl Method for Kill {
    const NAME: &'static str = "execution.kill";
    const SUMMARY: &'static str = "End a command. Answers at once; harmless twice, and after the end.";
    const ORDER: Order = Order::AtOnce;
    type Parameters = KillParameters;
    type Answer = Nothing;

    async fn call(server: Arc<Server>, asked: KillParameters) -> Result<Done<Nothing>, ServeError> {
        let open = server.session(&asked.session)?;
        if let Known::Started(started) = open.known(asked.execution)? {
            if asked.gently {
                started.execution.stop();
            } else {
                started.execution.kill();
            }
        }
        Ok(Nothing {}.into())
    }
}

impl Method for Write {
    const NAME: &'static str = "execution.write";
    const SUMMARY: &'static str = "Write to the standard input of an interactive command. Answers when all of it is in the pipe: while the command \
         does not read, that waits. What is sent first is written first.";
    const ORDER: Order = Order::InTurn;
    type Parameters = WriteParameters;
    type Answer = Nothing;

    async fn call(server: Arc<Server>, asked: WriteParameters) -> Result<Done<Nothing>, ServeError> {
        let open = server.session(&asked.session)?;
        let started = going(&open, asked.execution)?;
        started.execution.write_stdin(&asked.data.0).await?;
        Ok(Nothing {}.into())
    }
}

impl Method for CloseStdin {
    const NAME: &'static str = "execution.close-stdin";
    const SUMMARY: &'static str =
        "End the standard input of an interactive command, after everything that was written before. Harmless twice.";
    const ORDER: Order = Order::AtOnce;
    type Parameters = ExecutionParameters;
    type Answer = Nothing;

    async fn call(server: Arc<Server>, asked: ExecutionParameters) -> Result<Done<Nothing>, ServeError> {
        let open = server.session(&asked.session)?;
        if let Known::Started(started) = open.known(asked.execution)? {
            started.execution.close_stdin().await;
        }
        Ok(Nothing {}.into())
    }
}

impl Method for Acknowledge {
    const NAME: &'static str = "execution.acknowledge";
    const SUMMARY: &'static str = "Say how much streamed output the client is done with, for an execution with a window. Best sent without an \
         `id`: then there is no answer.";
    const ORDER: Order = Order::AtOnce;
    type Parameters = AcknowledgeParameters;
    type Answer = Nothing;

    async fn call(server: Arc<Server>, asked: AcknowledgeParameters) -> Result<Done<Nothing>, ServeError> {
        if let Known::Started(started) = server.session(&asked.session)?.known(asked.execution)? {
            started.window.acknowledge(asked.bytes);
        }
        Ok(Nothing {}.into())
    }
}

/// An execution whose result was fetched reads nothing any more, and is not known to.
fn going(open: &Opened, execution: u32) -> Result<Arc<Started>, ServeError> {
    match open.known(execution)? {
        Known::Started(started) => Ok(started),
        Known::Fetched(_) => Err(ServeError::NoExecution { session: open.id().clone(), execution }),
    }
}
