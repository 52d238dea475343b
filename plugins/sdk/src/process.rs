//! Processes on this machine. The host starts, owns, follows and ends them; a plugin holds their names only.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use crate::{
    Detail, EndKind, Ending, Failure, Observation, Phase,
    bindings::worldflux::runtime::process as wit,
    context::{Variable, milliseconds},
};

/// How often a process of this machine is looked at when the host asks.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// A program other than the user's command. Needs a grant by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    working_directory: Option<String>,
    stdin: Vec<u8>,
    deadline: Option<Duration>,
    shown: bool,
    reads_input: bool,
    carried: BTreeMap<String, String>,
}

impl Command {
    /// `program` is a bare name that the host looks up in the user's `PATH`, or a guest path below `/env`.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// One more argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn arguments<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// One more variable, beside the small base that the host gives. Its name has to be asked for and granted.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Let the person see its output while it runs.
    #[must_use]
    pub const fn shown(mut self) -> Self {
        self.shown = true;
        self
    }

    /// Where it runs: a granted folder or below. `/workspace` unless it is said.
    #[must_use]
    pub fn working_directory(mut self, folder: impl Into<String>) -> Self {
        self.working_directory = Some(folder.into());
        self
    }

    /// Its whole standard input. Empty unless it is said.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Let it read the standard input of the execution. For [`launch`] in `start`, of a program that stands for the command: its connection
    /// into a container or to another machine.
    #[must_use]
    pub const fn input_of_command(mut self) -> Self {
        self.reads_input = true;
        self
    }

    /// Let it find the value of the variable `of_command`, of the command that it stands for, in its own variable `name`. So the value is never
    /// among its arguments. For [`launch`] in `start`.
    #[must_use]
    pub fn carry(mut self, name: impl Into<String>, of_command: impl Into<String>) -> Self {
        self.carried.insert(name.into(), of_command.into());
        self
    }

    /// Its arguments, for a test.
    #[must_use]
    pub fn arguments_given(&self) -> &[String] {
        &self.arguments
    }

    /// The longest it may take. The time that is left for the call unless it is said.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    fn to_wit(&self) -> wit::Command {
        let variable = |(name, value): &(String, String)| Variable { name: name.clone(), value: value.clone() };
        wit::Command {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            variables: self.variables.iter().map(variable).collect(),
            working_directory: self.working_directory.clone(),
            stdin: self.stdin.clone(),
            deadline: self.deadline.map(milliseconds),
            shown: self.shown,
            details: self.details(),
        }
    }

    fn details(&self) -> Vec<Detail> {
        let input = self.reads_input.then(|| Detail::new("input", &true.into()));
        let carried = (!self.carried.is_empty()).then(|| Detail::new("carries", &json!(self.carried)));
        input.into_iter().chain(carried).collect()
    }
}

/// What a short program wrote and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// The first 1 MiB of its standard output.
    pub stdout: Vec<u8>,
    /// The first 1 MiB of its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.ending.kind == EndKind::Exited(0)
    }

    /// Its standard output as text, without space around it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The first line of its standard output that is not empty, else of its standard error.
    #[must_use]
    pub fn first_line(&self) -> Option<String> {
        let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        first(&self.stdout).or_else(|| first(&self.stderr))
    }

    /// The last `lines` lines of its standard error, or of its standard output where it wrote no error.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        let bytes = if self.stderr.trim_ascii().is_empty() { &self.stdout } else { &self.stderr };
        let text = String::from_utf8_lossy(bytes);
        let all: Vec<&str> = text.trim_end().lines().collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    /// The same output if the program succeeded, else a failure that says `what` failed, how, and the line that tells most; the last lines stand
    /// in its detail `output`.
    pub fn checked(self, what: &str) -> Result<Self, Failure> {
        if self.succeeded() {
            return Ok(self);
        }
        let tail = self.tail(20);
        let mut message = format!("{what} failed: {}", self.ending.kind.words());
        if let Some(line) = telling_line(&tail) {
            let _ = write!(message, ": {line}");
        }
        Err(Failure::other(message).detail(Detail::text("output", last_bytes(&tail, 16 << 10))))
    }
}

impl From<wit::Completion> for Output {
    fn from(output: wit::Completion) -> Self {
        Self { ending: output.ending, stdout: output.stdout, stderr: output.stderr }
    }
}

/// How the user's command is launched, as far as a plugin can choose. By default nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Launch {
    variables: Vec<(String, String)>,
    path_prefix: Vec<String>,
    working_directory: Option<String>,
}

impl Launch {
    /// One more variable. Its name has to be asked for and granted.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// One more folder below `/env` in front of `PATH`, after those that were given before.
    #[must_use]
    pub fn path(mut self, folder: impl Into<String>) -> Self {
        self.path_prefix.push(folder.into());
        self
    }

    /// `/workspace` or a folder below it, instead of the one of the request.
    #[must_use]
    pub fn working_directory(mut self, folder: impl Into<String>) -> Self {
        self.working_directory = Some(folder.into());
        self
    }
}

/// Where a process is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It runs.
    Running,
    /// It ended like this.
    Ended(Ending),
}

impl State {
    /// What `poll` answers about it.
    pub(crate) fn into_observation(self, after: &str) -> Observation {
        let (phase, evidence) = match self {
            Self::Running => (Phase::Running, "process table of the host".to_owned()),
            Self::Ended(ending) => {
                let evidence = ending.evidence.clone();
                (Phase::Ended(ending), evidence)
            }
        };
        let observed_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds);
        Observation { phase, evidence, observed_at, output: Vec::new(), next: after.to_owned(), ask_again_after: milliseconds(ASK_AGAIN) }
    }
}

/// Run a program to its end and get its output, at most 1 MiB of each stream. A code other than 0 is not a failure here: see
/// [`Output::checked`].
pub fn output(command: &Command) -> Result<Output, Failure> {
    Ok(wit::output(&command.to_wit())?.into())
}

/// [`output`] for up to 32 programs at once; the answers stand in the order of the commands, and one that fails does not stop the others.
#[must_use]
pub fn output_all(commands: &[Command]) -> Vec<Result<Output, Failure>> {
    let commands: Vec<wit::Command> = commands.iter().map(Command::to_wit).collect();
    wit::output_all(&commands).into_iter().map(|result| result.map(Output::from).map_err(Failure::from)).collect()
}

/// Start a program that goes on after this call; the answer is its handle.
pub fn launch(command: &Command) -> Result<String, Failure> {
    Ok(wit::launch(&command.to_wit())?)
}

/// Start the command of the current request in this environment; the answer is its handle. Inside `start` only, and once only.
pub fn launch_command(launch: Launch) -> Result<String, Failure> {
    let Launch { variables, path_prefix, working_directory } = launch;
    let variables = variables.into_iter().map(|(name, value)| Variable { name, value }).collect();
    Ok(wit::launch_command(&wit::LaunchOptions { variables, path_prefix, working_directory, details: Vec::new() })?)
}

/// What the host knows of a process. Never waits.
pub fn observe(process: &str) -> Result<State, Failure> {
    match wit::observe(process)? {
        wit::ProcessState::Running => Ok(State::Running),
        wit::ProcessState::Ended(ending) => Ok(State::Ended(ending)),
    }
}

/// Ask a process and all its descendants to end. Safe twice and after the end.
pub fn stop(process: &str) -> Result<(), Failure> {
    Ok(wit::stop(process)?)
}

/// The last line that calls itself an error, else the last line; at most 500 characters of it.
fn telling_line(tail: &str) -> Option<String> {
    let lines = || tail.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_error = |line: &&str| line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error"));
    let line = lines().rfind(is_error).or_else(|| lines().next_back())?;
    Some(line.chars().take(500).collect())
}

/// The last `most` bytes of `text`, from the border of a character on.
fn last_bytes(text: &str, most: usize) -> &str {
    let from = (text.len().saturating_sub(most)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(kind: EndKind, stdout: &str, stderr: &str) -> Output {
        Output { ending: Ending::new(kind, "wait status"), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_failed_program_is_told_by_its_error_and_keeps_the_end_of_its_output() {
        let text: String = (0..100).fold(String::new(), |all, line| format!("{all}line {line}\n"));
        let failure = output(EndKind::Exited(2), "", &text).checked("installing").unwrap_err();
        assert_eq!(failure.message, "installing failed: exit code 2: line 99");
        assert!(failure.details[0].value.starts_with("\"line 80\\n"));
        let failure = output(EndKind::Exited(1), "", "ERROR: no such package\n\nsee above\n").checked("installing").unwrap_err();
        assert_eq!(failure.message, "installing failed: exit code 1: ERROR: no such package");
        let wide = output(EndKind::Killed, &"é".repeat(1 << 20), "").checked("installing").unwrap_err();
        assert!(wide.message.len() < 4 << 10 && wide.details[0].value.len() < 64 << 10);
        assert_eq!(output(EndKind::Killed, "", "").checked("x").unwrap_err().message, "x failed: it was killed");
    }

    #[test]
    fn the_first_line_is_looked_for_in_both_streams() {
        assert_eq!(output(EndKind::Exited(0), "\n uv 1.0 \nmore", "").first_line().unwrap(), "uv 1.0");
        assert_eq!(output(EndKind::Exited(0), " ", "Python 2.7").first_line().unwrap(), "Python 2.7");
        assert_eq!(output(EndKind::Exited(0), "", "").first_line(), None);
    }

    #[test]
    fn polling_a_process_keeps_the_cursor() {
        let ended = State::Ended(Ending::new(EndKind::Exited(1), "wait status")).into_observation("c");
        assert_eq!((ended.next.as_str(), ended.evidence.as_str()), ("c", "wait status"));
        assert!(matches!(State::Running.into_observation("").phase, Phase::Running));
    }
}
