//! Follows the command to its end, and the tree to its own.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, wait, waitid},
};

use super::{
    confine::signal_everybody,
    tree::{self, Tree},
};
use crate::sandbox::wire::{self, Report, Request};

/// A command that was started and is not reaped yet, so that its number is its own.
pub(super) struct Command {
    pub(super) pid: Pid,
    pub(super) tree: Tree,
    /// Taken just before.
    pub(super) started: Instant,
    /// The only way out of its network, for the host.
    pub(super) way_out: Option<OwnedFd>,
}

/// Report the start and the end of the command, do what the host asks meanwhile, and return when nothing of the tree is left.
///
/// `bell` rings whenever a child ends. A report that cannot be sent is for a host that is gone, which the next request shows.
pub(super) fn follow(control: &UnixStream, bell: &OwnedFd, command: &mut Command) {
    // From here on only the host has it.
    let way_out = command.way_out.take();
    let started = Report::Started { pid: command.pid.as_raw_pid().cast_unsigned() };
    let _ = wire::send_start(control, &started, way_out.as_ref().map(AsFd::as_fd));
    drop(way_out);
    follow_on(control, bell, command);
}

/// The same for a command of whose start the host knows.
pub(super) fn follow_on(control: &UnixStream, bell: &OwnedFd, command: &Command) {
    let (status, asked) = wait_for_end(control, bell, command);
    if let Tree::Namespace(init) = &command.tree {
        // It dies while the host hears of the end.
        init.end();
    }
    let _ = wire::send_report(control, &Report::Ended { status, asked, ran: command.started.elapsed() });
    end_tree(bell, &command.tree);
}

/// Obey the host until the command ends: its exit code, or else the signal that ended it, and whether it still ran when its end was asked
/// for.
fn wait_for_end(control: &UnixStream, bell: &OwnedFd, command: &Command) -> (Result<i32, u32>, bool) {
    let mut asked = false;
    let mut has_host = true;
    loop {
        let mut waiting = vec![PollFd::new(bell, PollFlags::IN)];
        if has_host {
            waiting.push(PollFd::new(control, PollFlags::IN));
        }
        // Whatever it answers, looking again does no harm.
        let _ = poll(&mut waiting, None);
        if waiting.get(1).is_some_and(|control| !control.revents().is_empty()) {
            let request = wire::receive_request(control);
            has_host = request.is_some();
            asked |= press(command, request.unwrap_or(Request::Kill));
        }
        if let Some(status) = reap(bell, command.pid) {
            return (status, asked);
        }
    }
}

/// Pass a request on to the tree. `false` where the command had ended by itself before.
fn press(command: &Command, request: Request) -> bool {
    if is_over(command.pid) {
        return false;
    }
    match request {
        Request::Stop => {
            tree::signal_command(command.pid, &command.tree, Signal::TERM);
            // A stopped process would not see it.
            tree::signal_command(command.pid, &command.tree, Signal::CONT);
        }
        Request::Kill => tree::signal_command(command.pid, &command.tree, Signal::KILL),
    }
    true
}

fn is_over(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

/// Reap whatever has ended, up to the command.
fn reap(bell: &OwnedFd, command: Pid) -> Option<Result<i32, u32>> {
    silence(bell);
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == command => return Some(ending(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

fn silence(bell: &OwnedFd) {
    // Nothing to read means that nobody rang.
    let _ = rustix::io::read(bell, &mut [0; 8]);
}

fn ending(status: WaitStatus) -> Result<i32, u32> {
    status.exit_status().ok_or_else(|| status.terminating_signal().unwrap_or_default().cast_unsigned())
}

/// End what is left, until this process has no child.
///
/// A process that dies hands its children to this one before it can be reaped, so each round reaches at least one generation, and all that
/// can be seen.
fn end_tree(bell: &OwnedFd, tree: &Tree) {
    let mut pause = Duration::from_micros(200);
    loop {
        silence(bell);
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        match tree {
            Tree::Descendants(_) => tree::signal_descendants(Signal::KILL, None),
            // It can be reaped when nothing of its namespace is left.
            Tree::Namespace(init) => init.end(),
            Tree::Everybody => signal_everybody(Signal::KILL.as_raw()),
        }
        // A list of children can miss one that comes while others go: there is always another round.
        let _ = poll(&mut [PollFd::new(bell, PollFlags::IN)], Timespec::try_from(pause).ok().as_ref());
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
