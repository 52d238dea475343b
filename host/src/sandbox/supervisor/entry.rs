//! The life of a supervisor.

use std::{
    env,
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use rustix::process::{Resource, Rlimit, getpgrp, getpid, set_child_subreaper, setpgid, setrlimit, setsid};

use super::{
    command, program, signal,
    tree::Group,
    watch::{self, Command},
};
use crate::{
    policy::Confinement,
    sandbox::wire::{self, HELPER_ARGUMENT, Launch, Report, Step},
};

/// Where this process was started as a supervisor, be one to the end and return its exit code; else `None`, at once.
///
/// The first line of `main`: a supervisor must not do any of the other start-up work. In either case the ends of children can be waited
/// for from here on, also where this program was started with SIGCHLD ignored.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    signal::wait_for_children();
    if env::args_os().nth(1)? != HELPER_ARGUMENT {
        return None;
    }
    Some(supervise())
}

fn supervise() -> ExitCode {
    command::close_inherited();
    let Ok(control) = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return ExitCode::from(2) };
    // Started by hand: there is no host on the other side.
    let Ok((launch, streams)) = wire::receive_launch(&control) else { return ExitCode::from(2) };
    let begun = signal::bell().map_err(|error| Failed::new(Step::Setup, &error, "")).and_then(|bell| {
        let (file, group) = prepare(&launch)?;
        let started = Instant::now();
        let pid = command::start(&launch.process, &file, group, streams).map_err(|error| Failed::new(Step::Execute, &error, file))?;
        Ok((bell, Command { pid, group, started }))
    });
    // The launch holds the variables of the command, secrets among them.
    drop(launch);
    match begun {
        Ok((bell, command)) => {
            watch::follow(&control, &bell, &command);
            ExitCode::SUCCESS
        }
        Err(Failed { step, errno, file }) => {
            // A host that is gone needs no answer.
            let _ = wire::send_report(&control, &Report::Failed { step, errno, file });
            ExitCode::from(1)
        }
    }
}

/// Why nothing was started.
pub(super) struct Failed {
    pub(super) step: Step,
    pub(super) errno: i32,
    pub(super) file: PathBuf,
}

impl Failed {
    pub(super) fn new(step: Step, error: &std::io::Error, file: impl Into<PathBuf>) -> Self {
        Self { step, errno: error.raw_os_error().unwrap_or(0), file: file.into() }
    }
}

/// Everything that must be so before the command exists. Answers with the file to execute.
fn prepare(launch: &Launch) -> Result<(PathBuf, Group), Failed> {
    let process = &launch.process;
    let setup = |error: rustix::io::Errno| Failed::new(Step::Setup, &error.into(), "");
    if process.confinement != Confinement::Own {
        let error = std::io::ErrorKind::Unsupported.into();
        return Err(Failed::new(Step::Profile, &error, ""));
    }
    let group = if launch.shares_terminal {
        // The command stays in the host's group, which has the terminal; the supervisor leaves it, so that Ctrl-C does not end it.
        let group = Group::Shared(getpgrp());
        setpgid(None, None).map_err(setup)?;
        group
    } else {
        // A session without a terminal: no key reaches the command, and it cannot type into the user's shell.
        setsid().map_err(setup)?;
        Group::Own
    };
    set_child_subreaper(Some(getpid())).map_err(setup)?;
    // A core file would hold the command's memory, secrets included, and can fill a disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(setup)?;
    env::set_current_dir(&process.working_directory).map_err(|error| Failed::new(Step::Directory, &error, &process.working_directory))?;
    Ok((program::find(process)?, group))
}
