//! The life of a supervisor.

use std::{
    env, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getpgrp, getpid, set_child_subreaper, setpgid, setrlimit, setsid},
};

use super::{
    command,
    confine::Init,
    double,
    failed::Failed,
    program, signal, strict,
    tree::{Group, Tree},
    watch::{self, Command},
    within, wrapped,
};
use crate::{
    policy::{Confinement, Level, Network},
    sandbox::{
        order::{self, Launch, Order},
        proof::{CANARY_ARGUMENT, be_a_canary},
        wire::{self, HELPER_ARGUMENT, INSIDE_ARGUMENT, Report, Step, WITHIN_ARGUMENT},
    },
};

/// A command that was started.
enum Begun {
    /// By this process, which follows it, and hears by the bell when it ends.
    Here(OwnedFd, Command),
    /// By the first process of its namespaces, which follows it.
    Within,
}

/// Where this process was started as a supervisor, or as a program that attacks its sandbox, be one to the end and return its exit code; else `None`, at once.
///
/// The first line of `main`: a supervisor must not do any of the other start-up work. In either case the ends of children can be waited
/// for from here on, also where this program was started with SIGCHLD ignored.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    signal::wait_for_children();
    let role = env::args_os().nth(1)?;
    if role == CANARY_ARGUMENT {
        return Some(be_a_canary());
    }
    let place = env::args_os().nth(2);
    let is_in = |argument: &str| place.as_deref().is_some_and(|place| place == argument);
    (role == HELPER_ARGUMENT).then(|| if is_in(WITHIN_ARGUMENT) { within::supervise() } else { supervise(is_in(INSIDE_ARGUMENT)) })
}

fn supervise(is_inside: bool) -> ExitCode {
    command::close_inherited();
    let Ok(mut control) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return ExitCode::from(2) };
    // What fails here is told when there is somebody who asks.
    let namespaces = is_inside.then(|| strict::make_namespaces(Network::None));
    let (launch, streams) = loop {
        match order::receive_order(&control) {
            Ok(Order::Launch(launch, streams)) => break (launch, streams),
            Ok(Order::Double(other)) if namespaces.is_none() => {
                if double::is_the_other() {
                    control = other;
                    if double::begin(&control).is_err() {
                        return ExitCode::from(2);
                    }
                }
            }
            // Started by hand: there is no host on the other side.
            Ok(Order::Double(_)) | Err(_) => return ExitCode::from(2),
        }
    };
    let begun = begin(&control, &launch, streams, namespaces);
    // The launch holds the variables of the command, secrets among them.
    drop(launch);
    match begun {
        Ok(Begun::Here(bell, mut command)) => {
            watch::follow(&control, &bell, &mut command);
            ExitCode::SUCCESS
        }
        Ok(Begun::Within) => {
            wrapped::wait_for_all();
            ExitCode::SUCCESS
        }
        Err(Failed { step, errno, file }) => {
            // A host that is gone needs no answer.
            let _ = wire::send_report(&control, &Report::Failed { step, errno, file });
            ExitCode::from(1)
        }
    }
}

/// Start the command at the level that is asked for, in the namespaces that were made already, if any were.
fn begin(control: &UnixStream, launch: &Launch, streams: [OwnedFd; 3], namespaces: Option<Result<Init, Failed>>) -> Result<Begun, Failed> {
    let is_free = namespaces.is_none();
    if let (Level::FullBwrap, Confinement::Strict(view), true) = (launch.level, &launch.process.confinement, is_free) {
        wrapped::begin(control, launch, view, streams)?;
        return Ok(Begun::Within);
    }
    let bell = signal::bell().map_err(|error| Failed::new(Step::Setup, &error, ""))?;
    let command = match (launch.level, &launch.process.confinement) {
        (Level::Full, Confinement::Strict(view)) => {
            let made = namespaces.unwrap_or_else(|| strict::make_namespaces(view.network))?;
            strict::start_inside(launch, view, streams, made)
        }
        (Level::KernelFilter, Confinement::Strict(view)) if is_free => strict::start_filtered(launch, view, streams),
        (Level::None, _) if is_free => start(launch, streams),
        (Level::Full | Level::FullBwrap | Level::KernelFilter | Level::None, _) => {
            Err(Failed::confining("keep this level")(io::Error::from(io::ErrorKind::Unsupported)))
        }
    }?;
    Ok(Begun::Here(bell, command))
}

/// Start a command of which only the tree is contained.
fn start(launch: &Launch, streams: [OwnedFd; 3]) -> Result<Command, Failed> {
    let group = own_tree(launch.shares_terminal)?;
    // A core file would hold the command's memory, secrets included, and can fill a disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(of_setup)?;
    let file = find(launch)?;
    let started = Instant::now();
    let pid =
        command::start(&launch.process, &file, group, streams, || Ok(())).map_err(|error| Failed::new(Step::Execute, &error, file))?;
    Ok(Command { pid, tree: Tree::Descendants(group), started, way_out: None })
}

/// Make everything that the command leaves behind a child of this process.
pub(super) fn own_tree(shares_terminal: bool) -> Result<Group, Failed> {
    let group = if shares_terminal {
        // The command stays in the host's group, which has the terminal; the supervisor leaves it, so that Ctrl-C does not end it.
        let group = Group::Shared(getpgrp());
        setpgid(None, None).map_err(of_setup)?;
        group
    } else {
        // A session without a terminal: no key reaches the command, and it cannot type into the user's shell.
        setsid().map_err(of_setup)?;
        Group::Own
    };
    set_child_subreaper(Some(getpid())).map_err(of_setup)?;
    Ok(group)
}

/// The file to execute, seen from the working directory, where this process is from now on.
pub(super) fn find(launch: &Launch) -> Result<PathBuf, Failed> {
    let process = &launch.process;
    env::set_current_dir(&process.working_directory).map_err(|error| Failed::new(Step::Directory, &error, &process.working_directory))?;
    match &launch.program {
        Some(file) => program::check(file),
        None => program::find(process),
    }
}

pub(super) fn of_setup(error: Errno) -> Failed {
    Failed::new(Step::Setup, &error.into(), "")
}
