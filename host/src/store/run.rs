//! Runs: one row each, from before anything is made until after everything is released.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::PathBuf,
};

use rusqlite::{OptionalExtension as _, Row, named_params, types::Type};
use serde::Serialize;

use super::{
    directory,
    error::StoreError,
    lock::RunLock,
    state::{Durability, State},
    status::{ReasonCode, RunStatus},
};
use crate::names::{Digest, Moment, RunId};

/// A run that is about to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The caller's own name for it; equal when the caller tries again.
    pub client_run_id: String,
    /// What is launched, as the caller names it; may be empty.
    pub adapter_id: String,
    /// The kind of work; may be empty.
    pub task: String,
    /// Name of the runtime as it was asked for.
    pub runtime: String,
    /// The component, where one was found.
    pub plugin_digest: Option<Digest>,
    /// What the user typed.
    pub command: Vec<String>,
    /// The first step.
    pub step: String,
    /// Where the results go, absolute.
    pub output_dir: PathBuf,
}

/// A run as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The caller's own name for it.
    pub client_run_id: String,
    /// What is launched, as the caller names it; may be empty.
    pub adapter_id: String,
    /// The kind of work; may be empty.
    pub task: String,
    /// Name of the runtime as it was asked for.
    pub runtime: String,
    /// The component, where one was found.
    pub plugin_digest: Option<Digest>,
    /// What the user typed.
    pub command: Vec<String>,
    /// What became of it.
    pub status: RunStatus,
    /// Why.
    pub reason: ReasonCode,
    /// One sentence about why; may be empty.
    pub message: String,
    /// The step it is at, or was at last.
    pub step: String,
    /// When it was written down.
    pub created_at: Moment,
    /// When everything was over; `None` while it is not.
    pub ended_at: Option<Moment>,
    /// Where the results go.
    pub output_dir: PathBuf,
    /// The host that began it. Only to be shown: a number says nothing about whether that process still lives.
    pub host_pid: u32,
}

/// Which runs to list. The default lists all.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only with this status.
    pub status: Option<RunStatus>,
    /// Only of this runtime.
    pub runtime: Option<String>,
    /// Only with this name given by the caller.
    pub client_run_id: Option<String>,
}

const COLUMNS: &str = "id, client_run_id, adapter_id, task, runtime, plugin_digest, command, status, reason, message, step, created_at, \
                       ended_at, output_dir, host_pid";

impl State {
    /// Write a run down, make its folder and lead it. The row is never seen without its leader.
    ///
    /// [`StoreError::Conflict`] where a run of this id exists, whatever its status.
    pub fn create_run(&self, run: &NewRun) -> Result<RunLock, StoreError> {
        let folder = self.layout().run(&run.id);
        directory::make(&folder)?;
        if self.layout().record(&run.id).exists() || self.layout().manifest(&run.id).exists() {
            return Err(StoreError::Conflict(run.id.clone()));
        }
        let lock = self.lock_run(&run.id).map_err(|error| match error {
            StoreError::RunHeld(run) => StoreError::Conflict(run),
            other => other,
        })?;
        let sql = "INSERT INTO runs (id, client_run_id, adapter_id, task, runtime, plugin_digest, command, status, reason, step, \
                   created_at, output_dir, host_pid) VALUES (:id, :client, :adapter, :task, :runtime, :digest, :command, :status, \
                   :reason, :step, :created, :output, :pid) ON CONFLICT (id) DO NOTHING";
        let added = self.write(Durability::Ordinary, |transaction| {
            let values = named_params! {
                ":id": run.id.as_str(), ":client": run.client_run_id, ":adapter": run.adapter_id, ":task": run.task,
                ":runtime": run.runtime, ":digest": run.plugin_digest.map(|digest| digest.to_string()),
                ":command": serde_json::Value::from(run.command.clone()).to_string(),
                ":status": RunStatus::Queued.word(), ":reason": ReasonCode::None.word(), ":step": run.step,
                ":created": Moment::now().unix_millis(), ":output": run.output_dir.as_os_str().as_bytes(), ":pid": std::process::id(),
            };
            transaction.prepare_cached(sql).and_then(|mut insert| insert.execute(values)).map_err(self.failed())
        })?;
        if added == 0 {
            return Err(StoreError::Conflict(run.id.clone()));
        }
        directory::make(&self.layout().logs(&run.id))?;
        Ok(lock)
    }

    /// The run goes on to this step; a queued run is running from here on.
    pub fn set_step(&self, run: &RunId, step: &str) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET step = ?2, status = ?3 WHERE id = ?1 AND ended_at IS NULL";
        self.change_run(Durability::Ordinary, run, sql, (run.as_str(), step, RunStatus::Running.word()))
    }

    /// Everything is over. On disk when this returns. A run that has ended already keeps its first ending.
    pub fn finish_run(&self, run: &RunId, status: RunStatus, reason: ReasonCode, message: &str) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET status = coalesce(iif(ended_at IS NULL, ?2, NULL), status), \
                   reason = iif(ended_at IS NULL, ?3, reason), message = iif(ended_at IS NULL, ?4, message), \
                   ended_at = coalesce(ended_at, ?5) WHERE id = ?1";
        let values = (run.as_str(), status.word(), reason.word(), message, Moment::now().unix_millis());
        self.change_run(Durability::Durable, run, sql, values)
    }

    /// One run.
    pub fn run(&self, run: &RunId) -> Result<RunRow, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"))?;
            select.query_row([run.as_str()], from_row).optional()
        })?
        .ok_or_else(|| StoreError::NoSuchRun(run.to_string()))
    }

    /// The run whose id is `text`, or begins with it if only one does; the newest for `last`.
    pub fn resolve_run(&self, text: &str) -> Result<RunRow, StoreError> {
        let missing = || StoreError::NoSuchRun(text.escape_debug().take(100).collect());
        if text == "last" {
            return self.runs(&RunFilter::default(), 1)?.pop().ok_or_else(missing);
        }
        // A prefix follows the same rules as an id, so whatever is no id cannot be the beginning of one.
        let prefix: RunId = text.parse().map_err(|_| missing())?;
        if let Ok(row) = self.run(&prefix) {
            return Ok(row);
        }
        let mut found = self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY created_at DESC, rowid DESC");
            connection.prepare_cached(&sql)?.query_map([prefix.as_str()], from_row)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        match found.as_slice() {
            [] => Err(missing()),
            [_] => found.pop().ok_or_else(missing),
            [first, second, ..] => {
                let (first, second) = (first.id.clone(), second.id.clone());
                Err(StoreError::Ambiguous { prefix: text.to_owned(), count: found.len(), first, second })
            }
        }
    }

    /// Runs, newest first, at most `limit`.
    pub fn runs(&self, filter: &RunFilter, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR runtime = ?2) \
                 AND (?3 IS NULL OR client_run_id = ?3) ORDER BY created_at DESC, rowid DESC LIMIT ?4"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let values = (filter.status.map(RunStatus::word), &filter.runtime, &filter.client_run_id, limit);
            connection.prepare_cached(&sql)?.query_map(values, from_row)?.collect()
        })
    }

    /// The output directories of all runs, each once.
    pub fn output_dirs(&self) -> Result<BTreeSet<PathBuf>, StoreError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT DISTINCT output_dir FROM runs")?;
            select.query_map((), |row| row.get::<_, Vec<u8>>(0).map(|path| PathBuf::from(OsString::from_vec(path))))?.collect()
        })
    }

    /// Runs that have not ended, oldest first.
    pub(super) fn runs_not_ended(&self) -> Result<Vec<RunRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE ended_at IS NULL ORDER BY created_at, rowid");
            connection.prepare_cached(&sql)?.query_map((), from_row)?.collect()
        })
    }

    fn change_run(&self, durability: Durability, run: &RunId, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        let changed = self.write(durability, |transaction| {
            transaction.prepare_cached(sql).and_then(|mut update| update.execute(values)).map_err(self.failed())
        })?;
        if changed == 0 {
            // Either there is no such run, or it has ended and stays as it is.
            self.run(run)?;
        }
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: parsed(row, "id")?,
        client_run_id: row.get("client_run_id")?,
        adapter_id: row.get("adapter_id")?,
        task: row.get("task")?,
        runtime: row.get("runtime")?,
        plugin_digest: parsed_option(row, "plugin_digest")?,
        command: json(row, "command")?,
        status: parsed(row, "status")?,
        reason: parsed(row, "reason")?,
        message: row.get("message")?,
        step: row.get("step")?,
        created_at: Moment::from_unix_millis(row.get("created_at")?),
        ended_at: row.get::<_, Option<i64>>("ended_at")?.map(Moment::from_unix_millis),
        output_dir: PathBuf::from(OsString::from_vec(row.get("output_dir")?)),
        host_pid: row.get("host_pid")?,
    })
}

/// A column whose text has a form of its own.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: ToString>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| unreadable(column, &error.to_string()))
}

/// A column that is empty or has a form of its own.
pub(super) fn parsed_option<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err: ToString>,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| unreadable(column, &error.to_string()))).transpose()
}

/// A column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, &error.to_string()))
}

fn unreadable(column: &str, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, format!("column {column}: {why}").into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store) fn new_run(id: &str) -> NewRun {
        NewRun {
            id: id.parse().unwrap(),
            client_run_id: "client".into(),
            adapter_id: String::new(),
            task: "train".into(),
            runtime: "local".into(),
            plugin_digest: Some(Digest::of(b"plugin")),
            command: vec!["python".into(), "-c".into(), "print('ä\n')".into()],
            step: "doctor".into(),
            output_dir: PathBuf::from(OsString::from_vec(b"/out/\xff".to_vec())),
        }
    }

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        (folder, state)
    }

    #[test]
    fn a_run_is_read_back_as_it_was_written() {
        let (_folder, state) = state();
        let new = new_run("one");
        let lock = state.create_run(&new).unwrap();
        let row = state.run(lock.run()).unwrap();
        assert_eq!((row.status, row.step.as_str(), row.ended_at), (RunStatus::Queued, "doctor", None));
        assert_eq!((&row.command, &row.output_dir, row.plugin_digest), (&new.command, &new.output_dir, new.plugin_digest));
        state.set_step(lock.run(), "start").unwrap();
        let row = state.run(lock.run()).unwrap();
        assert_eq!((row.status, row.step.as_str()), (RunStatus::Running, "start"));
        state.finish_run(lock.run(), RunStatus::Failed, ReasonCode::ExitCode, "exit code 3").unwrap();
        let row = state.run(lock.run()).unwrap();
        assert_eq!((row.status, row.reason, row.message.as_str()), (RunStatus::Failed, ReasonCode::ExitCode, "exit code 3"));
        assert!(row.ended_at.is_some_and(|ended| ended >= row.created_at));
    }

    #[test]
    fn a_run_ends_once() {
        let (_folder, state) = state();
        let lock = state.create_run(&new_run("one")).unwrap();
        state.finish_run(lock.run(), RunStatus::Cancelled, ReasonCode::Cancelled, "").unwrap();
        state.finish_run(lock.run(), RunStatus::Succeeded, ReasonCode::None, "").unwrap();
        state.set_step(lock.run(), "start").unwrap();
        assert_eq!(state.run(lock.run()).unwrap().status, RunStatus::Cancelled);
    }

    #[test]
    fn a_second_run_of_the_same_id_is_a_conflict_that_names_it() {
        let (_folder, state) = state();
        let lock = state.create_run(&new_run("one")).unwrap();
        assert!(matches!(state.create_run(&new_run("one")), Err(StoreError::Conflict(run)) if run.as_str() == "one"));
        drop(lock);
        let error = state.create_run(&new_run("one")).unwrap_err();
        assert_eq!(error.to_string(), "run `one` exists already");
        std::fs::create_dir_all(state.layout().run(&"two".parse().unwrap())).unwrap();
        std::fs::write(state.layout().record(&"two".parse().unwrap()), "").unwrap();
        assert!(matches!(state.create_run(&new_run("two")), Err(StoreError::Conflict(_))), "an older record is not overwritten");
    }

    #[test]
    fn of_many_that_create_the_same_run_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| State::open(folder.path()).unwrap().create_run(&new_run("one")))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(StoreError::Conflict(_)))), "{outcomes:?}");
    }

    #[test]
    fn a_run_that_does_not_exist_is_named() {
        let (_folder, state) = state();
        let run = "none".parse().unwrap();
        for outcome in
            [state.run(&run).map(drop), state.set_step(&run, "x"), state.finish_run(&run, RunStatus::Failed, ReasonCode::Lost, "")]
        {
            assert!(matches!(outcome, Err(StoreError::NoSuchRun(name)) if name == "none"));
        }
    }

    #[test]
    fn a_prefix_names_a_run_only_if_it_is_the_only_one() {
        let (_folder, state) = state();
        assert!(matches!(state.resolve_run("last"), Err(StoreError::NoSuchRun(_))));
        for id in ["ab_1", "ab_2", "abc", "ab"] {
            drop(state.create_run(&new_run(id)).unwrap());
        }
        let found = |text: &str| state.resolve_run(text).map(|row| row.id.to_string());
        assert_eq!(found("abc").unwrap(), "abc");
        assert_eq!(found("ab").unwrap(), "ab", "the whole id wins over longer ones");
        assert_eq!(found("ab_1").unwrap(), "ab_1", "a letter of an id is no pattern");
        assert_eq!(found("last").unwrap(), "ab");
        assert!(matches!(found("ab_"), Err(StoreError::Ambiguous { count: 2, .. })));
        for text in ["", "%", "x", "../ab", "AB"] {
            assert!(matches!(found(text), Err(StoreError::NoSuchRun(_))), "{text}");
        }
    }

    #[test]
    fn runs_are_listed_newest_first_and_filtered() {
        let (_folder, state) = state();
        for id in ["c", "a", "b"] {
            let mut new = new_run(id);
            new.runtime = if id == "a" { "docker".into() } else { "local".into() };
            let lock = state.create_run(&new).unwrap();
            if id == "c" {
                state.finish_run(lock.run(), RunStatus::Succeeded, ReasonCode::None, "").unwrap();
            }
        }
        let ids = |filter: RunFilter, limit| -> Vec<String> {
            state.runs(&filter, limit).unwrap().into_iter().map(|row| row.id.to_string()).collect()
        };
        assert_eq!(ids(RunFilter::default(), 10), ["b", "a", "c"]);
        assert_eq!(ids(RunFilter::default(), 2), ["b", "a"]);
        assert_eq!(ids(RunFilter { runtime: Some("docker".into()), ..RunFilter::default() }, 10), ["a"]);
        assert_eq!(ids(RunFilter { status: Some(RunStatus::Succeeded), ..RunFilter::default() }, 10), ["c"]);
    }
}
