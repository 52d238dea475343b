//! A table as a Parquet file, compressed with Zstandard, in one group of rows.

use std::sync::Arc;

use jiff::{Timestamp, Unit, civil::Date};
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use serde_json::Value;

use super::{Column, ColumnKind, Table, bytes_of, error::Trouble, float_of};

/// Small files matter more here than the last moment of writing.
const LEVEL: i32 = 10;

pub(super) fn write(table: &Table) -> Result<Vec<u8>, Trouble> {
    if table.columns.is_empty() {
        return Err(Trouble::new("a table without columns cannot be said"));
    }
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>().map_err(|error| trouble(&error))?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(|error| trouble(&error))?;
    let level = ZstdLevel::try_new(LEVEL).map_err(|error| trouble(&error))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut content = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut content, Arc::new(schema), Arc::new(properties)).map_err(|error| trouble(&error))?;
    let mut group = writer.next_row_group().map_err(|error| trouble(&error))?;
    for (at, column) in table.columns.iter().enumerate() {
        let mut open = group.next_column().map_err(|error| trouble(&error))?.ok_or_else(|| Trouble::new("a column is missing"))?;
        let values = table.rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null));
        fill(open.untyped(), column, values)?;
        open.close().map_err(|error| trouble(&error))?;
    }
    group.close().map_err(|error| trouble(&error))?;
    writer.close().map_err(|error| trouble(&error))?;
    Ok(content)
}

/// Every column may lack a value.
fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let moment = LogicalType::timestamp(true, TimeUnit::MICROS);
    let (physical, logical) = match column.kind {
        ColumnKind::Boolean => (Physical::BOOLEAN, None),
        ColumnKind::Integer => (Physical::INT64, None),
        ColumnKind::Real => (Physical::DOUBLE, None),
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Bytes => (Physical::BYTE_ARRAY, None),
        ColumnKind::Date => (Physical::INT32, Some(LogicalType::Date)),
        ColumnKind::Moment => (Physical::INT64, Some(moment)),
        ColumnKind::Any => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
    builder.with_logical_type(logical).build().map(Arc::new)
}

fn fill<'v>(writer: &mut ColumnWriter<'_>, column: &Column, values: impl Iterator<Item = &'v Value> + Clone) -> Result<(), Trouble> {
    let levels: Vec<i16> = values.clone().map(|value| i16::from(!value.is_null())).collect();
    let there = (1_u64..).zip(values).filter(|(_, value)| !value.is_null());
    let written = match writer {
        ColumnWriter::BoolColumnWriter(writer) => writer.write_batch(&cells(there, column, Value::as_bool)?, Some(&levels), None),
        ColumnWriter::Int32ColumnWriter(writer) => writer.write_batch(&cells(there, column, day)?, Some(&levels), None),
        ColumnWriter::Int64ColumnWriter(writer) => {
            let number = if column.kind == ColumnKind::Moment { moment } else { Value::as_i64 };
            writer.write_batch(&cells(there, column, number)?, Some(&levels), None)
        }
        ColumnWriter::DoubleColumnWriter(writer) => writer.write_batch(&cells(there, column, float_of)?, Some(&levels), None),
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let bytes = match column.kind {
                ColumnKind::Text => |value: &Value| value.as_str().map(|text| ByteArray::from(text.as_bytes().to_vec())),
                ColumnKind::Bytes => |value: &Value| bytes_of(value).map(ByteArray::from),
                _ => |value: &Value| Some(ByteArray::from(value.to_string().into_bytes())),
            };
            writer.write_batch(&cells(there, column, bytes)?, Some(&levels), None)
        }
        _ => return Err(Trouble::new("a column has a type that is not written here")),
    };
    written.map(|_| ()).map_err(|error| trouble(&error))
}

fn cells<'v, T>(
    values: impl Iterator<Item = (u64, &'v Value)>,
    column: &Column,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, Trouble> {
    let wrong = |number: u64| {
        Trouble::new(format!(
            "column `{}` holds values of kind {}, and this one is another",
            column.name.escape_debug(),
            column.kind.name()
        ))
        .in_line(number)
    };
    values.map(|(number, value)| read(value).ok_or_else(|| wrong(number))).collect()
}

/// The days since 1970.
fn day(value: &Value) -> Option<i32> {
    let date: Date = value.as_str()?.parse().ok()?;
    Some(Date::constant(1970, 1, 1).until((Unit::Day, date)).ok()?.get_days())
}

/// The microseconds since 1970.
fn moment(value: &Value) -> Option<i64> {
    let moment: Timestamp = value.as_str()?.parse().ok()?;
    Some(moment.as_microsecond())
}

fn trouble(error: &ParquetError) -> Trouble {
    Trouble::new(error.to_string().chars().take(300).collect::<String>())
}
