//! The tables, and how an older state directory becomes a newer one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// "wflx": tells this program's database from another program's (SQLite file format, offset 68).
const APPLICATION: i64 = 0x7766_6c78;

/// One text of SQL for each version, oldest first. A released text never changes; what is new is appended.
const VERSIONS: &[&str] = &["
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    client_run_id TEXT NOT NULL,
    adapter_id TEXT NOT NULL,
    task TEXT NOT NULL,
    runtime TEXT NOT NULL,
    plugin_digest TEXT,
    command TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    step TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    output_dir BLOB NOT NULL,
    host_pid INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_age ON runs (created_at);
CREATE INDEX runs_not_ended ON runs (id) WHERE ended_at IS NULL;
CREATE TABLE executions (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    argv TEXT NOT NULL,
    state TEXT NOT NULL,
    handle TEXT,
    cursor TEXT NOT NULL DEFAULT '',
    ending TEXT,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE environments (
    id TEXT NOT NULL PRIMARY KEY,
    runtime TEXT NOT NULL,
    plugin_digest TEXT NOT NULL,
    reuse_key TEXT,
    handle TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE UNIQUE INDEX environments_by_key ON environments (runtime, plugin_digest, reuse_key) WHERE reuse_key IS NOT NULL;
CREATE TABLE descriptions (
    digest TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT;
"];

/// The version this program writes.
pub(super) fn known() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}

/// Whether the tables are those of this program and of the known version. An error says that nothing may be changed.
pub(super) fn is_current(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::database(path, error);
    let found: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failed)?;
    let application: i64 = connection.query_row("PRAGMA application_id", (), |row| row.get(0)).map_err(failed)?;
    if application == APPLICATION && found > known() {
        return Err(StoreError::NewerState { path: path.to_owned(), found, known: known() });
    }
    Ok(application == APPLICATION && found == known())
}

/// Refuse the database of another program. To be asked by the only one who prepares: between the questions nothing may change.
pub(super) fn refuse_foreign(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let ask = |question| connection.query_row(question, (), |row| row.get::<_, i64>(0)).map_err(|error| StoreError::database(path, error));
    let empty = ask("PRAGMA user_version")? == 0 && ask("SELECT count(*) FROM sqlite_schema")? == 0;
    match ask("PRAGMA application_id")? {
        APPLICATION => Ok(()),
        0 if empty => Ok(()),
        _ => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// Bring the tables to the known version: all of it or nothing. Another process that does the same waits, and then finds it done.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::database(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if is_current(&transaction, path)? {
        return Ok(());
    }
    let found: u16 = transaction.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failed)?;
    for sql in VERSIONS.iter().skip(usize::from(found)) {
        transaction.execute_batch(sql).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known()).map_err(failed)?;
    transaction.commit().map_err(failed)
}
