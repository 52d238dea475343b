//! The first process of a sandbox that bubblewrap has made.
//!
//! It starts the command, confined further, and follows it. That the command cannot reach it is seen to by the kernel, which keeps signals
//! from the first process of a namespace, and by Landlock; that it cannot be read, by being hidden.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
    time::Instant,
};

use rustix::process::{DumpableBehavior, Signal, getpid, getuid, set_dumpable_behavior, set_parent_process_death_signal};

use super::{
    command,
    confine::{self, Plan, Restriction},
    entry::{find, of_setup},
    failed::Failed,
    signal,
    tree::Tree,
    watch::{self, Command},
};
use crate::{
    policy::{Confinement, Level},
    sandbox::{
        order::{self, Launch, Order},
        wire::{self, Report, Step},
    },
};

/// Be this process to the end.
pub(super) fn supervise() -> ExitCode {
    // Started by hand, or not where it should be.
    let wrong = ExitCode::from(2);
    if !getpid().is_init() {
        return wrong;
    }
    command::close_inherited();
    let Ok(outside) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return wrong };
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| set_parent_process_death_signal(Some(Signal::KILL)));
    let Ok(Order::Launch(launch, streams)) = order::receive_order(&outside) else { return wrong };
    let begun = hidden.map_err(of_setup).and_then(|()| begin(&outside, &launch, streams));
    // The launch holds the variables of the command, secrets among them.
    drop(launch);
    match begun {
        Ok((control, bell, command)) => {
            drop(outside);
            watch::follow_on(&control, &bell, &command);
            ExitCode::SUCCESS
        }
        Err(Failed { step, errno, file }) => {
            // Where nobody is left to hear it, everything inside ends with this process.
            let _ = wire::send_report(&outside, &Report::Failed { step, errno, file });
            ExitCode::from(1)
        }
    }
}

/// Start the command, and wait until the host knows of it: the socket to the host, the bell that rings when it ends, the command.
fn begin(outside: &UnixStream, launch: &Launch, streams: [OwnedFd; 3]) -> Result<(UnixStream, OwnedFd, Command), Failed> {
    let Confinement::Strict(view) = &launch.process.confinement else {
        return Err(Failed::confining("keep this level")(io::Error::from(io::ErrorKind::Unsupported)));
    };
    let control = confine::take(outside).map_err(Failed::confining("take the socket of the host"))?;
    if getuid().is_root() {
        let bound = confine::take(outside).and_then(|proc| confine::bound_processes(&proc, view.limits.processes));
        bound.map_err(Failed::confining("bound the number of its processes"))?;
    }
    let bell = signal::bell().map_err(|error| Failed::new(Step::Setup, &error, ""))?;
    // Made again, where the paths mean what the command will see.
    let plan = Plan::new(view, Level::FullBwrap)?;
    let file = find(launch)?;
    let (mut restriction, told) = Restriction::new(&plan, view.limits, Level::FullBwrap)?;
    // Before the command can take the port itself.
    let way_out = confine::way_out(view.network).map_err(Failed::confining("make the way out of its network"))?;
    let started = Instant::now();
    let begun = command::start_inside(&launch.process, &file, streams, move || restriction.apply());
    let pid = begun.map_err(|error| told.failure(&error).unwrap_or_else(|| Failed::new(Step::Execute, &error, file)))?;
    let report = Report::Started { pid: pid.as_raw_pid().cast_unsigned() };
    let told = wire::send_start(outside, &report, way_out.as_ref().map(AsFd::as_fd));
    // Its number must not be given to another process before it was looked up, so its end is not looked for before.
    let mut outside = outside;
    told.and_then(|()| outside.read_exact(&mut [0])).map_err(Failed::confining("tell its start"))?;
    Ok((UnixStream::from(control), bell, Command { pid, tree: Tree::Everybody, started, way_out: None }))
}
