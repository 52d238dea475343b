//! How another process asks a run to stop: one byte in a FIFO of the run's folder, which only the owner of the state directory can write.

use std::{io, os::unix::fs::FileTypeExt as _, path::PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use tokio::net::unix::pipe;

use super::{error::StoreError, state::State};
use crate::names::RunId;

/// What a run is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// End the command gently, then finish the run.
    Stop,
    /// End the command at once, then finish the run.
    Kill,
}

/// Whether somebody was there to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The run's host has been asked.
    Delivered,
    /// No host listens: the run has ended, or its host is gone.
    NotRunning,
}

impl Control {
    const fn byte(self) -> u8 {
        match self {
            Self::Stop => b's',
            Self::Kill => b'k',
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b's' => Some(Self::Stop),
            b'k' => Some(Self::Kill),
            _ => None,
        }
    }
}

/// The side of the host. Removes the FIFO when dropped.
#[derive(Debug)]
pub struct ControlReceiver {
    path: PathBuf,
    pipe: pipe::Receiver,
}

impl ControlReceiver {
    /// Listen for this run. Only its leader does; needs a tokio runtime.
    pub fn create(state: &State, run: &RunId) -> Result<Self, StoreError> {
        let path = state.layout().control(run);
        // A FIFO that a former leader left is ours now: only the leader listens, and only one process leads.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io("replaced", path, error)),
            _ => {}
        }
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(|error| StoreError::io("made", &path, error))?;
        // With a write end of its own the pipe never ends, so a sender that has gone is not an end of file.
        let pipe =
            pipe::OpenOptions::new().read_write(true).open_receiver(&path).map_err(|error| StoreError::io("opened", &path, error))?;
        Ok(Self { path, pipe })
    }

    /// Wait until somebody asks. Cancelling the wait loses nothing. Bytes that mean nothing are passed over.
    pub async fn recv(&mut self) -> Result<Control, StoreError> {
        loop {
            self.pipe.readable().await.map_err(|error| StoreError::io("read", &self.path, error))?;
            let mut byte = [0];
            match self.pipe.try_read(&mut byte) {
                Ok(1..) => {
                    if let Some(control) = Control::from_byte(byte[0]) {
                        return Ok(control);
                    }
                }
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(StoreError::io("read", &self.path, error)),
            }
        }
    }
}

impl Drop for ControlReceiver {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl State {
    /// Ask the host of a run to stop it. Returns at once; what became of it is in the run's row.
    pub fn send_control(&self, run: &RunId, control: Control) -> Result<Delivery, StoreError> {
        let path = self.layout().control(run);
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let pipe = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(descriptor) => std::fs::File::from(descriptor),
            // NXIO: a FIFO that nobody reads. NOENT: none.
            Err(rustix::io::Errno::NXIO | rustix::io::Errno::NOENT) => return Ok(Delivery::NotRunning),
            Err(error) => return Err(StoreError::io("opened", path, error)),
        };
        let failed = |error| StoreError::io("written", &path, error);
        if !pipe.metadata().map_err(failed)?.file_type().is_fifo() {
            return Err(StoreError::Malformed { path: path.clone(), expected: "a FIFO", why: "it is something else".into() });
        }
        match rustix::io::write(&pipe, &[control.byte()]) {
            // A full pipe: 65,536 requests wait already, so the host will be asked.
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(Delivery::Delivered),
            Err(rustix::io::Errno::PIPE) => Ok(Delivery::NotRunning),
            Err(error) => Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::run::tests::new_run;

    #[tokio::test]
    async fn requests_arrive_in_order_and_only_while_somebody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        assert_eq!(state.send_control(lock.run(), Control::Stop).unwrap(), Delivery::NotRunning);
        let mut receiver = ControlReceiver::create(&state, lock.run()).unwrap();
        let other = State::open(folder.path()).unwrap();
        assert_eq!(other.send_control(lock.run(), Control::Stop).unwrap(), Delivery::Delivered);
        assert_eq!(other.send_control(lock.run(), Control::Kill).unwrap(), Delivery::Delivered);
        std::fs::OpenOptions::new().write(true).open(state.layout().control(lock.run())).map(drop).unwrap();
        assert_eq!(receiver.recv().await.unwrap(), Control::Stop);
        assert_eq!(receiver.recv().await.unwrap(), Control::Kill);
        drop(receiver);
        assert_eq!(other.send_control(lock.run(), Control::Stop).unwrap(), Delivery::NotRunning);
    }

    #[tokio::test]
    async fn bytes_that_mean_nothing_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        let mut receiver = ControlReceiver::create(&state, lock.run()).unwrap();
        std::fs::write(state.layout().control(lock.run()), "\0xyk").unwrap();
        assert_eq!(receiver.recv().await.unwrap(), Control::Kill);
    }

    #[tokio::test]
    async fn a_fifo_of_a_dead_host_is_not_a_listener_and_can_be_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        rustix::fs::mknodat(CWD, state.layout().control(lock.run()), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(state.send_control(lock.run(), Control::Kill).unwrap(), Delivery::NotRunning);
        let _receiver = ControlReceiver::create(&state, lock.run()).unwrap();
        assert_eq!(state.send_control(lock.run(), Control::Kill).unwrap(), Delivery::Delivered);
    }
}
