//! CSV and TSV.
//!
//! The formats have no types, so a rule stands in for them, and it loses no character. The first row names the columns. A column whose cells
//! are all numbers (or all `true` and `false`) is read as such, where every one of them is spelled as it would be written again: `007`, `1.50`,
//! `+1`, `1e3` and ` 1` are texts, and make texts of their whole column. In such a column an empty cell is `null`; in a column of texts it is
//! an empty text. Whoever reads a file and writes it again gets every cell as it was.

use serde_json::Value;

use super::{Column, ColumnKind, Table, bytes_of, error::Trouble, float_of, limits::Budget};

/// The line in which a row begins. What the library knows is where the one before ended: empty lines may come between.
fn line_of(text: &str, at: &csv::Position) -> u64 {
    let rest = usize::try_from(at.byte()).ok().and_then(|at| text.as_bytes().get(at..)).unwrap_or_default();
    let between = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count();
    at.line() + between as u64
}

pub(super) fn read(text: &str, delimiter: u8, budget: &mut Budget) -> Result<Table, Trouble> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(header) = records.next() else { return Ok(Table::default()) };
    let names: Vec<String> = header.map_err(|error| trouble(&error))?.iter().map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in records {
        let record = record.map_err(|error| trouble(&error))?;
        let line = record.position().map_or(0, |at| line_of(text, at));
        let counted = budget.row().and_then(|()| record.iter().try_for_each(|cell| budget.value(cell.len())));
        counted.map_err(|trouble| trouble.in_line(line))?;
        if record.len() != names.len() {
            let cells = if record.len() == 1 { "1 cell".to_owned() } else { format!("{} cells", record.len()) };
            return Err(Trouble::new(format!("the row has {cells}, and the first row names {} columns", names.len())).in_line(line));
        }
        rows.push(record.iter().map(str::to_owned).collect());
    }
    let kinds: Vec<_> = (0..names.len()).map(|at| kind_of(rows.iter().filter_map(|row| row.get(at)))).collect();
    let value = |(text, kind): (String, &ColumnKind)| read_cell(text, *kind);
    let rows = rows.into_iter().map(|row| row.into_iter().zip(&kinds).map(value).collect()).collect();
    let columns = names.into_iter().zip(&kinds).map(|(name, kind)| Column { name, kind: *kind }).collect();
    Ok(Table { columns, rows })
}

pub(super) fn write(table: &Table, delimiter: u8) -> Result<Vec<u8>, Trouble> {
    if table.columns.is_empty() {
        return Ok(vec![]);
    }
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(vec![]);
    writer.write_record(table.columns.iter().map(|column| &column.name)).map_err(|error| trouble(&error))?;
    for (number, row) in (1_u64..).zip(&table.rows) {
        let cells = row.iter().map(write_cell).collect::<Result<Vec<_>, _>>().map_err(|why| Trouble::new(why).in_line(number + 1))?;
        writer.write_record(cells).map_err(|error| trouble(&error))?;
    }
    writer.into_inner().map_err(|error| Trouble::new(error.to_string()))
}

/// What a column of these texts is, by the rule above.
fn kind_of<'c>(cells: impl Iterator<Item = &'c String>) -> ColumnKind {
    let mut kind = None;
    for cell in cells.filter(|cell| !cell.is_empty()) {
        let this = match cell.as_str() {
            "true" | "false" => ColumnKind::Boolean,
            text if text.parse::<i64>().is_ok_and(|number| number.to_string() == text) => ColumnKind::Integer,
            text if text.parse::<f64>().is_ok_and(|number| number.is_finite() && shown(number) == text) => ColumnKind::Real,
            _ => return ColumnKind::Text,
        };
        kind = Some(match (kind, this) {
            (None, this) => this,
            (Some(kind), this) if kind == this => kind,
            // Whole numbers beside others keep their spelling: each cell is read as what it is.
            (Some(ColumnKind::Integer | ColumnKind::Real), ColumnKind::Integer | ColumnKind::Real) => ColumnKind::Real,
            _ => return ColumnKind::Text,
        });
    }
    kind.unwrap_or(ColumnKind::Text)
}

fn read_cell(text: String, kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Text => Value::String(text),
        _ if text.is_empty() => Value::Null,
        ColumnKind::Boolean => Value::Bool(text == "true"),
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.parse::<f64>().map_or(Value::String(text), Value::from),
        },
    }
}

/// As a value is written everywhere here.
fn shown(number: f64) -> String {
    Value::from(number).to_string()
}

fn write_cell(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        value if bytes_of(value).is_some() => return Err("a cell cannot hold bytes".into()),
        value => match float_of(value) {
            Some(number) => number.to_string(),
            None => value.to_string(),
        },
    })
}

fn trouble(error: &csv::Error) -> Trouble {
    let line = error.position().map(csv::Position::line);
    let trouble = Trouble::new(error.to_string());
    line.map_or(Trouble::new(error.to_string()), |line| trouble.in_line(line))
}
