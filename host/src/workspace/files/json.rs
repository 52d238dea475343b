//! JSON, and one JSON value a line.

use std::{cell::RefCell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{error::Trouble, limits::Budget};

/// One document.
pub(super) fn read(text: &[u8], budget: &mut Budget) -> Result<Value, Trouble> {
    value(without_mark(text), budget)
}

/// One value a line; blank lines mean nothing.
pub(super) fn read_lines(text: &[u8], budget: &mut Budget) -> Result<Vec<Value>, Trouble> {
    let mut values = Vec::new();
    for (number, line) in (1_u64..).zip(without_mark(text).split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        budget.row().map_err(|trouble| trouble.in_line(number))?;
        let value = value(line, budget).map_err(|mut trouble| {
            // Every line begins at its own line 1.
            trouble.spot.line = Some(number);
            trouble
        })?;
        values.push(value);
    }
    Ok(values)
}

/// With two blanks a level and a line feed at the end.
pub(super) fn write(value: &Value) -> Result<Vec<u8>, Trouble> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Trouble::new(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

pub(super) fn write_lines(values: &[Value]) -> Result<Vec<u8>, Trouble> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value).map_err(|error| Trouble::new(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Without the mark that some editors put at the beginning of UTF-8.
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

fn value(text: &[u8], budget: &mut Budget) -> Result<Value, Trouble> {
    let over = RefCell::new(None);
    let budget = RefCell::new(budget);
    let mut source = serde_json::Deserializer::from_slice(text);
    // Our own limit of nesting stands before that of the parser.
    let read = Seed { budget: &budget, over: &over, depth: 0 }.deserialize(&mut source);
    read.and_then(|value| source.end().map(|()| value)).map_err(|error| {
        let (line, column) = (error.line() as u64, error.column() as u64);
        let trouble = over.take().unwrap_or_else(|| {
            let text = error.to_string();
            Trouble::new(text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text))
        });
        if line == 0 { trouble } else { trouble.at(line, column.max(1)) }
    })
}

/// Builds a value, and counts.
#[derive(Clone, Copy)]
struct Seed<'s, 'b> {
    budget: &'s RefCell<&'b mut Budget>,
    over: &'s RefCell<Option<Trouble>>,
    depth: usize,
}

impl Seed<'_, '_> {
    fn count<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        let mut budget = self.budget.borrow_mut();
        let counted = budget.at_depth(self.depth).and_then(|()| budget.value(bytes));
        counted.map_err(|trouble| {
            self.over.replace(Some(trouble));
            E::custom("too much")
        })
    }

    const fn inner(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.count(0).map(|()| Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.count(0).map(|()| Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.count(0).map(|()| value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.count(0).map(|()| value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.count(0)?;
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.count(value.len()).map(|()| value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        self.count(0)?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(self.inner())? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.count(0)?;
        let mut table = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.count(key.len())?;
            let value = entries.next_value_seed(self.inner())?;
            table.insert(key, value);
        }
        Ok(Value::Object(table))
    }
}
