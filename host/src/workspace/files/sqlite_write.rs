//! Tables as a `SQLite` database, made in memory.

use std::collections::BTreeMap;

use rusqlite::{Connection, params_from_iter, types::Value as Cell};
use serde_json::Value;

use super::{ColumnKind, Table, bytes_of, error::Trouble, float_of};

/// The most columns that `SQLite` takes.
const MOST_COLUMNS: usize = 2000;

pub(super) fn write(tables: &BTreeMap<String, Table>) -> Result<Vec<u8>, Trouble> {
    let mut database = Connection::open_in_memory().map_err(|error| trouble(&error))?;
    let transaction = database.transaction().map_err(|error| trouble(&error))?;
    for (name, table) in tables {
        fill(&transaction, name, table).map_err(|mut trouble| {
            trouble.text = format!("table `{}`: {}", name.escape_debug(), trouble.text);
            trouble
        })?;
    }
    // Also an empty database begins as one.
    transaction.execute_batch("PRAGMA user_version = 0").and_then(|()| transaction.commit()).map_err(|error| trouble(&error))?;
    database.execute_batch("VACUUM").map_err(|error| trouble(&error))?;
    let content = database.serialize("main").map_err(|error| trouble(&error))?;
    Ok(content.to_vec())
}

fn fill(database: &Connection, name: &str, table: &Table) -> Result<(), Trouble> {
    if table.columns.is_empty() {
        return Err(Trouble::new("it has neither columns nor rows"));
    }
    if table.columns.len() > MOST_COLUMNS {
        return Err(Trouble::new(format!("it has more than {MOST_COLUMNS} columns")));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") || name.is_empty() || name.contains('\0') {
        return Err(Trouble::new("a table cannot be named so"));
    }
    let columns: Vec<_> = table.columns.iter().map(|column| format!("{} {}", quoted(&column.name), declared(column.kind))).collect();
    let create = format!("CREATE TABLE {} ({})", quoted(name), columns.join(", "));
    database.execute_batch(&create).map_err(|error| trouble(&error))?;
    let marks = vec!["?"; table.columns.len()].join(", ");
    let mut insert = database.prepare(&format!("INSERT INTO {} VALUES ({marks})", quoted(name))).map_err(|error| trouble(&error))?;
    for (number, row) in (1_u64..).zip(&table.rows) {
        insert.execute(params_from_iter(row.iter().map(cell))).map_err(|error| trouble(&error).in_line(number))?;
    }
    Ok(())
}

/// A name as an identifier, whatever it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const fn declared(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Boolean | ColumnKind::Integer => "INTEGER",
        ColumnKind::Real => "REAL",
        ColumnKind::Text | ColumnKind::Date | ColumnKind::Moment => "TEXT",
        ColumnKind::Bytes => "BLOB",
        ColumnKind::Any => "",
    }
}

/// Booleans are numbers here; lists and tables are their JSON.
fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Integer(i64::from(*value)),
        Value::String(text) => Cell::Text(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Cell::Integer(number),
            (None, Some(number)) => Cell::Real(number),
            (None, None) => Cell::Text(number.to_string()),
        },
        value => match (bytes_of(value), float_of(value)) {
            (Some(bytes), _) => Cell::Blob(bytes),
            (None, Some(number)) => Cell::Real(number),
            (None, None) => Cell::Text(value.to_string()),
        },
    }
}

fn trouble(error: &rusqlite::Error) -> Trouble {
    Trouble::new(error.to_string())
}
