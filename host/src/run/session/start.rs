//! Starting commands in a session, several at once.

use std::{
    convert::Infallible,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    pipe::{PipeFlags, pipe_with},
};
use tokio::{
    net::unix::pipe,
    sync::{Mutex as TaskMutex, oneshot, watch},
    time::Instant,
};

use super::{
    command::{BUFFERED, CommandInput, CommandLine, CommandLog, OutputMode, SessionCommand},
    error::SessionError,
    execution::{Executed, Execution, Progress, Shared},
    handle::Session,
    life::{Lent, Life},
    receiver::OutputReceiver,
};
use crate::{
    config::{self, Deadline},
    engine::{Feature, StdinKind},
    names::Bytes,
    policy::Folder,
    run::{
        cancel::{self, Cancel, Cancelled},
        execute::{self, Ended},
        output::Output,
        reader::{Haste, Reader, stream},
        rows::Rows,
        story::Story,
    },
    sandbox::Stdin,
    store::ExecutionKind,
};

/// The most that a runtime which runs its commands elsewhere is given as input: it goes through the plugin, whole.
const REMOTE_INPUT: Bytes = Bytes::mebi(8);

impl Session {
    /// Start a command. Answers once it runs; given up before, it leaves nothing running.
    pub async fn start(&self, command: SessionCommand) -> Result<Execution, SessionError> {
        let life = self.life().clone();
        let story = life.lend().await?;
        let prepared = Prepared::new(&life, &story, command)?;
        let shared = prepared.shared.clone();
        life.register(&shared)?;
        let (answer, started) = oneshot::channel();
        tokio::spawn(async move {
            let index = prepared.shared.index;
            prepared.live(&life, &story, answer).await;
            life.let_go(index);
        });
        match started.await {
            Ok(started) => started.map(|()| Execution(shared)),
            // Its task is gone, which takes the command with it.
            Err(_) => Err(SessionError::Over { run: self.id().clone(), why: "the host is ending".into() }),
        }
    }

    /// Run a command to its end. Given up before, it ends the command.
    pub async fn run(&self, command: SessionCommand) -> Result<Arc<Executed>, SessionError> {
        let execution = self.start(command).await?;
        let ended_with_this = KillOnDrop(&execution);
        let executed = execution.wait().await;
        drop(ended_with_this);
        Ok(executed)
    }
}

/// Harmless after the end.
struct KillOnDrop<'e>(&'e Execution);

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// A command that was checked, with everything that its life needs.
struct Prepared {
    execution: execute::Execution,
    shared: Arc<Shared>,
    cancelled: Cancelled,
    haste: Option<Haste>,
}

impl Prepared {
    fn new(life: &Life, story: &Story, command: SessionCommand) -> Result<Self, SessionError> {
        let settings = &story.question.settings;
        let argv = match &command.line {
            CommandLine::Argv(words) => words.clone(),
            CommandLine::Shell(line) => story.shell(line),
        };
        check(&argv, &command)?;
        if let Some(folder) = &command.working_folder {
            let workspace = story.folders.root(Folder::Workspace);
            workspace.map_or(Ok(()), |root| root.open_dir(folder).map(drop)).map_err(SessionError::Read)?;
            if folder.as_text().is_none() {
                return Err(SessionError::invalid("working_folder", &folder.to_string(), "a path in UTF-8"));
            }
        }
        let mut variables = settings.variables.clone();
        variables.extend(life.added.lock().unwrap_or_else(PoisonError::into_inner).clone());
        variables.extend(command.variables);
        let (stdin, stdin_kind, input) = open_input(life, command.stdin)?;
        let (canceller, cancelled) = cancel::channel();
        let (reader, receiver, haste) = match command.output {
            OutputMode::Buffered => (Reader::kept(), None, None),
            OutputMode::Streamed => {
                let (sender, receiver, haste) = stream();
                (Reader::Stream(sender), Some(OutputReceiver::new(receiver, canceller.clone())), Some(haste))
            }
        };
        let index = story.ledger.number();
        let label = format!("{}-{index}", ExecutionKind::Command);
        let log = (command.log == CommandLog::Kept).then(|| story.log_path(&label));
        let cap = command.cap.unwrap_or(match command.output {
            OutputMode::Buffered => BUFFERED,
            OutputMode::Streamed => settings.log_limit,
        });
        let execution = execute::Execution {
            kind: ExecutionKind::Command,
            index,
            argv: argv.clone(),
            variables,
            working_folder: command.working_folder,
            stdin,
            stdin_kind,
            deadline: command.deadline.unwrap_or(settings.deadline).duration(),
            grace: command.grace.unwrap_or(settings.grace),
            cap,
            output: Output::lazy(log, story.held.scrubber(), reader),
            label,
            cancelled: cancelled.clone(),
            rows: Rows::Behind(life.backlog.clone()),
        };
        let shared = Arc::new(Shared {
            index,
            argv,
            canceller,
            progress: watch::Sender::new(Progress::Starting),
            input: TaskMutex::new(input),
            output: Mutex::new(receiver),
        });
        Ok(Self { execution, shared, cancelled, haste })
    }

    /// From the start to the end.
    async fn live(self, life: &Life, story: &Lent, answer: oneshot::Sender<Result<(), SessionError>>) {
        let Self { execution, shared, cancelled, haste } = self;
        let (deadline, grace) = (execution.deadline, execution.grace);
        let (output, label) = (execution.output.clone(), execution.label.clone());
        story.children.forget_ended();
        story.children.usage().allow_command();
        let since = Instant::now();
        let begun = match story.begin(execution).await {
            Ok(begun) => begun,
            Err(verdict) => {
                shared.progress.send_replace(Progress::Failed);
                // Nobody waits any more: it did not start, which is what was wanted.
                let _ = answer.send(Err(SessionError::not_started(&shared.argv, &verdict)));
                return;
            }
        };
        shared.progress.send_replace(Progress::Running);
        if answer.send(Ok(())).is_err() {
            shared.canceller.ask(Cancel::Kill);
        }
        let ended = tokio::select! {
            ended = story.follow(begun) => ended,
            never = hurry(haste, deadline, grace, cancelled) => match never {},
        };
        let Ended { ending, duration, has_log, problem } = ended;
        let problem = problem.map(|problem| problem.message);
        if let Some(problem) = &problem {
            life.add_problem(problem.clone());
        }
        let [stdout, stderr] = output.take_kept();
        let [came_out, came_err] = output.came();
        // Where somebody holds the writing end, the command may have gone without it.
        drop(shared.input.try_lock().map(|mut input| input.take()));
        let executed = Executed {
            index: shared.index,
            argv: shared.argv.clone(),
            stdout_truncated: ending.stdout_bytes.0 > came_out,
            stderr_truncated: ending.stderr_bytes.0 > came_err,
            ending,
            stdout,
            stderr,
            duration: duration.unwrap_or_else(|| since.elapsed()),
            log: has_log.then(|| story.log_path(&label)),
            problem,
        };
        shared.progress.send_replace(Progress::Ended(Arc::new(executed)));
    }
}

/// Once the end was wanted for as long as it may take, nobody waits for a reader any more: what is still written is little. Never answers.
async fn hurry(haste: Option<Haste>, deadline: Option<Duration>, grace: Duration, cancelled: Cancelled) -> Infallible {
    let (mut asked, mut forced) = (cancelled.clone(), cancelled);
    let too_late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    let stopped = async {
        asked.at_least(Cancel::Stop).await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = too_late => {}
        () = stopped => {}
        _ = forced.at_least(Cancel::Kill) => {}
    }
    if let Some(haste) = haste {
        haste.make();
    }
    std::future::pending().await
}

/// What can be refused without asking anybody.
fn check(argv: &[String], command: &SessionCommand) -> Result<(), SessionError> {
    if argv.first().is_none_or(String::is_empty) {
        return Err(SessionError::invalid("command", "", "a program and its arguments"));
    }
    if let CommandLine::Shell(line) = &command.line
        && line.trim().is_empty()
    {
        return Err(SessionError::invalid("command", line, "a line for the shell"));
    }
    if let Some(word) = argv.iter().find(|word| word.contains('\0')) {
        return Err(SessionError::invalid("command", word, "arguments without NUL"));
    }
    for (name, value) in &command.variables {
        if let Some(expected) = config::variable_fault(name, value) {
            // The value may be a secret.
            return Err(SessionError::invalid("variables", name, expected));
        }
    }
    if command.deadline == Some(Deadline::After(Duration::ZERO)) {
        return Err(SessionError::invalid("deadline", "0s", "more than nothing, or no deadline"));
    }
    Ok(())
}

/// What the command reads, what the plugin is told about that, and what the caller writes to.
fn open_input(life: &Life, input: CommandInput) -> Result<(Stdin, StdinKind, Option<pipe::Sender>), SessionError> {
    let unsupported = |feature: Feature| SessionError::Unsupported { runtime: life.runtime.clone(), feature: feature.name() };
    let is_fed_here = life.features.contains(&Feature::InteractiveStdin);
    match input {
        CommandInput::Empty => Ok((Stdin::Empty, StdinKind::Empty, None)),
        CommandInput::Interactive if is_fed_here => {
            let (reader, writer) = interactive().map_err(|cause| SessionError::invalid("stdin", "interactive", cause.to_string()))?;
            Ok((Stdin::File(reader), StdinKind::Host(None), Some(writer)))
        }
        CommandInput::Interactive => Err(unsupported(Feature::InteractiveStdin)),
        _ if !life.features.contains(&Feature::Stdin) && !is_fed_here => Err(unsupported(Feature::Stdin)),
        CommandInput::Bytes(bytes) if is_fed_here => {
            let kind = StdinKind::Host(Some(bytes.len() as u64));
            Ok((Stdin::Bytes(bytes), kind, None))
        }
        CommandInput::File(path) if is_fed_here => {
            let file = open_file(&path)?;
            let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|status| status.len());
            Ok((Stdin::File(file), StdinKind::Host(length), None))
        }
        CommandInput::Bytes(bytes) => whole(bytes),
        CommandInput::File(path) => {
            let mut bytes = Vec::new();
            let file = open_file(&path)?;
            io::Read::read_to_end(&mut io::Read::take(file, REMOTE_INPUT.0 + 1), &mut bytes)
                .map_err(|cause| SessionError::invalid("stdin", &path.to_string_lossy(), cause.to_string()))?;
            whole(bytes.into())
        }
    }
}

/// Input that the plugin hands on, or that the host feeds should it be a process of this machine after all.
fn whole(bytes: bytes::Bytes) -> Result<(Stdin, StdinKind, Option<pipe::Sender>), SessionError> {
    if bytes.len() > REMOTE_INPUT.as_len() {
        let expected = format!("at most {REMOTE_INPUT} for a runtime that is given its input whole");
        return Err(SessionError::invalid("stdin", &format!("{} bytes", bytes.len()), expected));
    }
    let kind = StdinKind::Bytes(bytes.to_vec());
    Ok((Stdin::Bytes(bytes), kind, None))
}

/// The user's own path: links in it are followed.
fn open_file(path: &Path) -> Result<File, SessionError> {
    let wrong = |expected: String| SessionError::invalid("stdin", &path.to_string_lossy(), expected);
    // Without NONBLOCK, opening a pipe waits for a writer who may never come.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = file.map_err(|cause| wrong(format!("a file that can be read ({cause})")))?;
    if file.metadata().is_ok_and(|status| status.is_dir()) {
        return Err(wrong("a file, and it is a folder".into()));
    }
    fcntl_setfl(&file, OFlags::empty()).map_err(|errno| wrong(errno.to_string()))?;
    Ok(file)
}

/// A pipe: what the command reads from, and what the caller writes to.
fn interactive() -> io::Result<(File, pipe::Sender)> {
    let (reader, writer): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    Ok((reader.into(), pipe::Sender::from_owned_fd(writer)?))
}
