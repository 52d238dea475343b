//! The command itself: its descriptors, its group, its start.
#![allow(unsafe_code, reason = "descriptors are closed by number, and one step runs between fork and exec")]

use std::{
    fs, io,
    os::{
        fd::{BorrowedFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::{FdFlags, fcntl_getfd, fcntl_setfd},
    process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal},
};

use super::tree::Group;
use crate::policy::StartProcess;

/// Longest time that a program may be open for writing when it is started.
const BUSY: Duration = Duration::from_millis(200);

/// Pause until it is tried again.
const PAUSE: Duration = Duration::from_millis(2);

/// Where descriptors are looked for when `/proc` is not there.
const LIKELY_DESCRIPTORS: RawFd = 1024;

/// Close every descriptor but the first three.
///
/// What the host had inherited itself without the close-on-exec flag would else reach the command, and a pipe among it would never end.
pub(super) fn close_inherited() {
    let open: Vec<RawFd> = match fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect(),
        Err(_) => (3..LIKELY_DESCRIPTORS).collect(),
    };
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // SAFETY: this is the first thing that a supervisor does, so nothing in this process owns a descriptor above 2. The one that the
        // list was read from is closed already: that is seen by asking for its flags.
        unsafe {
            if fcntl_getfd(BorrowedFd::borrow_raw(descriptor)).is_ok() {
                rustix::io::close(descriptor);
            }
        }
    }
}

/// Start `file` with exactly the given arguments, variables and streams, in the group that is asked for, and `restrict` it before it
/// becomes the program.
pub(super) fn start(
    process: &StartProcess,
    file: &Path,
    group: Group,
    streams: [OwnedFd; 3],
    mut restrict: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<Pid> {
    let mut command = prepare(process, file, streams);
    command.process_group(match group {
        Group::Own => 0,
        Group::Shared(group) => group.as_raw_pid(),
    });
    let supervisor = getpid();
    let begin = move || {
        restrict()?;
        // Last, since the kernel takes it back where a process changes its rights.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before the signal was asked for.
        if getppid() == Some(supervisor) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: this process has one thread, so its child can do whatever it could do itself.
    unsafe { command.pre_exec(begin) };
    spawn(command)
}

/// The same for a command in namespaces of its own. It cannot see its supervisor, and dies with the first process of its namespace.
pub(super) fn start_inside(
    process: &StartProcess,
    file: &Path,
    streams: [OwnedFd; 3],
    restrict: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<Pid> {
    let mut command = prepare(process, file, streams);
    // SAFETY: as above.
    unsafe { command.pre_exec(restrict) };
    spawn(command)
}

/// Start it. A file that was just written can still be open in a child of its writer that is not at its `exec` yet.
fn spawn(mut command: Command) -> io::Result<Pid> {
    let until = Instant::now() + BUSY;
    loop {
        match command.spawn() {
            Ok(child) => return Ok(Pid::from_child(&child)),
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < until => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
}

/// Start a program of the machine that inherits these descriptors, each by its number.
pub(super) fn start_with(mut command: Command, inherited: Vec<OwnedFd>) -> io::Result<Pid> {
    let keep = move || -> io::Result<()> {
        inherited.iter().try_for_each(|descriptor| fcntl_setfd(descriptor, FdFlags::empty()))?;
        Ok(())
    };
    // SAFETY: as above.
    unsafe { command.pre_exec(keep) };
    Ok(Pid::from_child(&command.spawn()?))
}

fn prepare(process: &StartProcess, file: &Path, streams: [OwnedFd; 3]) -> Command {
    let [stdin, stdout, stderr] = streams.map(Stdio::from);
    let mut command = Command::new(file);
    if let Some((name, arguments)) = process.argv.split_first() {
        command.arg0(name).args(arguments);
    }
    command.env_clear().envs(&process.variables).stdin(stdin).stdout(stdout).stderr(stderr);
    command
}
