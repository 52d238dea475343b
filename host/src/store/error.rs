//! What can go wrong with the state directory, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

use super::environment::EnvironmentId;
use crate::names::{Bytes, RunId};

/// What went wrong in the state directory. The text names the thing; [`StoreError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is not safe to keep state in.
    #[error("state directory `{}` cannot be used: {why}", path.display())]
    UnsafeDirectory {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer program wrote the state.
    #[error("`{}` has state of version {found}, this program knows versions up to {known}", path.display())]
    NewerState {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest known version.
        known: i64,
    },
    /// The file is a database, but not this program's.
    #[error("`{}` is a database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged or no database.
    #[error("`{}` is damaged: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was seen.
        why: String,
    },
    /// Another process held the database or a lock for too long.
    #[error("`{}` is in use by another process and stayed so for {seconds} seconds", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The record of a run has no place for what is to be done next.
    #[error("the record `{}` has the {limit} that it may have", path.display())]
    RecordFull {
        /// The record.
        path: PathBuf,
        /// The most that it may have.
        limit: Bytes,
    },
    /// No space is left.
    #[error("no space is left for `{}`", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The file system or the permissions forbid it.
    #[error("`{}` cannot be {action}: {source}", path.display())]
    Forbidden {
        /// What was being done: "written".
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another failure of the file system.
    #[error("`{}` cannot be {action}: {source}", path.display())]
    Io {
        /// What was being done: "written".
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another failure of the database.
    #[error("`{}`: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// A run of this id exists.
    #[error("run `{0}` exists already")]
    Conflict(RunId),
    /// No such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// The text is the beginning of several run ids.
    #[error("`{prefix}` is the beginning of {count} runs, among them `{first}` and `{second}`")]
    Ambiguous {
        /// What was typed.
        prefix: String,
        /// How many there are.
        count: usize,
        /// One of them.
        first: RunId,
        /// Another.
        second: RunId,
    },
    /// Another host process leads this run.
    #[error("run `{0}` is led by another process")]
    RunHeld(RunId),
    /// No such execution.
    #[error("run `{run}` has no execution {index}")]
    NoSuchExecution {
        /// The run.
        run: RunId,
        /// The number asked for.
        index: u32,
    },
    /// An execution of this number was begun before.
    #[error("run `{run}` has begun execution {index} already")]
    ExecutionExists {
        /// The run.
        run: RunId,
        /// Its number.
        index: u32,
    },
    /// No such environment.
    #[error("there is no environment `{0}`")]
    NoSuchEnvironment(EnvironmentId),
    /// A number that JSON cannot hold.
    #[error("the manifest's `{field}` is {value}: expected a finite number")]
    NotFinite {
        /// Path of the field, with dots.
        field: String,
        /// What it is.
        value: f64,
    },
    /// A metadata key that would hide what the host says.
    #[error("metadata key `{0}` is a leaf of the host in the manifest's `runtime`")]
    ReservedKey(String),
    /// The document cannot be understood.
    #[error("`{}` is not {expected}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be: "a run manifest".
        expected: &'static str,
        /// What is wrong, with line and column where known.
        why: String,
    },
    /// The record cannot be continued.
    #[error(transparent)]
    Record(#[from] super::record::RecordError),
}

impl StoreError {
    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::UnsafeDirectory { path, .. } => {
                format!("make it a folder of your own with mode 0700 (`chmod 700 {}`), or choose another state directory", path.display())
            }
            Self::NewerState { .. } => "use the newer version of worldflux, or another state directory".into(),
            Self::Foreign { path } | Self::Corrupt { path, .. } => {
                format!("move `{}` away to start with an empty state, or restore it from a backup; folders of runs stay", path.display())
            }
            Self::Busy { .. } => "wait for the other worldflux process to end, or end it, and try again".into(),
            Self::Full { .. } => "free some space (`worldflux env prune` removes kept environments) and try again".into(),
            Self::RecordFull { .. } => "the plugin asked for more than one run may; tell its author".into(),
            Self::Forbidden { .. } => "check owner, mode and mount of that place, or choose another state directory".into(),
            Self::Io { .. } | Self::Database { .. } => "check the disk that holds that place, and try again".into(),
            Self::Conflict(_) => "choose another run id, or leave it out to get a new one".into(),
            Self::NoSuchRun(_) => "`worldflux runs` lists the runs that exist".into(),
            Self::Ambiguous { .. } => "type more of the run id; `worldflux runs` lists them".into(),
            Self::RunHeld(run) => format!("`worldflux kill {run}` asks that process to end the run"),
            Self::NoSuchExecution { run, .. } | Self::ExecutionExists { run, .. } => {
                format!("`worldflux status {run}` shows its executions")
            }
            Self::NoSuchEnvironment(_) => "`worldflux env list` lists the environments that exist".into(),
            Self::NotFinite { field, .. } => format!("leave `{field}` out where there is no number for it"),
            Self::ReservedKey(key) => format!("the plugin has to give its metadata `{key}` another name"),
            Self::Malformed { expected, .. } => format!("give the path of {expected}"),
            Self::Record(error) => error.hint(),
        }
    }

    /// A failure of the file system while `action` was done to `path`.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.into(), source.into());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Forbidden { action, path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// A failure of the database at `path`.
    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { path, why: source.to_string() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, seconds: super::state::PATIENCE.as_secs() },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let kind = io::ErrorKind::PermissionDenied;
                Self::Forbidden { action: "opened for writing", path, source: io::Error::new(kind, source) }
            }
            _ => Self::Database { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_apart() {
        let error = |errno: rustix::io::Errno| StoreError::io("written", "/state/x", errno);
        assert!(matches!(error(rustix::io::Errno::NOSPC), StoreError::Full { .. }));
        assert!(matches!(error(rustix::io::Errno::DQUOT), StoreError::Full { .. }));
        assert!(matches!(error(rustix::io::Errno::ROFS), StoreError::Forbidden { .. }));
        assert!(error(rustix::io::Errno::ACCESS).to_string().starts_with("`/state/x` cannot be written"));
        let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
        assert!(matches!(StoreError::database(Path::new("/state.db"), full), StoreError::Full { .. }));
    }
}
