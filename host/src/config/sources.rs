//! Where values come from: the files and the command line, strongest first.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{
    ConfigError, Environment, Origin, RunOverrides,
    error::{Subject, quoted},
    file::{LoadedFile, RunFile},
};

/// Everything that the user wrote.
pub(super) struct Sources<'s> {
    pub(super) overrides: &'s RunOverrides,
    /// Weakest first.
    pub(super) files: &'s [LoadedFile],
    pub(super) environment: &'s Environment,
    pub(super) current_directory: &'s Path,
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Sourced<'s, T> {
    pub(super) value: T,
    pub(super) subject: Subject,
    /// The folder at which a relative path starts.
    pub(super) base: &'s Path,
}

impl<'s> Sources<'s> {
    /// The files, strongest first.
    pub(super) fn strongest(&self) -> impl Iterator<Item = &'s LoadedFile> {
        self.files.iter().rev()
    }

    /// A value of the strongest file that has one.
    pub(super) fn in_files<T>(&self, key: &str, field: impl Fn(&'s RunFile) -> Option<&'s Spanned<T>>) -> Option<Sourced<'s, &'s T>> {
        self.strongest().find_map(|file| Some(sourced(file, key, field(&file.run)?)))
    }

    /// A text: the typed one, else that of the strongest file that has one.
    pub(super) fn text(
        &self,
        option: &'static str,
        typed: Option<&'s String>,
        key: &str,
        field: impl Fn(&'s RunFile) -> Option<&'s Spanned<String>>,
    ) -> Option<Sourced<'s, &'s str>> {
        let typed = typed.map(|value| self.typed(option, value.as_str()));
        typed.or_else(|| {
            self.in_files(key, field).map(|text| Sourced { value: text.value.as_str(), subject: text.subject, base: text.base })
        })
    }

    /// A list: the typed one where something was typed, else that of the strongest file that has one.
    pub(super) fn list(
        &self,
        option: &'static str,
        typed: &'s [String],
        key: &str,
        field: impl Fn(&'s RunFile) -> Option<&'s Vec<Spanned<String>>>,
    ) -> Option<Vec<Sourced<'s, &'s str>>> {
        if !typed.is_empty() {
            return Some(typed.iter().map(|value| self.typed(option, value.as_str())).collect());
        }
        self.list_in_files(key, field)
    }

    /// A list of the strongest file that has one.
    pub(super) fn list_in_files(
        &self,
        key: &str,
        field: impl Fn(&'s RunFile) -> Option<&'s Vec<Spanned<String>>>,
    ) -> Option<Vec<Sourced<'s, &'s str>>> {
        self.strongest().find_map(|file| {
            let element = |(index, text): (usize, &'s Spanned<String>)| Sourced {
                value: text.get_ref().as_str(),
                subject: file.subject(format!("{key}[{index}]"), text.span().start),
                base: &file.folder,
            };
            Some(field(&file.run)?.iter().enumerate().map(element).collect())
        })
    }

    /// Something that was typed.
    pub(super) fn typed<T>(&self, option: &'static str, value: T) -> Sourced<'s, T> {
        Sourced { value, subject: Subject { origin: Origin::Option(option), key: String::new() }, base: self.current_directory }
    }
}

/// A value of a file.
pub(super) fn sourced<'s, T>(file: &'s LoadedFile, key: &str, value: &'s Spanned<T>) -> Sourced<'s, &'s T> {
    Sourced { value: value.get_ref(), subject: file.subject(key, value.span().start), base: &file.folder }
}

impl<T> Sourced<'_, T> {
    /// A complaint about a value that is shown as `found`.
    pub(super) fn wrong_as(&self, found: impl Into<String>, expected: impl Into<String>) -> ConfigError {
        ConfigError::Value { subject: Box::new(self.subject.clone()), found: found.into(), expected: expected.into() }
    }
}

impl<'s> Sourced<'s, &'s str> {
    /// A complaint about this text.
    pub(super) fn wrong(&self, expected: impl Into<String>) -> ConfigError {
        self.wrong_as(quoted(self.value), expected)
    }

    /// What `read` makes of it, or its complaint.
    pub(super) fn parse<T, E: Into<String>>(&self, read: impl FnOnce(&'s str) -> Result<T, E>) -> Result<T, ConfigError> {
        read(self.value).map_err(|expected| self.wrong(expected))
    }

    /// The text as an absolute path.
    pub(super) fn path(&self) -> Result<PathBuf, ConfigError> {
        if self.value.is_empty() || self.value.contains('\0') {
            return Err(self.wrong("a path"));
        }
        Ok(absolute(self.base, Path::new(self.value)))
    }
}

/// `path` from `base`, without `.`; `..` stays, since what it means depends on links.
pub(super) fn absolute(base: &Path, path: &Path) -> PathBuf {
    // Collecting the components drops every `.`.
    base.join(path).components().collect()
}
