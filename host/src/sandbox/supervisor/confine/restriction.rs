//! What a command does to itself before it becomes the program.
#![allow(unsafe_code, reason = "signals are reset")]

use std::{
    io::{self, Read},
    os::fd::OwnedFd,
};

use landlock::RulesetCreated;
use rustix::{
    fs::Mode,
    pipe::{PipeFlags, pipe_with},
    process::{setsid, umask},
};

use super::{capabilities, landlock::rules, limits, plan::Plan, seccomp::Filters};
use crate::{
    policy::{ChildLimits, Level},
    sandbox::{supervisor::failed::Failed, wire::Step},
};

/// What a command gives up before it becomes the program. Made by the supervisor, applied by its child.
pub(in crate::sandbox::supervisor) struct Restriction {
    rules: Option<RulesetCreated>,
    filters: Filters,
    limits: ChildLimits,
    processes: Option<u32>,
    level: Level,
    /// Which part failed is told here: the result of a start has room for a number only.
    told: OwnedFd,
}

/// Where the supervisor reads which part failed.
pub(in crate::sandbox::supervisor) struct Told(OwnedFd);

impl Restriction {
    /// For a command that sees `plan`; to be made where it sees it.
    pub(in crate::sandbox::supervisor) fn new(plan: &Plan, limits: ChildLimits, level: Level) -> Result<(Self, Told), Failed> {
        let of_landlock = |error| Failed::new(Step::Profile, &io::Error::other(error), "use Landlock");
        let rules = Some(rules(plan, level).map_err(|error: landlock::RulesetError| of_landlock(error))?);
        let filters = Filters::new(level).map_err(Failed::confining("make a filter of system calls"))?;
        let (here, told) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(Failed::confining("make a pipe"))?;
        let processes = limits::processes(limits.processes, level);
        Ok((Self { rules, filters, limits, processes, level, told }, Told(here)))
    }

    /// Apply it to this process, which has one thread and executes the program next.
    pub(in crate::sandbox::supervisor) fn apply(&mut self) -> io::Result<()> {
        if self.level != Level::KernelFilter {
            // A session of its own: the supervisor's cannot be named inside.
            self.step("make a session", |_| Ok(setsid().map(drop)?))?;
        }
        self.step("limit it", |this| limits::apply(&this.limits, this.processes))?;
        reset_signals();
        // The mode of what it makes is the user's choice, as in any shell: results are for whoever reads the user's files. But nobody
        // else may write them.
        umask(umask(Mode::empty()) | Mode::WGRP | Mode::WOTH);
        self.step("use Landlock", |this| {
            let rules = this.rules.take().ok_or(io::ErrorKind::NotFound)?;
            rules.restrict_self().map(drop).map_err(io::Error::other)
        })?;
        self.step("give up capabilities", |_| capabilities::drop_all())?;
        self.step("use a filter of system calls", |this| this.filters.install())
    }

    fn step(&mut self, what: &'static str, act: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        act(self).map_err(|error| {
            // Where nobody reads it the number has to do.
            let _ = rustix::io::write(&self.told, what.as_bytes());
            // Only a number of the system reaches the supervisor.
            io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EPERM))
        })
    }
}

impl Told {
    /// Why the start failed, if it was because of the restriction.
    pub(in crate::sandbox::supervisor) fn failure(self, error: &io::Error) -> Option<Failed> {
        let mut what = String::new();
        // The child is gone, so all is there; where it wrote nothing, there is nothing to read.
        let _ = std::fs::File::from(self.0).read_to_string(&mut what);
        (!what.is_empty()).then(|| Failed::new(Step::Profile, error, what))
    }
}

/// A signal that the host ignores is not ignored by the command.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: handlers are only taken away. It fails for the two that nobody can handle.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
