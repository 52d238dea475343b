//! A `SQLite` database as tables. It is read from memory, so nothing is written beside it, and nothing in it is run: views, triggers, virtual
//! tables and computed columns are left out.

use std::collections::BTreeMap;

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::Value;

use super::{Column, ColumnKind, Table, bytes_value, error::Trouble, float_value, limits::Budget, sqlite_write::quoted};

/// Where the header says how the journal is kept.
const JOURNAL: std::ops::Range<usize> = 18..20;

/// Every table that a user made, by its name.
pub(super) fn read(mut content: Vec<u8>, budget: &mut Budget) -> Result<BTreeMap<String, Table>, Trouble> {
    if content.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !content.starts_with(b"SQLite format 3\0") {
        return Err(Trouble::new("it does not begin as a database does"));
    }
    // A database in memory has no write-ahead log; this is how SQLite's own documentation says to open one that was made with it.
    if let Some(journal) = content.get_mut(JOURNAL) {
        journal.fill(1);
    }
    let database = open(&content).map_err(|error| trouble(&error))?;
    let names = names(&database).map_err(|error| trouble(&error))?;
    let mut tables = BTreeMap::new();
    for name in names {
        let table = table(&database, &name, budget).map_err(|mut trouble| {
            trouble.text = if trouble.is_limit { trouble.text } else { format!("table `{}`: {}", name.escape_debug(), trouble.text) };
            trouble
        })?;
        tables.insert(name, table);
    }
    Ok(tables)
}

fn open(content: &[u8]) -> rusqlite::Result<Connection> {
    let mut database = Connection::open_in_memory_with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    database.deserialize_read_exact("main", content, content.len(), true)?;
    database.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON;")?;
    Ok(database)
}

fn names(database: &Connection) -> rusqlite::Result<Vec<String>> {
    // A virtual table has no page of its own.
    let wanted =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    database.prepare(wanted)?.query_map([], |row| row.get(0))?.collect()
}

fn table(database: &Connection, name: &str, budget: &mut Budget) -> Result<Table, Trouble> {
    budget.table();
    let columns = columns(database, name).map_err(|error| trouble(&error))?;
    if columns.is_empty() {
        return Ok(Table::default());
    }
    let wanted: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    let query = format!("SELECT {} FROM {}", wanted.join(", "), quoted(name));
    let mut statement = database.prepare(&query).map_err(|error| trouble(&error))?;
    let mut found = statement.query([]).map_err(|error| trouble(&error))?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    loop {
        let number = rows.len() as u64 + 1;
        let Some(row) = found.next().map_err(|error| trouble(&error))? else { break };
        budget.row().map_err(|trouble| trouble.in_line(number))?;
        let mut values = Vec::with_capacity(columns.len());
        for at in 0..columns.len() {
            let value = row.get_ref(at).map_err(|error| trouble(&error))?;
            let size = value.as_bytes().map_or(8, <[u8]>::len);
            budget.value(size).map_err(|trouble| trouble.in_line(number))?;
            values.push(match value {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => float_value(number),
                ValueRef::Text(text) => std::str::from_utf8(text).map_or_else(|_| bytes_value(text), Value::from),
                ValueRef::Blob(bytes) => bytes_value(bytes),
            });
        }
        rows.push(values);
    }
    Ok(Table { columns, rows })
}

/// The columns that are stored, with what they were declared to hold.
fn columns(database: &Connection, name: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement = database.prepare("SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid")?;
    let columns = statement.query_map([name], |row| {
        let declared: String = row.get(1)?;
        Ok(Column { name: row.get(0)?, kind: kind(&declared) })
    })?;
    columns.collect()
}

/// What a declared type means, by `SQLite`'s own rule of affinity.
fn kind(declared: &str) -> ColumnKind {
    let declared = declared.to_ascii_uppercase();
    let has = |word: &str| declared.contains(word);
    if has("INT") {
        ColumnKind::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        ColumnKind::Text
    } else if has("BLOB") {
        ColumnKind::Bytes
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        ColumnKind::Real
    } else {
        ColumnKind::Any
    }
}

fn trouble(error: &rusqlite::Error) -> Trouble {
    Trouble::new(error.to_string())
}
