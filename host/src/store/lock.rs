//! Who leads a run. A process id is never believed: it may belong to another process by now, a lock cannot.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::{directory, error::StoreError, run::RunRow, state::State};
use crate::names::RunId;

/// How long a lock is tried for: somebody who only looks holds it for microseconds, a leader for the whole run.
const LOOK: Duration = Duration::from_millis(100);

/// Held by the host that leads a run. The system takes it back when the process ends, however it ends.
///
/// The descriptor is closed by `exec`. A child that is forked and does not `exec` has to close it, or the run looks led for as long as
/// that child lives once this process was killed.
#[derive(Debug)]
pub struct RunLock {
    run: RunId,
    descriptor: OwnedFd,
}

impl RunLock {
    /// The run.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // To close it would not be enough: a child that another thread starts has a copy of it until it is at its `exec`.
        let _ = flock(&self.descriptor, FlockOperation::Unlock);
    }
}

impl State {
    /// Become the leader of a run that exists, to finish what its host left. [`StoreError::RunHeld`] where somebody leads it.
    pub fn lock_run(&self, run: &RunId) -> Result<RunLock, StoreError> {
        directory::make(&self.layout().run(run))?;
        let until = Instant::now() + LOOK;
        loop {
            if let Some(descriptor) = self.try_lock(run, OFlags::CREATE, FlockOperation::NonBlockingLockExclusive)? {
                return Ok(RunLock { run: run.clone(), descriptor });
            }
            if Instant::now() >= until {
                return Err(StoreError::RunHeld(run.clone()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Runs that have not ended and that nobody leads: their host died. Oldest first; a run whose folder is gone is one of them.
    pub fn abandoned_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut abandoned = Vec::new();
        for row in self.runs_not_ended()? {
            if !self.is_led(&row.id)? {
                abandoned.push(row);
            }
        }
        Ok(abandoned)
    }

    /// Whether a process leads this run now.
    pub fn is_led(&self, run: &RunId) -> Result<bool, StoreError> {
        match self.try_lock(run, OFlags::empty(), FlockOperation::NonBlockingLockShared) {
            Ok(lock) => Ok(lock.is_none()),
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn try_lock(&self, run: &RunId, create: OFlags, lock: FlockOperation) -> Result<Option<OwnedFd>, StoreError> {
        let path = self.layout().lock(run);
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | create;
        let descriptor = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| StoreError::io("opened", &path, error))?;
        match flock(&descriptor, lock) {
            Ok(()) => Ok(Some(descriptor)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StoreError::io("locked", path, error)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::{ReasonCode, RunStatus, run::tests::new_run};

    #[test]
    fn a_run_whose_host_is_gone_is_abandoned_until_it_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let led = state.create_run(&new_run("led")).unwrap();
        let lost = state.create_run(&new_run("lost")).unwrap();
        assert_eq!(state.abandoned_runs().unwrap(), []);
        assert!(matches!(state.lock_run(led.run()), Err(StoreError::RunHeld(run)) if run == *led.run()));
        drop(lost);
        let names: Vec<_> = state.abandoned_runs().unwrap().into_iter().map(|row| row.id.to_string()).collect();
        assert_eq!(names, ["lost"]);
        let reaper = state.lock_run(&"lost".parse().unwrap()).unwrap();
        assert_eq!(state.abandoned_runs().unwrap(), [], "who finishes a run leads it");
        state.finish_run(reaper.run(), RunStatus::Unknown, ReasonCode::HostLost, "").unwrap();
        drop(reaper);
        assert_eq!(state.abandoned_runs().unwrap(), []);
    }

    #[test]
    fn a_run_without_its_folder_is_abandoned() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        drop(state.create_run(&new_run("gone")).unwrap());
        std::fs::remove_dir_all(state.layout().run(&"gone".parse().unwrap())).unwrap();
        assert_eq!(state.abandoned_runs().unwrap().len(), 1);
    }

    #[test]
    fn the_lock_does_not_pass_to_a_program_that_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        assert!(rustix::io::fcntl_getfd(&lock.descriptor).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[test]
    fn a_child_that_is_about_to_become_another_program_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        // What such a child has.
        let _copy = lock.descriptor.try_clone().unwrap();
        drop(lock);
        assert!(!state.is_led(&"one".parse().unwrap()).unwrap());
    }

    /// This very test again, in another process.
    pub(in crate::store) fn in_another_process(test: &str, state: &std::path::Path) -> std::process::Command {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(OTHER, state);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
        command
    }

    /// Names the state directory to the other process.
    pub(in crate::store) const OTHER: &str = "WORLDFLUX_TEST_STATE";

    #[test]
    fn a_host_that_is_killed_leaves_its_run_to_others() {
        if let Some(path) = std::env::var_os(OTHER) {
            let state = State::open(path.as_ref()).unwrap();
            let _lock = state.create_run(&new_run("killed")).unwrap();
            std::io::stdin().read_line(&mut String::new()).unwrap();
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let run: RunId = "killed".parse().unwrap();
        let mut host =
            in_another_process("store::lock::tests::a_host_that_is_killed_leaves_its_run_to_others", folder.path()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while state.run(&run).is_err() {
            assert!(Instant::now() < until && host.try_wait().unwrap().is_none(), "the other process did not begin its run");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(state.is_led(&run).unwrap());
        assert!(matches!(state.lock_run(&run), Err(StoreError::RunHeld(_))));
        host.kill().unwrap();
        host.wait().unwrap();
        assert_eq!(state.abandoned_runs().unwrap().len(), 1);
        state.lock_run(&run).unwrap();
    }
}
