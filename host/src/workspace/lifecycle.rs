//! The folder of a session: made, filled, emptied and taken away.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{Left, Root, WorkspaceError};

/// A folder for commands to work in. It stays the same folder from [`Workspace::prepare`] to [`Workspace::cleanup`]: whoever runs in it goes
/// on running in it when it is reset.
///
/// Dropped without a cleanup, it stays on the disk: what was to become of it, only its owner knows.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    Ready(Root),
    Gone,
}

/// How a cleanup went.
#[derive(Debug, Default)]
#[must_use]
pub struct Cleanup {
    /// What could not be removed, and why. Empty when nothing is left.
    pub left: Vec<Left>,
}

impl Workspace {
    /// One that will be a new folder in `parent`, with a name of its own.
    #[must_use]
    pub fn new_in(parent: &Path) -> Self {
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            random = u64::from(std::process::id()).to_le_bytes();
        }
        Self { path: parent.join(format!("workspace-{:016x}", u64::from_le_bytes(random))), state: State::New }
    }

    /// One that will be at `path`, where nothing may be yet.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self { path, state: State::New }
    }

    /// Where it is, or will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Make the folder, for its owner alone, and have it filled. Where that fails nothing is left of it.
    pub fn prepare(&mut self, fill: impl FnOnce(&Root) -> Result<(), WorkspaceError>) -> Result<&Root, WorkspaceError> {
        match self.state {
            State::New => {}
            State::Ready(_) => return Err(WorkspaceError::AlreadyPrepared { path: self.path.clone() }),
            State::Gone => return Err(WorkspaceError::CleanedUp { path: self.path.clone() }),
        }
        let failed = |cause| WorkspaceError::Folder { path: self.path.clone(), cause };
        // Exclusive: a folder that is there belongs to somebody.
        fs::DirBuilder::new().mode(0o700).create(&self.path).map_err(failed)?;
        let root = Root::open_real(&self.path)?;
        if let Err(error) = fill(&root) {
            let _ = root.empty();
            let _ = fs::remove_dir(&self.path);
            return Err(error);
        }
        self.state = State::Ready(root);
        self.root()
    }

    /// The folder, held open.
    pub fn root(&self) -> Result<&Root, WorkspaceError> {
        match &self.state {
            State::New => Err(WorkspaceError::NotPrepared { path: self.path.clone() }),
            State::Ready(root) => Ok(root),
            State::Gone => Err(WorkspaceError::CleanedUp { path: self.path.clone() }),
        }
    }

    /// Take everything out of the folder and have it filled again. The folder itself stays.
    pub fn reset(&self, fill: impl FnOnce(&Root) -> Result<(), WorkspaceError>) -> Result<(), WorkspaceError> {
        let root = self.root()?;
        let left = root.empty();
        if let Some(first) = left.first() {
            return Err(WorkspaceError::NotEmpty { root: self.path.clone(), path: first.path.clone(), cause: first.why.clone() });
        }
        fill(root)
    }

    /// Remove the folder with everything in it. Goes on after whatever cannot be removed, and says what that is. Doing it twice, or before
    /// the folder was made, is harmless; what could not be removed is tried again.
    pub fn cleanup(&mut self) -> Cleanup {
        let State::Ready(root) = &self.state else {
            self.state = State::Gone;
            return Cleanup::default();
        };
        let mut left = root.empty();
        if left.is_empty() {
            match fs::remove_dir(&self.path) {
                Ok(()) => {}
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
                Err(cause) => left.push(Left { path: self.path.display().to_string(), why: cause.to_string() }),
            }
        }
        if left.is_empty() {
            self.state = State::Gone;
        }
        Cleanup { left }
    }
}
