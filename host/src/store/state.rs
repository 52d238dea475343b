//! The state directory, opened.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::{directory, error::StoreError, layout::Layout, schema};
use crate::names::RuntimeName;

/// How long another process may hold the database before this one gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Pages (4 KiB each) after which the write-ahead log is folded into the database.
///
/// Small, because the first process that opens the database after all others have gone reads the whole log, which is every process of a
/// person who types commands: 256 pages take 2 ms. Not smaller, because folding waits for the disk twice.
const FOLD_AFTER_PAGES: u32 = 48;

/// Prepared statements that are kept; more than the room has.
const STATEMENTS: usize = 64;

/// The state directory of one user. Several processes may have it open at once.
#[derive(Debug)]
pub struct State {
    layout: Layout,
    /// `None` until it is needed: many commands need folders only, and to open a database takes longer than all that they do with them.
    connection: Mutex<Option<Connection>>,
}

/// How surely a change has to be on disk when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives the death of this process, not always a power cut.
    Ordinary,
    /// Survives a power cut, and so does everything written before it: for whatever outlives this machine or costs money.
    Durable,
}

impl State {
    /// Open the state directory at `path`, and its database; make them if they are missing.
    ///
    /// Refuses what [`State::at`] refuses, and a database of another program, a damaged one and one that a newer program wrote; in none of
    /// these cases anything is changed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let state = Self::at(path)?;
        state.connected(|_| Ok(()))?;
        Ok(state)
    }

    /// Open the state directory at `path`; make it, mode 0700, if it is missing. Its database is opened when it is needed first, and whoever
    /// needs it is told what is wrong with it.
    ///
    /// Refuses a symbolic link, a folder of another user, and a folder that others can write; in none of these cases anything is changed.
    pub fn at(path: &Path) -> Result<Self, StoreError> {
        // Absolute, so that the state stays where it is when this process goes to another folder; and by components, because a slash at the
        // end of a link leads through it.
        let path: PathBuf = std::path::absolute(path).map_err(|error| StoreError::io("opened", path, error))?.components().collect();
        directory::make_private(&path)?;
        Ok(Self { layout: Layout::new(path), connection: Mutex::default() })
    }

    /// Where everything is.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The folder for compiled components, which nobody else can enter.
    pub fn cache_folder(&self) -> Result<PathBuf, StoreError> {
        directory::make_private(&self.layout.cache())?;
        Ok(self.layout.cache())
    }

    /// The plugin's own folder, kept across runs.
    pub fn plugin_state_folder(&self, name: &RuntimeName) -> Result<PathBuf, StoreError> {
        let folder = self.layout.plugin_state(name);
        directory::make(&folder)?;
        Ok(folder)
    }

    /// Read with `query`.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.connected(|connection| query(connection).map_err(self.failed()))
    }

    /// Change with `change`: all of it or, after an error, nothing.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let failed = self.failed();
        self.connected(|connection| {
            if durability == Durability::Durable {
                connection.execute_batch("PRAGMA synchronous = FULL").map_err(failed)?;
            }
            let outcome = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed).and_then(|transaction| {
                let value = change(&transaction)?;
                transaction.commit().map_err(failed)?;
                Ok(value)
            });
            if durability == Durability::Durable {
                connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(failed)?;
            }
            outcome
        })
    }

    /// Turn an error of the database into one of this room.
    pub(super) fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError + Copy + '_ {
        |error| StoreError::database(&self.layout.database(), error)
    }

    /// Use the database, which is opened where it was not.
    fn connected<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A thread that panicked inside a transaction has rolled it back by dropping it; the connection itself is sound.
        let mut opened = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *opened {
            Some(connection) => connection,
            none => none.insert(self.connect()?),
        };
        work(connection)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let database = self.layout.database();
        let mut connection = connect(&database)?;
        if !schema::is_current(&connection, &database)? {
            prepare(&mut connection, &self.layout)?;
        }
        Ok(connection)
    }
}

fn connect(database: &Path) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::database(database, error);
    // No URI names: a `?` in the path is a letter, not an option.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Every process of a person who types commands is the last one to close; folding the log in each time would cost two waits for the disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    connection
        .execute_batch(&format!("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {FOLD_AFTER_PAGES}"))
        .map_err(failed)?;
    Ok(connection)
}

/// First use of this folder, or first use by a newer program.
fn prepare(connection: &mut Connection, layout: &Layout) -> Result<(), StoreError> {
    let database = layout.database();
    // SQLite does not wait for another connection while the journal mode is changed, so two first users are kept apart by this lock.
    let _alone = hold(layout.root())?;
    schema::refuse_foreign(connection, &database)?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(|error| StoreError::database(&database, error))?;
    if mode != "wal" {
        let why = format!("the file system cannot share a write-ahead log between processes (journal mode is `{mode}`)");
        return Err(StoreError::UnsafeDirectory { path: layout.root().to_owned(), why });
    }
    schema::migrate(connection, &database)?;
    directory::make(&layout.cache())
}

fn hold(folder: &Path) -> Result<rustix::fd::OwnedFd, StoreError> {
    let failed = |error| StoreError::io("locked", folder, error);
    let descriptor = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let until = Instant::now() + PATIENCE;
    loop {
        match flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(descriptor),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::Busy { path: folder.to_owned(), seconds: PATIENCE.as_secs() });
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, sync::Barrier};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_new_state_directory_is_for_its_owner_alone() {
        let folder = folder();
        let path = folder.path().join("a/b/state");
        State::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("cache")).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_database_is_there_from_its_first_use_on() {
        let folder = folder();
        let state = State::at(folder.path()).unwrap();
        state.cache_folder().unwrap();
        assert!(!state.layout().database().exists());
        assert_eq!(state.runs_not_ended().unwrap(), []);
        assert!(state.layout().database().exists());
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("state.db"), "no database, and long enough to be taken for the header of one".repeat(20)).unwrap();
        let error = State::at(other.path()).unwrap().runs_not_ended().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }

    #[test]
    fn a_link_a_file_and_a_folder_that_others_can_write_are_refused_and_left_alone() {
        let folder = folder();
        let real = folder.path().join("real");
        fs::create_dir(&real).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o770)).unwrap();
        for (path, why) in [(&link, "symbolic link"), (&link.join(""), "symbolic link"), (&file, "not a folder"), (&open, "0770")] {
            let error = State::open(path).unwrap_err();
            assert!(matches!(error, StoreError::UnsafeDirectory { .. }), "{error}");
            assert!(error.to_string().contains(why) && error.to_string().contains(path.to_str().unwrap().trim_end_matches('/')), "{error}");
        }
        assert_eq!(fs::read_dir(&real).unwrap().count() + fs::read_dir(&open).unwrap().count(), 0);
    }

    #[test]
    fn a_place_where_no_folder_can_be_made_is_named() {
        let folder = folder();
        fs::write(folder.path().join("file"), "").unwrap();
        for path in [folder.path().join("file/state"), "/proc/state".into()] {
            let error = State::open(&path).unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap().trim_end_matches('/')), "{error}");
        }
    }

    #[test]
    fn a_newer_state_is_refused_and_not_changed() {
        let folder = folder();
        drop(State::open(folder.path()).unwrap());
        let database = folder.path().join("state.db");
        let newer = Connection::open(&database).unwrap();
        newer.execute_batch("PRAGMA user_version = 1000; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(newer);
        let before = fs::read(&database).unwrap();
        let error = State::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::NewerState { found: 1000, .. }), "{error}");
        assert_eq!(fs::read(&database).unwrap(), before);
    }

    #[test]
    fn what_is_no_database_of_ours_is_refused_and_not_changed() {
        let other = folder();
        Connection::open(other.path().join("state.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(State::open(other.path()).unwrap_err(), StoreError::Foreign { .. }));
        let text = folder();
        let database = text.path().join("state.db");
        fs::write(&database, "this is no database, it is a text that is long enough to look like a header of one".repeat(20)).unwrap();
        let before = fs::read(&database).unwrap();
        let error = State::open(text.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }) && error.to_string().contains("state.db"), "{error}");
        assert_eq!(fs::read(&database).unwrap(), before);
    }

    #[test]
    fn many_first_users_at_once_all_get_the_same_state() {
        for _ in 0..10 {
            let folder = folder();
            let start = Barrier::new(8);
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            State::open(folder.path()).map(drop)
                        })
                    })
                    .collect();
                for thread in threads {
                    thread.join().unwrap().unwrap();
                }
            });
        }
    }

    #[test]
    fn a_failed_change_leaves_nothing() {
        let folder = folder();
        let state = State::open(folder.path()).unwrap();
        let outcome: Result<(), StoreError> = state.write(Durability::Durable, |transaction| {
            transaction.execute("INSERT INTO descriptions VALUES ('d', 'n', '{}')", ()).map_err(state.failed())?;
            Err(StoreError::NoSuchRun("x".into()))
        });
        assert!(outcome.is_err());
        let rows: i64 = state.read(|c| c.query_row("SELECT count(*) FROM descriptions", (), |row| row.get(0))).unwrap();
        assert_eq!(rows, 0);
        let level: i64 = state.read(|c| c.query_row("PRAGMA synchronous", (), |row| row.get(0))).unwrap();
        assert_eq!(level, 1, "ordinary changes stay ordinary after a durable one");
    }

    #[test]
    fn many_first_processes_at_once_all_get_the_same_state() {
        use crate::store::{lock::tests::OTHER, run::tests::new_run};
        if let Some(path) = std::env::var_os(OTHER) {
            let state = State::open(path.as_ref()).unwrap();
            for n in 0..10 {
                state.create_run(&new_run(&format!("run-{}-{n}", std::process::id()))).unwrap();
            }
            return;
        }
        let folder = folder();
        let path = folder.path().join("state");
        let test = "store::state::tests::many_first_processes_at_once_all_get_the_same_state";
        let mut processes: Vec<_> = (0..5).map(|_| crate::store::lock::tests::in_another_process(test, &path).spawn().unwrap()).collect();
        assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()));
        assert_eq!(State::open(&path).unwrap().runs(&crate::store::RunFilter::default(), 100).unwrap().len(), 50);
    }
}
