//! Follows one supervisor: passes on what the owner wants, keeps the deadline, and finds out how the command ended.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    child::{Exit, Wishes},
    helper::Helper,
    stream::Count,
    wire::{self, Report, Request},
};
use crate::names::{Bytes, EndKind, Ending, Moment};

/// Most time between asking a tree to end and killing it, once its deadline has passed: a deadline bounds the time, so its grace is short.
const DEADLINE_GRACE: Duration = Duration::from_millis(200);

/// Time for a supervisor to report after a kill, or after the end of the command.
///
/// Stops a command that has stopped or wedged its supervisor from running on: beyond it, the host ends the supervisor and what it can find.
const REPORT: Duration = Duration::from_secs(1);

/// Time for a supervisor to end the rest of the tree.
const CLEAN_UP: Duration = Duration::from_secs(2);

/// What a child may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) deadline: Option<Duration>,
    pub(super) grace: Duration,
}

/// Follows one supervisor, on a thread of its own.
pub(super) struct Warden {
    supervisor: Helper,
    pid: u32,
    wishes: Arc<Wishes>,
    limits: Limits,
    stage: Stage,
    cause: Option<Cause>,
    started: Instant,
    started_at: Moment,
}

/// How far the end was pressed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Stopping { kill_at: Instant },
    Killing { give_up_at: Instant },
    GivenUp,
}

/// Why the end was pressed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Wish,
    Deadline,
}

/// The report of the end.
struct Ended {
    status: Result<i32, u32>,
    asked: bool,
    ran: Duration,
}

impl Warden {
    /// To be made when the command has just started.
    pub(super) fn new(supervisor: Helper, pid: u32, wishes: Arc<Wishes>, limits: Limits) -> Self {
        let (started, started_at) = (Instant::now(), Moment::now());
        Self { supervisor, pid, wishes, limits, stage: Stage::Running, cause: None, started, started_at }
    }

    /// Follow to the end, then let the `pump` come to its own, and answer with how it all ended. The supervisor is still to be reaped:
    /// nobody has to wait for that, and the kernel takes its time to put namespaces away.
    pub(super) fn follow(mut self, pump: JoinHandle<[Count; 2]>, tree_is_gone: &OwnedFd) -> (Exit, Helper) {
        let report = self.watch();
        let ended_at = Moment::now();
        let (kind, mut evidence, duration) = match report {
            Ok(Ended { status, asked, ran }) => {
                let (kind, evidence) = self.judge(status, asked);
                (kind, evidence, ran)
            }
            Err(error) => {
                let duration = self.started.elapsed();
                let (kind, evidence) = self.investigate(&error);
                (kind, evidence, duration)
            }
        };
        if !self.clean_up() {
            evidence.push_str("; a part of its tree could not be ended");
        }
        // The event cannot be full: it is written once.
        let _ = rustix::io::write(tree_is_gone, &1_u64.to_ne_bytes());
        let counts = pump.join().unwrap_or_else(|_| {
            evidence.push_str("; the reader of its output failed");
            [Count { total: Bytes(0), truncated: true }; 2]
        });
        let [stdout, stderr] = counts;
        let ending = Ending {
            kind,
            evidence,
            started_at: Some(self.started_at),
            ended_at: Some(ended_at),
            stdout_bytes: stdout.total,
            stderr_bytes: stderr.total,
            truncated: stdout.truncated || stderr.truncated,
        };
        (Exit { ending, duration }, self.supervisor)
    }

    /// Wait for the report of the end.
    fn watch(&mut self) -> io::Result<Ended> {
        let mut command = Pid::from_raw(self.pid.cast_signed()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let wishes = Arc::clone(&self.wishes);
        let mut overdue_at = None;
        loop {
            let mut waiting = vec![PollFd::new(self.supervisor.control(), PollFlags::IN), PollFd::new(wishes.bell(), PollFlags::IN)];
            waiting.extend(command.as_ref().map(|command| PollFd::new(command, PollFlags::IN)));
            let pause = self.next_step().into_iter().chain(overdue_at).min().map(|at| at.saturating_duration_since(Instant::now()));
            match poll(&mut waiting, pause.and_then(|pause| Timespec::try_from(pause).ok()).as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_ready = |index: usize| waiting.get(index).is_some_and(|entry| !entry.revents().is_empty());
            let (has_report, has_ended) = (is_ready(0), is_ready(2));
            if has_report {
                return match wire::receive_report(self.supervisor.control())? {
                    Report::Ended { status, asked, ran } => Ok(Ended { status, asked, ran }),
                    Report::Started { .. } | Report::Failed { .. } => Err(io::ErrorKind::InvalidData.into()),
                };
            }
            if has_ended {
                // The report comes any moment, unless the supervisor was stopped by a signal.
                command = None;
                overdue_at = Some(Instant::now() + REPORT);
                self.supervisor.wake();
            }
            if overdue_at.is_some_and(|at| at <= Instant::now()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.press(wishes.take());
        }
    }

    /// When something has to be done although nothing happens.
    fn next_step(&self) -> Option<Instant> {
        match self.stage {
            Stage::Running => self.deadline(),
            Stage::Stopping { kill_at } => Some(self.deadline().map_or(kill_at, |deadline| kill_at.min(deadline + DEADLINE_GRACE))),
            Stage::Killing { give_up_at } => Some(give_up_at),
            Stage::GivenUp => None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        // A deadline that is too far away for the clock is none.
        self.limits.deadline.and_then(|deadline| self.started.checked_add(deadline))
    }

    /// Press for the end as the owner's `wish` and the clock demand.
    fn press(&mut self, wish: Option<Request>) {
        let now = Instant::now();
        let is_due = self.next_step().is_some_and(|at| at <= now);
        match (self.stage, wish) {
            (Stage::Running | Stage::Stopping { .. }, Some(Request::Kill)) => self.kill(Cause::Wish),
            (Stage::Running, Some(Request::Stop)) => self.stop(Cause::Wish, self.limits.grace),
            (Stage::Running, None) if is_due => self.stop(Cause::Deadline, self.limits.grace.min(DEADLINE_GRACE)),
            (Stage::Stopping { .. }, _) if is_due => self.kill(Cause::Wish),
            (Stage::Killing { .. }, _) if is_due => {
                self.stage = Stage::GivenUp;
                // Its end is noticed like any other.
                self.supervisor.kill();
            }
            _ => {}
        }
    }

    fn stop(&mut self, cause: Cause, grace: Duration) {
        let now = Instant::now();
        // A grace that is too long for the clock is cut to a day.
        let kill_at = now.checked_add(grace).unwrap_or(now + Duration::from_hours(24));
        self.ask(Request::Stop, cause, Stage::Stopping { kill_at });
    }

    fn kill(&mut self, cause: Cause) {
        self.ask(Request::Kill, cause, Stage::Killing { give_up_at: Instant::now() + REPORT });
    }

    fn ask(&mut self, request: Request, cause: Cause, stage: Stage) {
        // The first cause is the reason of the end.
        self.cause.get_or_insert(cause);
        self.stage = stage;
        // Fails only when the supervisor is gone, which is noticed where its reports are read.
        let _ = wire::send_request(self.supervisor.control(), request);
        self.supervisor.wake();
    }

    /// What a report means.
    fn judge(&self, status: Result<i32, u32>, asked: bool) -> (EndKind, String) {
        match (status, asked, self.cause) {
            (Ok(code), false, _) => (EndKind::Exited { code }, "wait status".into()),
            (Err(signal), false, _) => (EndKind::Signalled { signal }, "wait status".into()),
            (_, true, Some(Cause::Deadline)) => (EndKind::TimedOut, format!("{}, wait status: {}", self.reason(), described(status))),
            (_, true, _) => (EndKind::Killed, format!("{}, wait status: {}", self.reason(), described(status))),
        }
    }

    fn reason(&self) -> String {
        match (self.cause, self.limits.deadline) {
            (Some(Cause::Deadline), Some(deadline)) => format!("the deadline of {deadline:?} passed"),
            (None | Some(_), _) => "its end was asked for".into(),
        }
    }

    /// There will be no report: end what can be found, and say what is known.
    fn investigate(&mut self, error: &io::Error) -> (EndKind, String) {
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "the supervisor ended without a report".to_owned(),
            io::ErrorKind::TimedOut => "the command ended and the supervisor did not report".to_owned(),
            _ => format!("the supervisor sent no usable report: {error}"),
        };
        self.supervisor.kill();
        let is_gone = self.supervisor.end_session() && self.supervisor.has_ended(self.pid);
        match self.cause {
            Some(cause) if is_gone => {
                let kind = if cause == Cause::Deadline { EndKind::TimedOut } else { EndKind::Killed };
                (kind, format!("{}, {what}, and no process of its session is left", self.reason()))
            }
            _ if is_gone => (EndKind::Lost, format!("{what}; no process of its session is left")),
            _ => (EndKind::Lost, format!("{what}; processes may be left")),
        }
    }

    /// Let the supervisor end the rest of the tree and itself.
    fn clean_up(&mut self) -> bool {
        let in_time = self.supervisor.wait_for_message(CLEAN_UP);
        if !in_time {
            self.supervisor.kill();
            self.supervisor.end_session();
        }
        in_time
    }
}

fn described(status: Result<i32, u32>) -> String {
    match status {
        Ok(code) => format!("exit code {code}"),
        Err(signal) => format!("signal {signal}"),
    }
}
