//! Executions: the commands of a run. A row says `starting` before the plugin is asked to start anything, so that a host which dies in
//! between leaves a trace, and no command is ever started twice.

use rusqlite::{Row, Transaction};
use serde::Serialize;

use super::{
    error::StoreError,
    run::{json, parsed},
    state::{Durability, State},
    status::words,
};
use crate::names::{Ending, RunId};

words! {
    /// Which command of a run this is.
    ExecutionKind {
        /// A setup command.
        Setup = "setup",
        /// A setup command of evaluation mode.
        EvaluationSetup = "evaluation-setup",
        /// A command after a checkpoint was restored.
        Resume = "resume",
        /// The one the user asked for.
        Command = "command",
    }
}

words! {
    /// How far an execution has come.
    ExecutionState {
        /// The plugin is about to be asked, or was asked and has not answered.
        Starting = "starting",
        /// The plugin has answered with a handle.
        Running = "running",
        /// It has ended.
        Ended = "ended",
    }
}

/// An execution that is about to be started.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Its run.
    pub run_id: RunId,
    /// 0 for the first of the run, then counting up.
    pub index: u32,
    /// Which command it is.
    pub kind: ExecutionKind,
    /// Program and arguments.
    pub argv: Vec<String>,
}

/// An execution as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecutionRow {
    /// Its run.
    pub run_id: RunId,
    /// 0 for the first of the run, then counting up.
    pub index: u32,
    /// Which command it is.
    pub kind: ExecutionKind,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// How far it has come.
    pub state: ExecutionState,
    /// The plugin's handle, or the host's for a process of this machine.
    pub handle: Option<String>,
    /// Where the reading of its output stopped; empty at the beginning.
    pub cursor: String,
    /// How it ended.
    pub ending: Option<Ending>,
}

const COLUMNS: &str = "run_id, number, kind, argv, state, handle, cursor, ending";

impl State {
    /// Write down that an execution is about to be started: before the plugin is called. Durable wherever it may start something that does
    /// not end with this machine.
    ///
    /// [`StoreError::ExecutionExists`] where this number was begun before, whatever came of it.
    pub fn begin_execution(&self, execution: &NewExecution, durability: Durability) -> Result<(), StoreError> {
        let (run, index) = (&execution.run_id, execution.index);
        self.write(durability, |transaction| {
            let known = transaction
                .prepare_cached("SELECT 1 FROM runs WHERE id = ?1")
                .and_then(|mut select| select.exists([run.as_str()]))
                .map_err(self.failed())?;
            if !known {
                return Err(StoreError::NoSuchRun(run.to_string()));
            }
            let sql = "INSERT INTO executions (run_id, number, kind, argv, state) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            let argv = serde_json::Value::from(execution.argv.clone()).to_string();
            let values = (run.as_str(), index, execution.kind.word(), argv, ExecutionState::Starting.word());
            match transaction.prepare_cached(sql).and_then(|mut insert| insert.execute(values)).map_err(self.failed())? {
                0 => Err(StoreError::ExecutionExists { run: run.clone(), index }),
                _ => Ok(()),
            }
        })
    }

    /// The plugin has answered: the execution runs and has this handle.
    pub fn execution_started(&self, run: &RunId, index: u32, handle: &str, durability: Durability) -> Result<(), StoreError> {
        let sql = "UPDATE executions SET handle = ?3, state = iif(state = 'ended', state, 'running') WHERE run_id = ?1 AND number = ?2";
        self.write(durability, |transaction| self.change(transaction, run, index, sql, (run.as_str(), index, handle)))
    }

    /// The output up to this cursor is in the log.
    pub fn execution_read_to(&self, run: &RunId, index: u32, cursor: &str) -> Result<(), StoreError> {
        let sql = "UPDATE executions SET cursor = ?3 WHERE run_id = ?1 AND number = ?2";
        self.write(Durability::Ordinary, |transaction| self.change(transaction, run, index, sql, (run.as_str(), index, cursor)))
    }

    /// It has ended. The first ending stays.
    pub fn execution_ended(&self, run: &RunId, index: u32, ending: &Ending) -> Result<(), StoreError> {
        let sql = "UPDATE executions SET state = 'ended', ending = coalesce(ending, ?3) WHERE run_id = ?1 AND number = ?2";
        let ending = serde_json::to_string(ending).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()));
        let ending = ending.map_err(self.failed())?;
        self.write(Durability::Ordinary, |transaction| self.change(transaction, run, index, sql, (run.as_str(), index, ending)))
    }

    /// Write executions down as they are now, all in one step, whether they were known or not. One that has ended keeps its first ending,
    /// and where the reading of its output stopped is left as it was.
    pub fn keep_executions(&self, rows: &[ExecutionRow], durability: Durability) -> Result<(), StoreError> {
        let sql = "INSERT INTO executions (run_id, number, kind, argv, state, handle, ending) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT (run_id, number) DO UPDATE SET handle = coalesce(excluded.handle, handle), \
                   state = iif(state = 'ended', state, excluded.state), ending = coalesce(ending, excluded.ending)";
        self.write(durability, |transaction| {
            for row in rows {
                let ending = row.ending.as_ref().map(serde_json::to_string).transpose();
                let ending = ending.map_err(|error| self.failed()(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
                let argv = serde_json::Value::from(row.argv.clone()).to_string();
                let values = (row.run_id.as_str(), row.index, row.kind.word(), argv, row.state.word(), &row.handle, ending);
                transaction.prepare_cached(sql).and_then(|mut insert| insert.execute(values)).map_err(self.failed())?;
            }
            Ok(())
        })
    }

    /// The executions of a run, in order.
    pub fn executions(&self, run: &RunId) -> Result<Vec<ExecutionRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM executions WHERE run_id = ?1 ORDER BY number");
            connection.prepare_cached(&sql)?.query_map([run.as_str()], from_row)?.collect()
        })
    }

    fn change(
        &self,
        transaction: &Transaction<'_>,
        run: &RunId,
        index: u32,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        match transaction.prepare_cached(sql).and_then(|mut update| update.execute(values)).map_err(self.failed())? {
            0 => Err(StoreError::NoSuchExecution { run: run.clone(), index }),
            _ => Ok(()),
        }
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ExecutionRow> {
    let ending = match row.get::<_, Option<String>>("ending")? {
        Some(_) => Some(json(row, "ending")?),
        None => None,
    };
    Ok(ExecutionRow {
        run_id: parsed(row, "run_id")?,
        index: row.get("number")?,
        kind: parsed(row, "kind")?,
        argv: json(row, "argv")?,
        state: parsed(row, "state")?,
        handle: row.get("handle")?,
        cursor: row.get("cursor")?,
        ending,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        names::{Bytes, EndKind, Moment},
        store::run::tests::new_run,
    };

    fn ending(code: i32) -> Ending {
        Ending {
            kind: EndKind::Exited { code },
            evidence: "wait status".into(),
            started_at: Some(Moment::from_unix_millis(1_000)),
            ended_at: None,
            stdout_bytes: Bytes(3),
            stderr_bytes: Bytes(0),
            truncated: false,
        }
    }

    #[test]
    fn an_execution_is_known_before_it_is_started_and_its_first_ending_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.create_run(&new_run("one")).unwrap();
        let run = lock.run().clone();
        let new = NewExecution { run_id: run.clone(), index: 0, kind: ExecutionKind::Command, argv: vec!["true".into()] };
        state.begin_execution(&new, Durability::Durable).unwrap();
        assert!(matches!(state.begin_execution(&new, Durability::Durable), Err(StoreError::ExecutionExists { index: 0, .. })));
        let seen = State::open(folder.path()).unwrap().executions(&run).unwrap();
        assert_eq!((seen[0].state, &seen[0].handle), (ExecutionState::Starting, &None));
        state.execution_started(&run, 0, "p1", Durability::Durable).unwrap();
        state.execution_read_to(&run, 0, "c7").unwrap();
        state.execution_ended(&run, 0, &ending(0)).unwrap();
        state.execution_ended(&run, 0, &ending(9)).unwrap();
        state.execution_started(&run, 0, "p2", Durability::Ordinary).unwrap();
        let row = state.executions(&run).unwrap().remove(0);
        assert_eq!((row.state, row.handle.as_deref(), row.cursor.as_str()), (ExecutionState::Ended, Some("p2"), "c7"));
        assert_eq!(row.ending, Some(ending(0)));
    }

    #[test]
    fn several_executions_are_written_down_in_one_step_and_a_first_ending_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let run = state.create_run(&new_run("one")).unwrap().run().clone();
        let row = |index, state, ending: Option<Ending>| ExecutionRow {
            run_id: run.clone(),
            index,
            kind: ExecutionKind::Command,
            argv: vec!["true".into()],
            state,
            handle: Some(format!("p{index}")),
            cursor: String::new(),
            ending,
        };
        state
            .keep_executions(&[row(0, ExecutionState::Running, None), row(1, ExecutionState::Ended, Some(ending(1)))], Durability::Ordinary)
            .unwrap();
        state.execution_read_to(&run, 0, "c1").unwrap();
        state
            .keep_executions(
                &[row(0, ExecutionState::Ended, Some(ending(0))), row(1, ExecutionState::Running, Some(ending(2)))],
                Durability::Durable,
            )
            .unwrap();
        let rows = state.executions(&run).unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.state, row.ending.clone().unwrap())).collect::<Vec<_>>(),
            [(ExecutionState::Ended, ending(0)), (ExecutionState::Ended, ending(1))]
        );
        assert_eq!(rows[0].cursor, "c1");
        let unknown = ExecutionRow { run_id: "none".parse().unwrap(), ..row(0, ExecutionState::Running, None) };
        assert!(state.keep_executions(&[unknown], Durability::Ordinary).is_err());
    }

    #[test]
    fn what_was_not_begun_cannot_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let run: RunId = "none".parse().unwrap();
        let new = NewExecution { run_id: run.clone(), index: 0, kind: ExecutionKind::Setup, argv: vec!["true".into()] };
        assert!(matches!(state.begin_execution(&new, Durability::Durable), Err(StoreError::NoSuchRun(_))));
        assert!(matches!(state.execution_started(&run, 3, "p", Durability::Ordinary), Err(StoreError::NoSuchExecution { index: 3, .. })));
    }
}
