//! YAML and JSON as the tables that a TOML file of the same content would be, with every key and value at its place.
//!
//! TOML has no `null`: a key that is `null` is as if it were not written.

use std::{borrow::Cow, ops::Range};

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::workspace::{FileLimits, YamlNode, YamlValue, yaml_scalar, yaml_tree};

/// Where, as line and column from 1, and what is wrong.
pub(super) type Mistake = (usize, usize, String);

type Tables<'t> = Spanned<DeTable<'t>>;
type Node<'t> = Option<Spanned<DeValue<'t>>>;

/// The tables of a YAML document. Nothing at all is an empty table.
pub(super) fn yaml(text: &str) -> Result<Tables<'_>, Mistake> {
    let limits = FileLimits { values: 100_000, depth: 64, ..FileLimits::default() };
    let Some(node) = yaml_tree(text, limits)? else { return Ok(Spanned::new(0..0, DeTable::new())) };
    let line = node.line;
    top(of_yaml(&node, text)?, line)
}

/// The tables of a JSON document.
pub(super) fn json(text: &str) -> Result<Tables<'_>, Mistake> {
    // Says what is wrong, and bounds the nesting; the places come after.
    serde_json::from_str::<Value>(text).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned();
        (error.line().max(1), error.column().max(1), message)
    })?;
    top(Scanner { text, at: 0 }.value()?, 1)
}

fn top(node: Node<'_>, line: usize) -> Result<Tables<'_>, Mistake> {
    match node.map(|node| (node.span(), node.into_inner())) {
        Some((span, DeValue::Table(table))) => Ok(Spanned::new(span, table)),
        None => Ok(Spanned::new(0..0, DeTable::new())),
        Some(_) => Err((line, 1, "a table of keys and values is expected".to_owned())),
    }
}

fn of_yaml<'t>(node: &YamlNode, source: &'t str) -> Result<Node<'t>, Mistake> {
    let wrong = |why: String| (node.line, 1, why);
    let value = match &node.value {
        YamlValue::Scalar { text, plain, tag } => {
            let value = yaml_scalar(text, *plain, tag.as_deref()).map_err(wrong)?;
            match scalar(&value, source.get(node.span.clone()).unwrap_or_default()) {
                Some(value) => value,
                None if value.is_null() => return Ok(None),
                None if value.is_number() => return Err(wrong(format!("write the number `{}` as TOML does", text.escape_debug()))),
                None => return Err(wrong("a value is of a type that no setting has".to_owned())),
            }
        }
        YamlValue::List(elements) => {
            let nothing = |element: &YamlNode| (element.line, 1, "an element of a list is nothing".to_owned());
            let elements = elements.iter().map(|element| of_yaml(element, source)?.ok_or_else(|| nothing(element)));
            DeValue::Array(elements.collect::<Result<DeArray<'_>, _>>()?)
        }
        YamlValue::Table(entries) => {
            let mut table = DeTable::new();
            for (key, value) in entries {
                let YamlValue::Scalar { text, .. } = &key.value else {
                    return Err((key.line, 1, "a key is a list or a table".to_owned()));
                };
                let Some(value) = of_yaml(value, source)? else { continue };
                let name = Spanned::new(key.span.clone(), Cow::Owned(text.clone()));
                if table.insert(name, value).is_some() {
                    return Err((key.line, 1, format!("the key `{}` stands there twice", text.escape_debug())));
                }
            }
            DeValue::Table(table)
        }
    };
    Ok(Some(Spanned::new(node.span.clone(), value)))
}

/// A value without parts, which stands as `raw` in the file. `None` for what TOML does not have, and for a number that it spells otherwise.
fn scalar<'t>(value: &Value, raw: &'t str) -> Option<DeValue<'t>> {
    match value {
        Value::Bool(value) => Some(DeValue::Boolean(*value)),
        Value::String(text) => Some(DeValue::String(Cow::Owned(text.clone()))),
        Value::Number(_) => DeValue::parse(raw).ok().map(Spanned::into_inner).filter(|value| value.is_integer() || value.is_float()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Walks through JSON that is known to be right, for the places.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn value(&mut self) -> Result<Node<'t>, Mistake> {
        let start = self.skip_blanks();
        let value = match self.peek() {
            Some(b'{') => return self.table(start),
            Some(b'[') => return self.list(start),
            Some(b'"') => DeValue::String(Cow::Owned(self.string())),
            _ => {
                let rest = self.text.get(start..).unwrap_or_default();
                let length = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
                self.at = start + length;
                let word = rest.get(..length).unwrap_or_default();
                let value: Option<Value> = serde_json::from_str(word).ok();
                match value.and_then(|value| scalar(&value, word)) {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Spanned::new(start..self.at, value)))
    }

    fn table(&mut self, start: usize) -> Result<Node<'t>, Mistake> {
        let mut table = DeTable::new();
        self.at += 1;
        while self.next_is_entry(b'}') {
            let begin = self.skip_blanks();
            let key = self.string();
            let span: Range<usize> = begin..self.at;
            self.skip_blanks();
            self.at += 1;
            let Some(value) = self.value()? else { continue };
            let twice = format!("the key `{}` stands there twice", key.escape_debug());
            if table.insert(Spanned::new(span, Cow::Owned(key)), value).is_some() {
                return Err(self.mistake(begin, twice));
            }
        }
        Ok(Some(Spanned::new(start..self.at, DeValue::Table(table))))
    }

    fn list(&mut self, start: usize) -> Result<Node<'t>, Mistake> {
        let mut list = DeArray::new();
        self.at += 1;
        while self.next_is_entry(b']') {
            let begin = self.skip_blanks();
            let value = self.value()?.ok_or_else(|| self.mistake(begin, "an element of a list is nothing".to_owned()))?;
            list.push(value);
        }
        Ok(Some(Spanned::new(start..self.at, DeValue::Array(list))))
    }

    /// Step over a comma. Whether something follows, and not the end, which is stepped over too.
    fn next_is_entry(&mut self, end: u8) -> bool {
        self.skip_blanks();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_blanks();
        }
        match self.peek() {
            Some(byte) if byte != end => true,
            _ => {
                self.at += 1;
                false
            }
        }
    }

    fn string(&mut self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let length = end.map_or(rest.len(), |end| end + 2);
        self.at += length;
        serde_json::from_str(rest.get(..length).unwrap_or_default()).unwrap_or_default()
    }

    fn skip_blanks(&mut self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn mistake(&self, at: usize, why: String) -> Mistake {
        let before = self.text.get(..at).unwrap_or_default();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        (before.matches('\n').count() + 1, column, why)
    }
}
