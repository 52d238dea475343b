//! A Parquet file as a table.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    file::{reader::FileReader as _, serialized_reader::SerializedFileReader},
    record::{Field, Row, reader::RowIter},
    schema::types::Type,
};
use serde_json::{Map, Value};

use super::{Column, ColumnKind, Table, bytes_value, error::Trouble, float_value, limits::Budget};

/// The rows of the file. Decimals are texts, since a number would lose digits; lists, groups and maps are values of JSON.
pub(super) fn read(content: Vec<u8>, budget: &mut Budget) -> Result<Table, Trouble> {
    // The library panics about types that it does not know, and about some broken files: neither is our end.
    catch_unwind(AssertUnwindSafe(|| rows(content, budget)))
        .unwrap_or_else(|_| Err(Trouble::new("it is broken, or has a type that is not known here")))
}

fn rows(content: Vec<u8>, budget: &mut Budget) -> Result<Table, Trouble> {
    let reader = SerializedFileReader::new(Bytes::from(content)).map_err(|error| trouble(&error))?;
    let schema = reader.metadata().file_metadata().schema();
    let columns: Vec<_> = schema.get_fields().iter().map(|field| Column { name: field.name().to_owned(), kind: kind(field) }).collect();
    let hints: Vec<_> = schema.get_fields().iter().map(|field| Hint::of(field)).collect();
    let mut rows = Vec::new();
    for (number, row) in (1_u64..).zip(RowIter::from_file(None, &reader).map_err(|error| trouble(&error))?) {
        let row = row.map_err(|error| trouble(&error).in_line(number))?;
        budget.row().map_err(|trouble| trouble.in_line(number))?;
        rows.push(values(&row, &hints, budget).map_err(|trouble| trouble.in_line(number))?);
    }
    Ok(Table { columns, rows })
}

fn values(row: &Row, hints: &[Hint], budget: &mut Budget) -> Result<Vec<Value>, Trouble> {
    row.get_column_iter().zip(hints).map(|((_, field), hint)| hint.apply(value(field, 1, budget)?)).collect()
}

/// What the schema says about a column, and the library does not.
#[derive(Clone, Copy)]
enum Hint {
    None,
    /// A text that is JSON.
    Json,
    /// A number of nanoseconds.
    Nanoseconds,
}

impl Hint {
    fn of(field: &Type) -> Self {
        let information = field.get_basic_info();
        match information.logical_type_ref() {
            Some(LogicalType::Json) => Self::Json,
            Some(LogicalType::Timestamp(kind)) if kind.unit == TimeUnit::NANOS => Self::Nanoseconds,
            _ if information.converted_type() == ConvertedType::JSON => Self::Json,
            _ => Self::None,
        }
    }

    fn apply(self, value: Value) -> Result<Value, Trouble> {
        match (self, &value) {
            (Self::Json, Value::String(text)) => {
                serde_json::from_str(text).map_err(|error| Trouble::new(format!("a value of type JSON is none: {error}")))
            }
            (Self::Nanoseconds, Value::Number(number)) => {
                let moment = number.as_i64().and_then(|number| Timestamp::from_nanosecond(i128::from(number)).ok());
                Ok(moment.map_or(value, |moment| moment.to_string().into()))
            }
            _ => Ok(value),
        }
    }
}

fn kind(field: &Type) -> ColumnKind {
    if field.is_group() || field.get_basic_info().repetition() == Repetition::REPEATED {
        return ColumnKind::Any;
    }
    if matches!(field.get_basic_info().logical_type_ref(), Some(LogicalType::Timestamp(_))) {
        return ColumnKind::Moment;
    }
    match (field.get_physical_type(), field.get_basic_info().converted_type()) {
        (_, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::DECIMAL) => ColumnKind::Text,
        (_, ConvertedType::JSON) => ColumnKind::Any,
        (_, ConvertedType::DATE) => ColumnKind::Date,
        (Physical::INT96, _) | (_, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS) => ColumnKind::Moment,
        (Physical::BOOLEAN, _) => ColumnKind::Boolean,
        (Physical::INT32 | Physical::INT64, _) => ColumnKind::Integer,
        (Physical::FLOAT | Physical::DOUBLE, _) => ColumnKind::Real,
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, _) => ColumnKind::Bytes,
    }
}

fn value(field: &Field, depth: usize, budget: &mut Budget) -> Result<Value, Trouble> {
    budget.at_depth(depth)?;
    budget.value(match field {
        Field::Str(text) => text.len(),
        Field::Bytes(bytes) => bytes.len(),
        _ => 8,
    })?;
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::Bool(*value),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) | Field::TimeMillis(number) => (*number).into(),
        Field::Long(number) | Field::TimeMicros(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float16(number) => float_value(f64::from(f32::from(*number))),
        // By its shortest spelling: 0.1 stays 0.1.
        Field::Float(number) => number.to_string().parse().map_or(Value::Null, float_value),
        Field::Double(number) => float_value(*number),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => bytes_value(bytes.data()),
        Field::Decimal(_) => field.to_string().into(),
        Field::Date(days) => {
            let epoch = Date::constant(1970, 1, 1);
            let date = epoch.checked_add(jiff::Span::new().try_days(*days).map_err(|_| far())?).map_err(|_| far())?;
            date.to_string().into()
        }
        Field::TimestampMillis(number) => Timestamp::from_millisecond(*number).map_err(|_| far())?.to_string().into(),
        Field::TimestampMicros(number) => Timestamp::from_microsecond(*number).map_err(|_| far())?.to_string().into(),
        Field::Group(row) => {
            let entries = row.get_column_iter().map(|(name, field)| Ok((name.clone(), value(field, depth + 1, budget)?)));
            Value::Object(entries.collect::<Result<Map<_, _>, Trouble>>()?)
        }
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().map(|field| value(field, depth + 1, budget)).collect::<Result<_, _>>()?)
        }
        Field::MapInternal(map) => {
            let mut table = Map::new();
            for (key, field) in map.entries() {
                let key = match value(key, depth + 1, budget)? {
                    Value::String(text) => text,
                    key => key.to_string(),
                };
                table.insert(key, value(field, depth + 1, budget)?);
            }
            Value::Object(table)
        }
    })
}

fn far() -> Trouble {
    Trouble::new("a day or moment lies outside of the years -9999 to 9999")
}

fn trouble(error: &parquet::errors::ParquetError) -> Trouble {
    Trouble::new(error.to_string().chars().take(300).collect::<String>())
}
