//! A file of settings with its places: every complaint about it names line, column and key. It is TOML, unless its name says YAML or JSON.

use std::{
    fs::File,
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer, Error},
};

use super::{
    ConfigError, Origin,
    error::{Subject, quoted},
    foreign,
};

use crate::names::nearest;

/// The largest file that is read. Nobody writes more by hand, and `--spec /dev/zero` must not fill the memory.
const LARGEST: u64 = 1 << 20;

/// What is written where a key is expected: from its path to the words for a person.
pub(super) type Expected = fn(&str) -> Option<&'static str>;

/// The text of a file.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
}

/// In which language a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Toml,
    Yaml,
    Json,
}

impl Document {
    /// Read the file, which is called `what` when it cannot be read.
    pub(super) fn read(path: &Path, what: &'static str) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { what, path: path.to_owned(), cause };
        // Without NONBLOCK, opening a pipe that nobody writes to waits for ever.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
        Self::of_file(path, &file, what)
    }

    /// Read a file that is open.
    pub(super) fn of_file(path: &Path, file: &File, what: &'static str) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { what, path: path.to_owned(), cause };
        let other = |text: &str| unreadable(std::io::Error::other(text));
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST {
            return Err(other("it is larger than 1 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = valid.split(|byte| *byte == b'\n').count();
            other(&format!("it is not UTF-8, in line {line}"))
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// A text that was read elsewhere; its language is that of the name.
    pub(super) fn of_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The tables and values, with their places.
    pub(super) fn table(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        let text = &self.text;
        let (language, parsed) = match self.language() {
            Language::Toml => (
                "TOML 1.1",
                DeTable::parse(text).map_err(|error| {
                    let (line, column) = self.place(error.span().map_or(0, |span| span.start));
                    (line, column, error.message().replace('\n', ", "))
                }),
            ),
            Language::Yaml => ("YAML 1.2", foreign::yaml(text)),
            Language::Json => ("JSON", foreign::json(text)),
        };
        parsed.map_err(|(line, column, cause)| ConfigError::Syntax { path: self.path.clone(), language, line, column, cause })
    }

    fn language(&self) -> Language {
        let suffix = self.path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match suffix.as_ref().and_then(|suffix| suffix.to_str()) {
            Some("yaml" | "yml") => Language::Yaml,
            Some("json") => Language::Json,
            _ => Language::Toml,
        }
    }

    /// Convert the tables into what they mirror.
    pub(super) fn convert<T: DeserializeOwned>(&self, table: Spanned<DeTable<'_>>, expected: Expected) -> Result<T, ConfigError> {
        T::deserialize(Deserializer::from(table)).map_err(|error| self.explain(&error, expected))
    }

    /// What stands at this offset, under this path of keys.
    pub(super) fn subject(&self, key: impl Into<String>, offset: usize) -> Subject {
        let (line, column) = self.place(offset);
        Subject { origin: Origin::File { path: self.path.clone(), line, column }, key: key.into() }
    }

    /// An unknown key at this offset.
    pub(super) fn unknown_key<'k>(&self, table: &str, key: &str, offset: usize, known: impl IntoIterator<Item = &'k str>) -> ConfigError {
        let (line, column) = self.place(offset);
        let known: Vec<_> = known.into_iter().map(str::to_owned).collect();
        let meant = nearest(key, known.iter().map(String::as_str)).map(|meant| join(table, meant));
        ConfigError::UnknownKey { path: self.path.clone(), line, column, key: join(table, key), meant, known }
    }

    /// Line and column of an offset, both from 1.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        (line, column)
    }

    /// Say in our words, and with its place, what the conversion did not like.
    fn explain(&self, error: &Error, expected: Expected) -> ConfigError {
        let offset = error.span().map_or(0, |span| span.start);
        let table = match self.table() {
            Ok(table) => table,
            Err(error) => return error,
        };
        let message = error.message();
        let mut offset = offset;
        let hit = search(table.get_ref(), offset, "").map(|hit| match element_named_in(message, &hit) {
            Some((element, place)) => {
                offset = place;
                element
            }
            None => hit,
        });
        if let Some(key) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            let known = message.split_once("expected ").map_or("", |(_, known)| known).split('`').skip(1).step_by(2);
            let parent = hit.as_ref().map_or("", |hit| parent(&hit.key));
            return self.unknown_key(parent, key, offset, known);
        }
        let (key, found) = hit.map_or_else(|| (String::new(), "this file".to_owned()), |hit| (hit.key, hit.found));
        if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            let (line, column) = self.place(offset);
            return ConfigError::MissingKey { path: self.path.clone(), line, column, key: join(&key, missing) };
        }
        if expected(&key).is_none() && message.contains(" cannot be ") {
            return ConfigError::Refused { subject: Box::new(self.subject(key, offset)), why: message.to_owned() };
        }
        let generic = message.rsplit_once("expected ").map_or(message, |(_, expected)| expected);
        let generic = match generic {
            "a sequence" => "a list",
            "a map" => "a table",
            text if text.starts_with("struct ") => "a table",
            text => text,
        };
        let expected = expected(&key).unwrap_or(generic).to_owned();
        ConfigError::Value { subject: Box::new(self.subject(key, offset)), found, expected }
    }
}

/// The key whose name or value stands at an offset.
struct Hit<'t> {
    key: String,
    found: String,
    /// The elements, where it is a list.
    elements: &'t [Spanned<DeValue<'t>>],
}

fn search<'t>(table: &'t DeTable<'t>, offset: usize, path: &str) -> Option<Hit<'t>> {
    table.iter().find_map(|(name, value)| {
        let key = join(path, name.get_ref());
        if name.span().contains(&offset) {
            let found = match value.get_ref() {
                DeValue::Table(_) => quoted(name.get_ref()),
                value => describe(value),
            };
            return Some(Hit { key, found, elements: &[] });
        }
        search_value(value, offset, key)
    })
}

fn search_value<'t>(value: &'t Spanned<DeValue<'t>>, offset: usize, key: String) -> Option<Hit<'t>> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => search(table, offset, &key),
        DeValue::Array(elements) => {
            elements.iter().enumerate().find_map(|(index, element)| search_value(element, offset, format!("{key}[{index}]")))
        }
        _ => None,
    };
    let elements = value.get_ref().as_array().map_or(&[][..], |elements| &**elements);
    inner.or_else(|| value.span().contains(&offset).then(|| Hit { key, found: describe(value.get_ref()), elements }))
}

/// The element of a list that a complaint begins with. A complaint about an element that is made of its text comes with the place of the
/// list.
fn element_named_in<'t>(message: &str, list: &Hit<'t>) -> Option<(Hit<'t>, usize)> {
    let named = message.strip_prefix('`')?;
    let mut elements = list.elements.iter().enumerate();
    let (index, element) = elements.find(|(_, element)| {
        let text = element.get_ref().as_str().unwrap_or_default();
        named.strip_prefix(text).is_some_and(|rest| rest.starts_with("` "))
    })?;
    let hit = Hit { key: format!("{}[{index}]", list.key), found: describe(element.get_ref()), elements: &[] };
    Some((hit, element.span().start))
}

/// A value for a person.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => format!("the date {moment}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// A path of keys and one more, quoted where TOML would want it quoted.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key = if bare { key.to_owned() } else { format!("{:?}", key.chars().take(100).collect::<String>()) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The table in which a key lies.
fn parent(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(parent, _)| parent)
}
