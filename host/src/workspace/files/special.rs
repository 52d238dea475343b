//! Values that JSON does not have: a table with one key stands for them.
//!
//! Bytes are `{"$bytes": "aGk="}`, in base64; numbers that are none are `{"$float": "nan"}`, `"inf"` or `"-inf"`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};

const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";

/// Bytes as a value.
#[must_use]
pub fn bytes_value(bytes: &[u8]) -> Value {
    tagged(BYTES, STANDARD.encode(bytes))
}

/// The bytes that a value stands for.
#[must_use]
pub fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(tag(value, BYTES)?).ok()
}

/// A number as a value, whatever it is.
#[must_use]
pub fn float_value(number: f64) -> Value {
    Number::from_f64(number).map_or_else(
        || {
            tagged(
                FLOAT,
                if number.is_nan() {
                    "nan"
                } else if number > 0.0 {
                    "inf"
                } else {
                    "-inf"
                }
                .to_owned(),
            )
        },
        Value::Number,
    )
}

/// The number that a value is or stands for.
#[must_use]
pub fn float_of(value: &Value) -> Option<f64> {
    match (value, tag(value, FLOAT)) {
        (Value::Number(number), _) => number.as_f64(),
        (_, Some("nan")) => Some(f64::NAN),
        (_, Some("inf")) => Some(f64::INFINITY),
        (_, Some("-inf")) => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn tagged(key: &str, text: String) -> Value {
    Value::Object([(key.to_owned(), Value::String(text))].into_iter().collect())
}

fn tag<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.as_object().filter(|table| table.len() == 1)?.get(key)?.as_str()
}
