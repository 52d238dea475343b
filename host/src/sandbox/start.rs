//! The start of one command, by a thread that may wait.

use std::{
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::watch;

use super::{
    child::{Child, Exit, Wishes},
    error::{SpawnError, failed},
    group::Group,
    helper::{Helper, Kind},
    input,
    options::{StartOptions, Stdin},
    order::Launch,
    pump::{self, Pump},
    spare::Spares,
    stream::Count,
    supervisor::{is_nowhere, search_path},
    warden::{Limits, Warden},
    wire::{Report, Step, shown},
};
use crate::policy::{ChildLimits, Confinement, Level, StartProcess};

/// A process, and how it is started.
pub(super) struct Placed {
    pub(super) process: StartProcess,
    /// What confines it.
    pub(super) level: Level,
    /// The file to execute, where it is known already.
    pub(super) program: Option<PathBuf>,
}

/// Start the supervisor, and the command by it.
pub(super) fn start(
    helper: &Path,
    program_itself: &Path,
    spares: &Spares,
    placed: Placed,
    options: StartOptions,
) -> Result<Started, SpawnError> {
    let Placed { process, level, program } = placed;
    if program.is_none() && is_nowhere(&process) {
        // The supervisor would say the same, for the price of starting it.
        let program = process.argv.first().map(shown).unwrap_or_default();
        return Err(SpawnError::NotFound { program, path: Some(search_path(&process)) });
    }
    let StartOptions { stdin, sink, cap, deadline, grace, way_out: _ } = options;
    let (stdout, child_stdout) = pump::output_pipe().map_err(failed("make a pipe"))?;
    let (stderr, child_stderr) = pump::output_pipe().map_err(failed("make a pipe"))?;
    let event = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed("make an event"));
    let tree_is_gone = event()?;
    let wishes = Arc::new(Wishes::new(event()?));
    let gone = tree_is_gone.try_clone().map_err(failed("make an event"))?;
    let mut pump = Pump::new(stdout, stderr, cap, sink, gone);
    let is_strict = level != Level::None;
    let shares_terminal = !is_strict && matches!(stdin, Stdin::Terminal) && rustix::termios::isatty(rustix::stdio::stdin());
    let child_stdin = input::open(stdin, is_strict, &mut pump)?;
    // Where the start fails, the pipes are at their end and so is this thread.
    let pump = thread::Builder::new().name("pump".into()).spawn(move || pump.run()).map_err(failed("start a thread"))?;

    let kind = Kind::of(level, &process.confinement);
    let spare = spares.of(kind).take();
    let mut supervisor = spare.map_or_else(|| Helper::start(helper, Kind::Any), Ok).map_err(failed("start the supervisor"))?;
    let mut group = limits(&process.confinement).map(|limits| Group::make(limits, level)).unwrap_or_default();
    let launch = Launch { process, shares_terminal, level, program };
    let streams = [child_stdin, child_stdout, child_stderr];
    group.take(supervisor.pid());
    let mut report = supervisor.launch(&launch, &streams);
    if report.as_ref().is_err_and(is_gone) && helper != program_itself && supervisor.is_of_another_build() {
        // Left there by an earlier build or installation. This very program always fits.
        supervisor = Helper::start(program_itself, Kind::Any).map_err(failed("start the supervisor"))?;
        group.take(supervisor.pid());
        report = supervisor.launch(&launch, &streams);
    }
    drop(streams);
    let Ok((Report::Started { pid }, way_out)) = report else {
        supervisor.kill();
        if report.is_err() {
            // Without an answer nobody knows how far it came.
            supervisor.end_session();
        }
        supervisor.reap();
        return Err(explain(report.map(|(report, _)| report), &launch));
    };
    let warden = Warden::new(supervisor, pid, Arc::clone(&wishes), Limits { deadline, grace });
    let (told, exit) = watch::channel(None);
    let following = Following { warden, pump, tree_is_gone, told, group };
    Ok(Started { child: Child::new(pid, launch.level, wishes, exit, way_out), following })
}

/// A command that runs, and everything that has to be done for it.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) following: Following,
}

/// What the thread of a child has to do until its end.
pub(super) struct Following {
    warden: Warden,
    pump: JoinHandle<[Count; 2]>,
    tree_is_gone: OwnedFd,
    told: watch::Sender<Option<Exit>>,
    group: Group,
}

impl Following {
    /// Follow it to its end, and tell everybody who waits for that.
    pub(super) fn follow(self) -> Exit {
        let (mut exit, mut supervisor) = self.warden.follow(self.pump, &self.tree_is_gone);
        exit.ending.evidence.push_str(&self.group.evidence());
        self.told.send_replace(Some(exit.clone()));
        supervisor.reap();
        exit
    }
}

impl Started {
    /// Follow it to its end, and tell everybody who waits for that.
    pub(super) fn follow(self) -> Exit {
        let Self { child, following } = self;
        let exit = following.follow();
        drop(child);
        exit
    }
}

/// What a strict process may use up.
const fn limits(confinement: &Confinement) -> Option<&ChildLimits> {
    match confinement {
        Confinement::Strict(view) => Some(&view.limits),
        Confinement::Own => None,
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// What a report that is no start means.
fn explain(report: io::Result<Report>, launch: &Launch) -> SpawnError {
    let process = &launch.process;
    let program = || process.argv.first().cloned().unwrap_or_default();
    let (step, errno, file) = match report {
        Ok(Report::Failed { step, errno, file }) => (step, errno, file),
        Ok(_) => return failed("start the command")(io::Error::from(io::ErrorKind::InvalidData)),
        Err(error) if is_gone(&error) => {
            let source = io::Error::other(
                "the supervisor ended without an answer: it must be of this version, and call `dispatch` first in its `main`",
            );
            return SpawnError::Supervisor { what: "start the command", source };
        }
        Err(error) => return failed("start the command")(error),
    };
    let source = io::Error::from_raw_os_error(errno);
    match step {
        Step::Profile => {
            let why = if errno == 0 { format!("cannot {}", file.display()) } else { format!("cannot {}: {source}", file.display()) };
            let fix = "the system changed since its sandbox was tried: start this again, and it is tried anew".into();
            SpawnError::SandboxUnavailable { program: shown(program()), needed: launch.level, have: Level::None, why, fix }
        }
        Step::View => SpawnError::View { path: file, source },
        Step::Setup => SpawnError::Supervisor { what: "prepare the start", source },
        Step::Directory if is_hidden(launch, &process.working_directory) => {
            SpawnError::OutsideView { what: "working directory", path: process.working_directory.clone(), why: "it is not granted".into() }
        }
        Step::Find if is_hidden(launch, &file) => SpawnError::OutsideView { what: "program", path: file, why: "it is not granted".into() },
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

/// Whether this is on the machine although a confined command does not find it.
fn is_hidden(launch: &Launch, path: &Path) -> bool {
    launch.level != Level::None && !path.as_os_str().is_empty() && launch.process.working_directory.join(path).exists()
}
