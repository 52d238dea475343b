//! Starts commands.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::{oneshot, watch};

use super::{
    child::{Child, Exit, Wishes},
    error::{SpawnError, failed},
    helper::Helper,
    input,
    options::{StartOptions, Stdin},
    pump::{self, Pump},
    spare::Spares,
    stream::Count,
    supervisor::{is_nowhere, search_path},
    warden::{Limits, Warden},
    wire::{HELPER_ARGUMENT, Launch, Report, Step, shown},
};
use crate::policy::{Confinement, Level, Permit, StartProcess};

/// Stack of a thread that only follows a child.
const STACK: usize = 256 << 10;

/// Starts commands, each under a supervisor of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Launcher {
    helper: Arc<Path>,
    spares: Arc<Spares>,
}

impl Default for Launcher {
    fn default() -> Self {
        Self::with_helper(PathBuf::from("/proc/self/exe"))
    }
}

impl Launcher {
    /// A launcher whose supervisor is `helper`: a program that calls [`dispatch`](super::dispatch) first in its `main`. The default is the
    /// program that runs now, which then has to do so itself.
    #[must_use]
    pub fn with_helper(helper: PathBuf) -> Self {
        Self { helper: helper.into(), spares: Arc::default() }
    }

    /// The program that is started as a supervisor.
    #[must_use]
    pub fn helper(&self) -> &Path {
        &self.helper
    }

    /// Start `count` supervisors in the background, for commands that will be wanted in a moment. Starting one takes longer than a short
    /// program runs, and the host has something else to do meanwhile.
    pub fn prepare(&self, count: usize) {
        if is_supervisor() {
            return;
        }
        let (helper, spares) = (Arc::clone(&self.helper), Arc::clone(&self.spares));
        spares.expect(count);
        let filled = thread::Builder::new().name("spares".into()).stack_size(STACK).spawn(move || spares.fill(&helper));
        if filled.is_err() {
            self.spares.give_up();
        }
    }

    /// Start what is permitted. Answers when the command runs, or when it is known why it does not.
    ///
    /// A caller that is given up before the answer leaves nothing running.
    pub async fn start(&self, permit: Permit<StartProcess>, options: StartOptions) -> Result<Child, SpawnError> {
        let process = permit.into_action();
        check(&process)?;
        if is_supervisor() {
            let source = io::Error::other("this program was started as a supervisor, and does not call `dispatch` first");
            return Err(SpawnError::Supervisor { what: "be one", source });
        }
        let (helper, spares) = (Arc::clone(&self.helper), Arc::clone(&self.spares));
        let (answer, started) = oneshot::channel();
        // A thread of its own for each child: starting blocks, and the end of the child is awaited somewhere.
        thread::Builder::new()
            .name("child".into())
            .stack_size(STACK)
            .spawn(move || match start(&helper, &spares, process, options) {
                Ok(Started { child, warden, pump, tree_is_gone, told }) => {
                    // Where nobody waits for the answer the child is dropped here, and so killed.
                    drop(answer.send(Ok(child)));
                    told.send_replace(Some(warden.follow(pump, &tree_is_gone)));
                }
                Err(error) => drop(answer.send(Err(error))),
            })
            .map_err(failed("start a thread"))?;
        started
            .await
            .unwrap_or_else(|_| Err(SpawnError::Supervisor { what: "start the command", source: io::Error::other("its thread is gone") }))
    }
}

/// Whether this very program was started as a supervisor. One that does not call `dispatch` would start itself again, and again.
fn is_supervisor() -> bool {
    env::args_os().nth(1).is_some_and(|argument| argument == HELPER_ARGUMENT)
}

/// What can be refused without asking the system.
fn check(process: &StartProcess) -> Result<(), SpawnError> {
    let invalid = |what: String, reason| Err(SpawnError::Invalid { what, reason });
    let has_nul = |text: &OsStr| text.as_bytes().contains(&0);
    if process.argv.is_empty() {
        return invalid("an empty command".into(), "there is no program in it");
    }
    for (index, argument) in process.argv.iter().enumerate() {
        if has_nul(argument) {
            return invalid(format!("argument {index} `{}`", shown(argument)), "it contains NUL");
        }
    }
    for (name, value) in &process.variables {
        if name.is_empty() || has_nul(name) || name.as_bytes().contains(&b'=') {
            return invalid(format!("variable `{}`", shown(name)), "its name is empty, or contains `=` or NUL");
        }
        if has_nul(value) {
            return invalid(format!("variable `{}`", shown(name)), "its value contains NUL");
        }
    }
    if has_nul(process.working_directory.as_os_str()) {
        return invalid(format!("working directory `{}`", shown(&process.working_directory)), "it contains NUL");
    }
    Ok(())
}

/// Start the supervisor, and the command by it.
fn start(helper: &Path, spares: &Spares, process: StartProcess, options: StartOptions) -> Result<Started, SpawnError> {
    if is_nowhere(&process) {
        // The supervisor would say the same, for the price of starting it.
        let program = process.argv.first().map(shown).unwrap_or_default();
        return Err(SpawnError::NotFound { program, path: Some(search_path(&process)) });
    }
    let StartOptions { stdin, sink, cap, deadline, grace } = options;
    let (stdout, child_stdout) = pump::output_pipe().map_err(failed("make a pipe"))?;
    let (stderr, child_stderr) = pump::output_pipe().map_err(failed("make a pipe"))?;
    let event = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed("make an event"));
    let tree_is_gone = event()?;
    let wishes = Arc::new(Wishes::new(event()?));
    let gone = tree_is_gone.try_clone().map_err(failed("make an event"))?;
    let mut pump = Pump::new(stdout, stderr, cap, sink, gone);
    let is_strict = process.confinement != Confinement::Own;
    let shares_terminal = !is_strict && matches!(stdin, Stdin::Terminal) && rustix::termios::isatty(rustix::stdio::stdin());
    let child_stdin = input::open(stdin, is_strict, &mut pump)?;
    // Where the start fails, the pipes are at their end and so is this thread.
    let pump = thread::Builder::new().name("pump".into()).spawn(move || pump.run()).map_err(failed("start a thread"))?;

    let mut supervisor = spares.take().map_or_else(|| Helper::start(helper), Ok).map_err(failed("start the supervisor"))?;
    let level = if is_strict { Level::Full } else { Level::None };
    let launch = Launch { process, shares_terminal, level, program: None };
    let report = supervisor.launch(&launch, &[child_stdin, child_stdout, child_stderr]);
    let Ok(Report::Started { pid }) = report else {
        supervisor.kill();
        if report.is_err() {
            // Without an answer nobody knows how far it came.
            supervisor.end_session();
        }
        supervisor.reap();
        return Err(explain(report, &launch.process));
    };
    let warden = Warden::new(supervisor, pid, Arc::clone(&wishes), Limits { deadline, grace });
    let (told, exit) = watch::channel(None);
    Ok(Started { child: Child::new(pid, wishes, exit), warden, pump, tree_is_gone, told })
}

/// A command that runs, and everything that has to be done for it.
struct Started {
    child: Child,
    warden: Warden,
    pump: JoinHandle<[Count; 2]>,
    tree_is_gone: OwnedFd,
    told: watch::Sender<Option<Exit>>,
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// What a report that is no start means.
fn explain(report: io::Result<Report>, process: &StartProcess) -> SpawnError {
    let program = || process.argv.first().cloned().unwrap_or_default();
    let (step, errno, file) = match report {
        Ok(Report::Failed { step, errno, file }) => (step, errno, file),
        Ok(_) => return failed("start the command")(io::Error::from(io::ErrorKind::InvalidData)),
        Err(error) if is_gone(&error) => {
            let source = io::Error::other("the supervisor ended without an answer: it must call `dispatch` first in its `main`");
            return SpawnError::Supervisor { what: "start the command", source };
        }
        Err(error) => return failed("start the command")(error),
    };
    let source = io::Error::from_raw_os_error(errno);
    match step {
        Step::Profile => SpawnError::SandboxUnavailable {
            program: shown(program()),
            needed: Level::Full,
            have: Level::None,
            why: format!("cannot {}: {source}", file.display()),
            fix: "use the profile `own`".into(),
        },
        Step::View => SpawnError::View { path: file, source },
        Step::Setup => SpawnError::Supervisor { what: "prepare the start", source },
        Step::Directory => SpawnError::WorkingDirectory { directory: process.working_directory.clone(), source },
        Step::Find => {
            let by_path = !program().as_bytes().contains(&b'/');
            SpawnError::NotFound { program: shown(program()), path: by_path.then(|| search_path(process)) }
        }
        Step::Permission => SpawnError::NotExecutable { file },
        Step::Execute if errno == rustix::io::Errno::TOOBIG.raw_os_error() => SpawnError::TooLong { program: shown(program()) },
        Step::Execute => SpawnError::Execute { file, source },
    }
}
