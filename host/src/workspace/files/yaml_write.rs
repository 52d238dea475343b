//! Values as YAML that every reader understands alike, also those of YAML 1.1.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{bytes_of, float_of};

/// Texts that a reader of YAML 1.1 or 1.2 takes for something else.
const READ_OTHERWISE: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];

/// One document, with two blanks a level.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(table) if is_open(value) => entries(&mut text, table, 0, ""),
        Value::Array(list) if is_open(value) => elements(&mut text, list, 0, ""),
        value => {
            text.push_str(&scalar(value));
            text.push('\n');
        }
    }
    text
}

/// Whether it is written over several lines.
fn is_open(value: &Value) -> bool {
    match value {
        Value::Object(table) => !table.is_empty() && bytes_of(value).is_none() && float_of(value).is_none(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    }
}

/// `first` is what stands before the first line instead of the blanks.
fn entries(text: &mut String, table: &serde_json::Map<String, Value>, depth: usize, first: &str) {
    for (index, (key, value)) in table.iter().enumerate() {
        begin(text, depth, index, first);
        text.push_str(&word(key));
        text.push(':');
        below(text, value, depth);
    }
}

fn elements(text: &mut String, list: &[Value], depth: usize, first: &str) {
    for (index, value) in list.iter().enumerate() {
        begin(text, depth, index, first);
        text.push('-');
        match value {
            Value::Object(table) if is_open(value) => entries(text, table, depth + 1, " "),
            Value::Array(list) if is_open(value) => elements(text, list, depth + 1, " "),
            value => line(text, value),
        }
    }
}

fn begin(text: &mut String, depth: usize, index: usize, first: &str) {
    if index == 0 && !first.is_empty() {
        text.push_str(first);
    } else {
        text.extend(std::iter::repeat_n("  ", depth));
    }
}

fn below(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(table) if is_open(value) => {
            text.push('\n');
            entries(text, table, depth + 1, "");
        }
        Value::Array(list) if is_open(value) => {
            text.push('\n');
            elements(text, list, depth + 1, "");
        }
        value => line(text, value),
    }
}

fn line(text: &mut String, value: &Value) {
    text.push(' ');
    text.push_str(&scalar(value));
    text.push('\n');
}

fn scalar(value: &Value) -> String {
    if let Some(bytes) = bytes_of(value) {
        return format!("!!binary \"{}\"", STANDARD.encode(bytes));
    }
    match value {
        Value::String(text) => word(text),
        Value::Object(_) => match float_of(value) {
            Some(number) if number.is_nan() => ".nan".to_owned(),
            Some(number) if number > 0.0 => ".inf".to_owned(),
            Some(_) => "-.inf".to_owned(),
            None => "{}".to_owned(),
        },
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A text: bare where nobody can read it as something else, else in quotes as in JSON.
fn word(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c));
    let otherwise = READ_OTHERWISE.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && plain && !otherwise && text.len() <= 200 {
        return text.to_owned();
    }
    quoted(text)
}

/// In double quotes. What some readers of YAML do not take as it is, is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            ' '..='~' | '\u{a1}'..='\u{d7ff}' if !matches!(character, '\u{2028}' | '\u{2029}') => quoted.push(character),
            '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => quoted.push(character),
            other => {
                // Writing to a text cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(other));
            }
        }
    }
    quoted.push('"');
    quoted
}
