//! The checks that all answers share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{imports::wire, policy::Folder, workspace::GuestPath};

/// Characters of a text for a person.
pub(super) const TEXT: usize = 4_096;

/// Bytes of a handle or a cursor.
const HANDLE: usize = 4_096;

/// Bytes and levels of a JSON text.
const JSON: (usize, usize) = (256 * 1024, 32);

/// Keys of a list of details.
const DETAILS: usize = 256;

/// Keys with JSON values, from a place where a record grows.
pub type Details = BTreeMap<String, Value>;

/// Which field of an answer cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub(in crate::engine) struct Refused {
    field: String,
    rule: String,
}

pub(super) fn refuse<T>(field: &str, rule: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { field: field.to_owned(), rule: rule.into() })
}

/// At most `most` elements.
pub(super) fn count(field: &str, length: usize, most: usize) -> Result<(), Refused> {
    if length <= most { Ok(()) } else { refuse(field, format!("{length} elements, at most {most} are taken")) }
}

/// A text for a person: not too long, no NUL. Other control characters are escaped where it is printed.
pub(super) fn text(field: &str, text: String, most: usize) -> Result<String, Refused> {
    let length = text.chars().count();
    if length > most {
        return refuse(field, format!("{length} characters, at most {most} are taken"));
    }
    if text.contains('\0') {
        return refuse(field, "it has a NUL character");
    }
    Ok(text)
}

/// A name for programs: one line, printable.
pub(super) fn name(field: &str, text: String) -> Result<String, Refused> {
    name_up_to(field, text, 256)
}

/// A name of at most `most` characters.
pub(super) fn name_up_to(field: &str, name: String, most: usize) -> Result<String, Refused> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return refuse(field, "a name is not empty and has no control characters");
    }
    text(field, name, most)
}

/// Something that the plugin gives the host to keep.
pub(super) fn handle(field: &str, handle: String) -> Result<String, Refused> {
    if handle.len() > HANDLE {
        return refuse(field, format!("{} bytes, at most {HANDLE} are kept", handle.len()));
    }
    if handle.contains('\0') {
        return refuse(field, "it has a NUL character");
    }
    Ok(handle)
}

/// A JSON text.
pub(super) fn json(field: &str, text: &str) -> Result<Value, Refused> {
    if text.len() > JSON.0 {
        return refuse(field, format!("{} bytes of JSON, at most {} are taken", text.len(), JSON.0));
    }
    let value: Value = serde_json::from_str(text).or_else(|error| refuse(field, format!("not JSON: {error}")))?;
    if depth(&value) > JSON.1 {
        return refuse(field, format!("JSON of more than {} levels", JSON.1));
    }
    Ok(value)
}

/// A list of details, with unique keys.
pub(super) fn details(field: &str, list: Vec<wire::Detail>) -> Result<Details, Refused> {
    count(field, list.len(), DETAILS)?;
    let mut details = Details::new();
    for detail in list {
        let key = name(field, detail.key)?;
        let value = json(&format!("{field}.{key}"), &detail.value)?;
        if details.insert(key.clone(), value).is_some() {
            return refuse(field, format!("the key `{key}` stands there twice"));
        }
    }
    Ok(details)
}

/// A path in one of `folders`.
pub(super) fn path(field: &str, text: &str, folders: &[Folder]) -> Result<GuestPath, Refused> {
    let path: GuestPath = text.parse().or_else(|error| refuse(field, format!("{error}")))?;
    if folders.contains(&path.folder()) {
        return Ok(path);
    }
    let names: Vec<_> = folders.iter().map(Folder::to_string).collect();
    refuse(field, format!("`{path}` is not below {}", names.join(" or ")))
}

/// Every key once.
pub(super) fn unique<'a>(field: &str, keys: impl Iterator<Item = &'a str>) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return refuse(field, format!("`{}` stands there twice", key.escape_debug()));
        }
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_bounded_in_size_depth_and_number() {
        assert!(json("f", &"[".repeat(40)).is_err());
        assert!(json("f", &format!("{}{}", "[".repeat(33), "]".repeat(33))).is_err());
        assert!(json("f", &format!("{}{}", "[".repeat(32), "]".repeat(32))).is_ok());
        assert!(json("f", &format!("\"{}\"", "x".repeat(300_000))).is_err());
        for text in ["1e999", "NaN", "Infinity", "-Infinity", ""] {
            assert!(json("f", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        let detail = || wire::Detail { key: "a".into(), value: "1".into() };
        assert_eq!(details("f", vec![detail(), detail()]).unwrap_err().to_string(), "f: the key `a` stands there twice");
    }

    #[test]
    fn a_path_outside_of_its_folders_is_refused() {
        for text in ["/etc/passwd", "/output/../x", "output/x", "/state/x", "/output/a\0"] {
            assert!(path("f", text, &[Folder::Output]).is_err(), "{text:?}");
        }
        assert!(path("f", "/output/a/b", &[Folder::Output]).is_ok());
    }
}
