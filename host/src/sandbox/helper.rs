//! A supervisor, as the host sees it.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid},
};

use super::{
    order::{self, Launch},
    proc,
    wire::{self, HELPER_ARGUMENT, INSIDE_ARGUMENT, Report},
};
use crate::policy::{Confinement, Level, Network};

/// Longest time that a supervisor has for the start of a command.
///
/// Stops a helper that is another program, and never answers, from holding up its caller for ever.
const START: Duration = Duration::from_secs(20);

/// Time after which a supervisor that says nothing is woken up.
const NUDGE: Duration = Duration::from_millis(200);

/// Time until it is woken up again. A command that does nothing but stop it leaves it a few instructions each time.
const NUDGE_AGAIN: Duration = Duration::from_millis(1);

/// Longest time for which the processes of a session are looked for and killed.
const SWEEP: Duration = Duration::from_secs(1);

/// Pause between two looks at processes that were just killed.
const PAUSE: Duration = Duration::from_millis(2);

/// What a supervisor can be started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any command.
    Any,
    /// A command in namespaces of its own, with a network of its own. It makes these at once, which takes longer than all that comes after,
    /// and can start no other.
    Inside,
}

impl Kind {
    /// What is ready for a command that is confined like this.
    pub(super) fn of(level: Level, confinement: &Confinement) -> Self {
        match confinement {
            Confinement::Strict(view) if level == Level::Full && view.network != Network::Machine => Self::Inside,
            Confinement::Strict(_) | Confinement::Own => Self::Any,
        }
    }
}

/// A supervisor. Its number, and that of its session, stay its own until it is reaped.
#[derive(Debug)]
pub(super) struct Helper {
    pid: Pid,
    /// How it ended. From then on its number may be that of any other process.
    ended: Option<WaitStatus>,
    control: UnixStream,
    has_session: bool,
}

impl Helper {
    /// Start `program` as a supervisor, which makes ready for commands of this kind. Its variables are none, and its only descriptor is the
    /// control socket: what it gives to the command comes over that.
    pub(super) fn start(program: &Path, kind: Kind) -> io::Result<Self> {
        let (control, other) = sockets()?;
        let process = Command::new(program)
            .arg0("worldflux")
            .arg(HELPER_ARGUMENT)
            .args((kind == Kind::Inside).then_some(INSIDE_ARGUMENT))
            .env_clear()
            .stdin(Stdio::from(other))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { pid: Pid::from_child(&process), ended: None, control, has_session: false })
    }

    /// Another one like this, which waits for any command and is told of none yet. A copy is there sooner than a program that is started.
    pub(super) fn double(&self) -> io::Result<Self> {
        let (control, other) = sockets()?;
        let pid = order::send_double(&self.control, &control, other)?;
        Ok(Self { pid, ended: None, control, has_session: false })
    }

    /// Let it start a command, and wait for its answer, which can bring the way out of the command's network.
    pub(super) fn launch(&mut self, launch: &Launch, streams: &[OwnedFd; 3]) -> io::Result<(Report, Option<OwnedFd>)> {
        self.has_session = !launch.shares_terminal;
        order::send_launch(&self.control, launch, streams)?;
        if !self.wait_for_message(START) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        wire::receive_start(&self.control)
    }

    pub(super) const fn control(&self) -> &UnixStream {
        &self.control
    }

    /// Wait until it says something, or is gone. `false` when it did neither in that time.
    pub(super) fn wait_for_message(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut nudge = NUDGE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let pause = Timespec::try_from(left.min(nudge)).ok();
            match poll(&mut [PollFd::new(&self.control, PollFlags::IN)], pause.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(0) if left.is_zero() => return false,
                // The command, or what is left of its tree, may have stopped it.
                Ok(0) => {
                    self.wake();
                    nudge = NUDGE_AGAIN;
                }
                // Whatever is wrong with the socket shows when it is read.
                Ok(_) | Err(_) => return true,
            }
        }
    }

    /// Whether it waits for a command: it lives, and has said nothing.
    pub(super) fn is_waiting(&self) -> bool {
        poll(&mut [PollFd::new(&self.control, PollFlags::IN)], Some(&Timespec::default())) == Ok(0)
    }

    /// Undo a SIGSTOP: the command can send one to its supervisor.
    pub(super) fn wake(&self) {
        // Fails only if it is over.
        let _ = kill_process(self.pid(), Signal::CONT);
    }

    /// End it by force. Its command dies with it, by a signal that the kernel sends.
    pub(super) fn kill(&mut self) {
        if self.ended.is_none() {
            // Fails only if it is over.
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    /// End every process of its session, for a supervisor that can no longer do it. `true` when none is left.
    pub(super) fn end_session(&self) -> bool {
        if !self.has_session {
            return false;
        }
        let session = self.pid();
        let is_member = |stat: &proc::Stat| stat.session == Some(session) && stat.pid != session && !stat.is_over;
        let until = Instant::now() + SWEEP;
        loop {
            let left: Vec<Pid> = proc::all().filter(is_member).map(|stat| stat.pid).collect();
            if left.is_empty() {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            for pid in left {
                proc::signal_if(pid, Signal::KILL, is_member);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether the process `pid` of its tree is over.
    pub(super) fn has_ended(&self, pid: u32) -> bool {
        let is_over = |stat: proc::Stat| stat.is_over || self.has_session && stat.session != Some(self.pid());
        Pid::from_raw(pid.cast_signed()).and_then(proc::stat).is_none_or(is_over)
    }

    /// Wait for its end, which must be near. Its number is free for others from here on.
    pub(super) fn reap(&mut self) {
        if self.ended.is_none() {
            // Fails only if somebody else has reaped it.
            self.ended = retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty())).ok().flatten().map(|(_, status)| status);
        }
    }

    /// Whether it is over without having begun: a program that does not know the argument that it was given, and says so by its exit
    /// code. To be asked when its socket is at its end. A supervisor of this build answers before it ends.
    pub(super) fn is_of_another_build(&mut self) -> bool {
        self.reap();
        self.ended.is_some_and(|status| status.exit_status() == Some(1))
    }

    /// Its number.
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }
}

/// The two ends of a control socket: the host's, and a supervisor's.
fn sockets() -> io::Result<(UnixStream, OwnedFd)> {
    let (control, other) = UnixStream::pair()?;
    control.set_read_timeout(Some(START))?;
    control.set_write_timeout(Some(START))?;
    Ok((control, other.into()))
}
