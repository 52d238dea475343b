//! The lock on an environment's folder.

use std::{os::fd::OwnedFd, path::Path};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, stat};

use crate::store::error::StoreError;

/// How an environment is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grip {
    /// By a user, beside other users.
    Shared,
    /// By the one who builds or removes it.
    Exclusive,
}

/// The folder of an environment, held until dropped. Closed by `exec`.
#[derive(Debug)]
pub(super) struct Hold {
    descriptor: OwnedFd,
}

/// What came of trying.
#[derive(Debug)]
pub(super) enum Attempt {
    Held(Hold),
    /// Somebody else holds it in a way that does not go together.
    Taken,
    /// There is no such folder.
    Gone,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // To close it would not be enough: a child that another thread starts has a copy of it until it is at its `exec`.
        let _ = flock(&self.descriptor, FlockOperation::Unlock);
    }
}

impl Hold {
    /// Try, without waiting, to hold `folder`.
    pub(super) fn attempt(folder: &Path, grip: Grip) -> Result<Attempt, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = match rustix::fs::open(folder, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::NOENT) => return Ok(Attempt::Gone),
            Err(error) => return Err(StoreError::io("opened", folder, error)),
        };
        let hold = Self { descriptor };
        if !hold.change(folder, grip)? {
            return Ok(Attempt::Taken);
        }
        // The folder may have been removed between opening and locking; what is locked then is a folder that nobody can reach.
        let mine = fstat(&hold.descriptor).map_err(|error| StoreError::io("read", folder, error))?;
        match stat(folder) {
            Ok(there) if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino) => Ok(Attempt::Held(hold)),
            Ok(_) | Err(rustix::io::Errno::NOENT) => Ok(Attempt::Gone),
            Err(error) => Err(StoreError::io("read", folder, error)),
        }
    }

    /// Hold it in another way. `false` where somebody else is in the way; then it is not held at all any more (flock(2)).
    pub(super) fn change(&self, folder: &Path, grip: Grip) -> Result<bool, StoreError> {
        let operation = match grip {
            Grip::Shared => FlockOperation::NonBlockingLockShared,
            Grip::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&self.descriptor, operation) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(StoreError::io("locked", folder, error)),
        }
    }
}
