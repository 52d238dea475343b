//! How the user's words cannot be understood.

use std::{fmt, io, path::PathBuf};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// On the command line, by this option.
    Option(&'static str),
}

/// A value with its place: a file with line and column and then the key, or the option that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where it was written.
    pub origin: Origin,
    /// Its path of keys, with dots.
    pub key: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { path, line, column } => write!(f, "{}:{line}:{column}: `{}`", path.display(), self.key),
            Origin::Option(option) => write!(f, "`{option}`"),
        }
    }
}

/// Why the user's words were not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value cannot be used.
    #[error("{subject} is {found}: expected {expected}")]
    Value {
        /// What was set, and where.
        subject: Box<Subject>,
        /// The value as it came, shortened.
        found: String,
        /// What would have been right.
        expected: String,
    },
    /// A value breaks a rule that says itself what is wrong.
    #[error("{subject}: {why}")]
    Refused {
        /// What was set, and where.
        subject: Box<Subject>,
        /// The rule.
        why: String,
    },
    /// A table has a key that nobody reads.
    #[error("{path}:{line}:{column}: unknown key `{key}`", path = path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// Its path of keys, with dots.
        key: String,
        /// A key that was perhaps meant.
        meant: Option<String>,
        /// All keys of this table.
        known: Vec<String>,
    },
    /// A table lacks a key.
    #[error("{path}:{line}:{column}: `{key}` is missing", path = path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// Of the table, from 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// Its path of keys, with dots.
        key: String,
    },
    /// The text is not of its language.
    #[error("{path}:{line}:{column}: this is not {language}: {cause}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// `TOML 1.1`, `YAML 1.2` or `JSON`, as the ending of its name says.
        language: &'static str,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What the parser said.
        cause: String,
    },
    /// A file cannot be read.
    #[error("cannot read {what} `{path}`: {cause}", path = path.display())]
    Unreadable {
        /// What it is for: `the run file`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {what} `{path}`: {cause}", path = path.display())]
    Unwritable {
        /// What it is for: `the output directory`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file could have been written by somebody else.
    #[error("`{path}` is not trusted: {why}", path = path.display())]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
        /// Why: `everybody can write it (mode 0666)`.
        why: String,
        /// What to do about it.
        cure: String,
    },
    /// A file by which worldflux decides does not fit to what it decided before.
    #[error("`{path}` is not believed: {why}", path = path.display())]
    Tampered {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
        /// What to do about it.
        cure: String,
    },
    /// A project gives rights, which it can only take.
    #[error("{subject} would give plugin `{plugin}` a right: a project can only take rights away")]
    Widens {
        /// What was set, and where.
        subject: Box<Subject>,
        /// The plugin.
        plugin: String,
        /// What the user can type instead.
        cure: String,
    },
    /// Nothing says where the user's files are.
    #[error("there is no home directory: HOME is not set, and the user database names none")]
    NoHome,
    /// The current directory is gone or cannot be read.
    #[error("cannot tell the current directory: {0}")]
    NoCurrentDirectory(io::Error),
    /// There is nothing to run.
    #[error("there is no command to run")]
    NoCommand,
    /// A variable should come from the host, and is not there.
    #[error("`--env {0}` takes `{0}` from your environment, and it is not set there")]
    NoSuchVariable(String),
    /// The schema of a plugin cannot be used.
    #[error("the settings schema of runtime `{runtime}` cannot be used: {why}")]
    Schema {
        /// The runtime.
        runtime: String,
        /// Why.
        why: String,
    },
    /// A setting of the runtime's own part does not fit its schema.
    #[error("`{field}` {problem}")]
    Setting {
        /// Its path of keys, with dots: `environment.local.requirements`.
        field: String,
        /// What is wrong with it: "is 5: expected a text".
        problem: String,
        /// A key that was perhaps meant.
        meant: Option<String>,
    },
}

impl ConfigError {
    /// The key or option that is at fault, and what stands there, as far as it is one and that is known.
    #[must_use]
    pub fn culprit(&self) -> (Option<String>, Option<String>) {
        let name = |subject: &Subject| match subject.origin {
            Origin::Option(option) => option.to_owned(),
            Origin::File { .. } => subject.key.clone(),
        };
        match self {
            Self::Value { subject, found, .. } => (Some(name(subject)), Some(found.clone())),
            Self::Refused { subject, .. } => (Some(name(subject)), None),
            Self::UnknownKey { key, .. } | Self::MissingKey { key, .. } => (Some(key.clone()), None),
            Self::Setting { field, .. } => (Some(field.clone()), None),
            _ => (None, None),
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { meant: Some(meant), .. } | Self::Setting { meant: Some(meant), .. } => {
                Some(format!("did you mean `{meant}`?"))
            }
            Self::UnknownKey { known, .. } if !known.is_empty() => {
                let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                Some(format!("known here: {}", known.join(", ")))
            }
            Self::Untrusted { cure, .. } | Self::Tampered { cure, .. } | Self::Widens { cure, .. } => Some(cure.clone()),
            Self::NoHome => Some("set HOME, or both WORLDFLUX_STATE_DIR and WORLDFLUX_CONFIG_DIR".into()),
            Self::NoCurrentDirectory(_) => Some("change to a folder that exists".into()),
            Self::NoCommand => {
                Some("write it after `--`, as in `worldflux run -- python3 train.py`, or as `command` in worldflux.toml".into())
            }
            Self::NoSuchVariable(name) => Some(format!("give its value, as in `--env {name}=VALUE`")),
            _ => None,
        }
    }
}

/// A text of the user's, in backticks, escaped and shortened.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
