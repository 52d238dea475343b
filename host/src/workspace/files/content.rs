//! What a file holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{FileKind, bytes_of, bytes_value, error::Trouble, float_of};

/// What a file holds, as values.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// Bytes that are no text, or are not looked at.
    Bytes(Vec<u8>),
    /// One value: JSON, YAML.
    Document(Value),
    /// One value after the other: JSON lines.
    Lines(Vec<Value>),
    /// One table: CSV, TSV, Parquet.
    Table(Table),
    /// Tables by name: `SQLite`.
    Tables(BTreeMap<String, Table>),
}

/// Rows that have the same columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// In their order.
    pub columns: Vec<Column>,
    /// Each has one value per column.
    pub rows: Vec<Vec<Value>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are. Any of them can be missing, as `null`.
    pub kind: ColumnKind,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// `true` and `false`.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Real,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
    /// Days, as texts such as `2026-05-01`.
    Date,
    /// Moments, as texts such as `2026-05-01T12:00:00Z`.
    Moment,
    /// Anything: values of several kinds, lists, tables.
    Any,
}

impl ColumnKind {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Moment => "moment",
            Self::Any => "any",
        }
    }

    /// The kind that fits all of these values.
    pub(super) fn of<'v>(values: impl Iterator<Item = &'v Value>) -> Self {
        let mut kind = None;
        for value in values {
            let this = match value {
                Value::Null => continue,
                Value::Bool(_) => Self::Boolean,
                Value::Number(number) if number.is_f64() => Self::Real,
                Value::Number(_) => Self::Integer,
                Value::String(_) => Self::Text,
                value if bytes_of(value).is_some() => Self::Bytes,
                value if float_of(value).is_some() => Self::Real,
                Value::Array(_) | Value::Object(_) => Self::Any,
            };
            kind = Some(match (kind, this) {
                (None, this) => this,
                (Some(kind), this) if kind == this => kind,
                (Some(Self::Integer | Self::Real), Self::Integer | Self::Real) => Self::Real,
                _ => return Self::Any,
            });
        }
        kind.unwrap_or(Self::Text)
    }
}

impl Table {
    /// A table of records: the columns are the keys, those of the first record first; a key that a record lacks is `null`. Within a record keys
    /// have no order of their own, and come as the alphabet has them.
    pub fn of_records<'r>(records: impl IntoIterator<Item = &'r Map<String, Value>>) -> Self {
        let records: Vec<_> = records.into_iter().collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut names: Vec<&str> = Vec::new();
        for key in records.iter().flat_map(|record| record.keys()) {
            places.entry(key).or_insert_with(|| {
                names.push(key);
                names.len() - 1
            });
        }
        let row = |record: &&Map<String, Value>| names.iter().map(|name| record.get(*name).cloned().unwrap_or_default()).collect();
        let rows: Vec<Vec<Value>> = records.iter().map(row).collect();
        Self::of_rows(names.into_iter().map(str::to_owned).collect(), rows)
    }

    /// A table whose columns are what their values are.
    #[must_use]
    pub fn of_rows(names: Vec<String>, rows: Vec<Vec<Value>>) -> Self {
        let kind = |at: usize| ColumnKind::of(rows.iter().filter_map(|row| row.get(at)));
        let columns = names.into_iter().enumerate().map(|(at, name)| Column { name, kind: kind(at) }).collect();
        Self { columns, rows }
    }

    /// The rows as records: one table of keys and values each.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let record = |row: &Vec<Value>| self.columns.iter().map(|column| column.name.clone()).zip(row.iter().cloned()).collect();
        self.rows.iter().map(|row| Value::Object(record(row))).collect()
    }

    /// With the order and the kinds of the columns.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let columns: Vec<_> = self.columns.iter().map(|column| json!({ "name": column.name, "kind": column.kind.name() })).collect();
        json!({ "columns": columns, "rows": self.rows })
    }
}

impl Content {
    /// As one JSON value, such as the one that [`Content::from_json`] takes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Bytes(bytes) => bytes_value(bytes),
            Self::Document(value) => value.clone(),
            Self::Lines(lines) => Value::Array(lines.clone()),
            Self::Table(table) => table.to_json(),
            Self::Tables(tables) => {
                let tables: Map<_, _> = tables.iter().map(|(name, table)| (name.clone(), table.to_json())).collect();
                json!({ "tables": tables })
            }
        }
    }

    /// As the value of a document, for people: a table is a list of records.
    #[must_use]
    pub fn to_document(&self) -> Value {
        match self {
            Self::Table(table) => Value::Array(table.records()),
            Self::Tables(tables) => {
                let tables: Map<_, _> = tables.iter().map(|(name, table)| (name.clone(), Value::Array(table.records()))).collect();
                json!({ "tables": tables })
            }
            other => other.to_json(),
        }
    }

    /// What a JSON value means as the content of a file of this kind.
    ///
    /// A table is a list of records, a list of lists whose first is the header, or `{"columns": [...], "rows": [...]}`. Tables of a database are
    /// `{"tables": {"NAME": ...}}`, the inner part alone, or one table, which is then named `table`. JSON lines are a list; anything else is
    /// one line.
    pub fn from_json(kind: FileKind, value: Value) -> Result<Self, String> {
        Ok(match kind {
            FileKind::Json | FileKind::Yaml => Self::Document(value),
            FileKind::JsonLines => Self::Lines(if let Value::Array(lines) = value { lines } else { vec![value] }),
            FileKind::Csv | FileKind::Tsv | FileKind::Parquet => Self::Table(table(&value)?),
            FileKind::Sqlite => Self::Tables(tables(&value)?),
            FileKind::Text => match value {
                Value::String(text) => Self::Text(text),
                value => Self::Text(value.to_string()),
            },
            FileKind::Binary => match bytes_of(&value) {
                Some(bytes) => Self::Bytes(bytes),
                None => match value {
                    Value::String(text) => Self::Bytes(text.into_bytes()),
                    _ => return Err("bytes are a text, or `{\"$bytes\": \"...\"}` in base64".into()),
                },
            },
        })
    }

    /// This content as it is written into a file of this kind, where it can be.
    pub(super) fn table(&self) -> Result<Table, Trouble> {
        match self {
            Self::Table(table) => Ok(table.clone()),
            Self::Document(value) => table(value).map_err(Trouble::new),
            Self::Lines(lines) => table(&Value::Array(lines.clone())).map_err(Trouble::new),
            Self::Tables(tables) => match (tables.len(), tables.values().next()) {
                (1, Some(table)) => Ok(table.clone()),
                (count, _) => Err(Trouble::new(format!("it is one table, and there are {count}"))),
            },
            Self::Text(_) | Self::Bytes(_) => Err(Trouble::new("a table has rows, and this is text or bytes")),
        }
    }
}

const TABLE: &str = "a table is a list of records, a list of lists with the header first, or `columns` and `rows`";

fn table(value: &Value) -> Result<Table, String> {
    match value {
        Value::Array(rows) if rows.iter().all(Value::is_object) => Ok(Table::of_records(rows.iter().filter_map(Value::as_object))),
        Value::Array(rows) if rows.iter().all(Value::is_array) => {
            let mut rows = rows.iter().filter_map(Value::as_array).cloned();
            let header = rows.next().unwrap_or_default();
            lists(&header, rows.collect())
        }
        Value::Object(table) if table.len() == 2 && table.contains_key("columns") && table.contains_key("rows") => {
            let columns = table.get("columns").and_then(Value::as_array).ok_or("`columns` is a list")?;
            let rows = table.get("rows").and_then(Value::as_array).ok_or("`rows` is a list")?;
            let rows = rows.iter().map(|row| row.as_array().cloned().ok_or("a row is a list")).collect::<Result<Vec<_>, _>>()?;
            lists(columns, rows)
        }
        _ => Err(TABLE.to_owned()),
    }
}

fn lists(columns: &[Value], rows: Vec<Vec<Value>>) -> Result<Table, String> {
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    for column in columns {
        let name = column.get("name").unwrap_or(column);
        names.push(name.as_str().ok_or("the name of a column is a text")?.to_owned());
        kinds.push(column.get("kind").and_then(Value::as_str).and_then(named_kind));
    }
    if let Some((index, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != names.len()) {
        return Err(format!("row {} has {} values, and there are {} columns", index + 1, row.len(), names.len()));
    }
    let mut table = Table::of_rows(names, rows);
    for (column, kind) in table.columns.iter_mut().zip(kinds) {
        column.kind = kind.unwrap_or(column.kind);
    }
    Ok(table)
}

fn named_kind(name: &str) -> Option<ColumnKind> {
    use ColumnKind as Kind;
    let all = [Kind::Boolean, Kind::Integer, Kind::Real, Kind::Text, Kind::Bytes, Kind::Date, Kind::Moment, Kind::Any];
    all.into_iter().find(|kind| kind.name() == name)
}

fn tables(value: &Value) -> Result<BTreeMap<String, Table>, String> {
    let inner = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("tables")).and_then(Value::as_object);
    if let Some(by_name) = inner.or_else(|| value.as_object().filter(|object| !object.contains_key("columns"))) {
        return by_name
            .iter()
            .map(|(name, rows)| Ok((name.clone(), table(rows).map_err(|why| format!("table `{name}`: {why}"))?)))
            .collect();
    }
    Ok(BTreeMap::from([("table".to_owned(), table(value)?)]))
}
