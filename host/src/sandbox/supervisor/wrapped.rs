//! The start of a strict command where only bubblewrap may make namespaces.
//!
//! Bubblewrap makes them with the whole view, and starts this very program as the first process inside, by an open file, so that nothing of
//! ours is in the view. That process does the rest, without a right. This one stays outside, where the command cannot see it: it says to
//! the host how the start went, and is gone when all of it is.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{DumpableBehavior, Pid, WaitOptions, getuid, set_dumpable_behavior, wait},
};

use super::{
    command,
    confine::{Arguments, Plan, give},
    entry::{of_setup, own_tree},
    failed::Failed,
};
use crate::{
    policy::{Level, View},
    sandbox::{
        bubblewrap,
        order::{self, Launch},
        proc,
        wire::{self, HELPER_ARGUMENT, Report, Step, WITHIN_ARGUMENT, shown},
    },
};

/// Bytes of what bubblewrap says that are read. It says one line, and stops.
const LONGEST: u64 = 4096;

/// Start a command in namespaces that bubblewrap makes, and tell the host. From then on the first process inside does what the host asks,
/// and tells it the end.
pub(super) fn begin(control: &UnixStream, launch: &Launch, view: &View, streams: [OwnedFd; 3]) -> Result<(), Failed> {
    // Whatever bubblewrap leaves behind is a child of this process, in its session.
    own_tree(false)?;
    // What this process reads is not for other programs of the user.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(of_setup)?;
    let plan = Plan::new(view, Level::FullBwrap)?;
    let arguments = Arguments::new(&plan, view.limits.memory)?;
    let (here, inside) = UnixStream::pair().map_err(Failed::confining("make a socket"))?;
    let (said, errors) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(Failed::confining("make a pipe"))?;
    let monitor = start(arguments, inside.into(), errors).map_err(Failed::confining("start bubblewrap"))?;
    let sent = hand_over(&here, control, launch, &streams);
    drop(streams);
    // An end without an answer is bubblewrap's own.
    let (report, way_out) = sent.and_then(|()| wire::receive_start(&here)).map_err(|_| gave_up(said))?;
    let number = match report {
        Report::Started { pid } => pid,
        Report::Failed { step, errno, file } => return Err(Failed { step, errno, file }),
        Report::Ended { .. } => return Err(Failed::confining("understand the first process")(io::Error::from(io::ErrorKind::InvalidData))),
    };
    let unknown = || Failed::confining("find the command among its processes")(io::Error::from(io::ErrorKind::NotFound));
    let pid = number_outside(monitor, number).ok_or_else(unknown)?;
    // A host that is gone is noticed inside.
    let _ = wire::send_start(control, &Report::Started { pid }, way_out.as_ref().map(AsFd::as_fd));
    drop(way_out);
    // Fails only where everything inside is gone, and then there is nothing more to follow.
    let _ = (&here).write_all(&[0]);
    Ok(())
}

/// Wait until this process has no child any more.
pub(super) fn wait_for_all() {
    while matches!(wait(WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
}

/// Start bubblewrap with `inside` as its standard input, which the first process inside inherits.
fn start(arguments: Arguments, inside: OwnedFd, errors: OwnedFd) -> io::Result<Pid> {
    let this = open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let (arguments, mut inherited) = arguments.finish()?;
    let mut command = Command::new(bubblewrap::PROGRAM);
    command.env_clear().arg("--args").arg(arguments.as_raw_fd().to_string()).args(["--argv0", "worldflux", "--"]);
    command.arg(format!("/proc/self/fd/{}", this.as_raw_fd())).args([HELPER_ARGUMENT, WITHIN_ARGUMENT]);
    command.stdin(inside).stdout(Stdio::null()).stderr(errors);
    inherited.extend([this, arguments]);
    command::start_with(command, inherited)
}

/// Give the first process inside all that it needs.
fn hand_over(here: &UnixStream, control: &UnixStream, launch: &Launch, streams: &[OwnedFd; 3]) -> io::Result<()> {
    order::send_launch(here, launch, streams)?;
    give(here, control)?;
    if getuid().is_root() {
        // The usual limit on processes is void for root, and where the other one stands cannot be written inside.
        give(here, File::open("/proc")?)?;
    }
    Ok(())
}

/// The number by which the host knows a process that is `number` inside: a child of the first process there, which is a child of the
/// `monitor`.
fn number_outside(monitor: Pid, number: u32) -> Option<u32> {
    let mut inside = proc::children(monitor).into_iter().flat_map(proc::children);
    let command = inside.find(|pid| proc::number_inside(*pid) == Some(number))?;
    Some(command.as_raw_pid().cast_unsigned())
}

/// Why there is nothing inside.
fn gave_up(said: OwnedFd) -> Failed {
    let mut text = Vec::new();
    // It is gone, so all is there; where it said nothing, there is nothing to read.
    let _ = File::from(said).take(LONGEST).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let text = text.lines().next().unwrap_or("it ended without a word");
    let what = format!("make namespaces with bubblewrap: {}", shown(text.trim_start_matches("bwrap: ")));
    Failed { step: Step::Profile, errno: 0, file: what.into() }
}
