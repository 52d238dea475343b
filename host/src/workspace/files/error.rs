//! How a file cannot be read or written as what it should be.

use std::fmt;

use super::Format;

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spot {
    /// From 1; in a table of text, of the line in which the row begins. In a table without lines, the number of the row.
    pub line: Option<u64>,
    /// In characters, from 1.
    pub column: Option<u64>,
}

/// Why a file could not be read or written. Names are shown escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The content is not what the format asks for.
    #[error("cannot read `{name}` as {format}{spot}: {problem}")]
    Read {
        /// The file.
        name: String,
        /// As what.
        format: Format,
        /// Where in it.
        spot: Spot,
        /// What is wrong.
        problem: String,
    },
    /// The content means more than is taken.
    #[error("cannot read `{name}` as {format}{spot}: it has more than {limit}")]
    TooMuch {
        /// The file.
        name: String,
        /// As what.
        format: Format,
        /// Where the limit was met.
        spot: Spot,
        /// The limit: `1000000 rows`.
        limit: String,
    },
    /// The values cannot be said in the format.
    #[error("cannot write `{name}` as {format}{spot}: {problem}")]
    Write {
        /// The file.
        name: String,
        /// As what.
        format: Format,
        /// Which row, in a table.
        spot: Spot,
        /// What is wrong.
        problem: String,
    },
    /// Nothing says what the file should be.
    #[error("cannot tell as what `{name}` is to be written: its name has no ending that is known")]
    NoFormat {
        /// The file.
        name: String,
    },
}

/// What a reader or writer of one format has to complain about.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) spot: Spot,
    pub(super) text: String,
    pub(super) is_limit: bool,
}

impl Trouble {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { spot: Spot::default(), text: text.into(), is_limit: false }
    }

    pub(super) fn limit(text: impl Into<String>) -> Self {
        Self { is_limit: true, ..Self::new(text) }
    }

    pub(super) fn in_line(mut self, line: u64) -> Self {
        self.spot.line = Some(line);
        self
    }

    pub(super) fn at(mut self, line: u64, column: u64) -> Self {
        self.spot = Spot { line: Some(line), column: Some(column) };
        self
    }

    pub(super) fn reading(self, name: &str, format: Format) -> FileError {
        let (name, spot) = (name.to_owned(), self.spot);
        if self.is_limit {
            FileError::TooMuch { name, format, spot, limit: self.text }
        } else {
            FileError::Read { name, format, spot, problem: self.text }
        }
    }

    pub(super) fn writing(self, name: &str, format: Format) -> FileError {
        let problem = if self.is_limit { format!("it would have more than {}", self.text) } else { self.text };
        FileError::Write { name: name.to_owned(), format, spot: self.spot, problem }
    }
}

/// Begins with a comma where there is something to say.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (None, _) => Ok(()),
            (Some(line), None) => write!(f, ", line {line}"),
            (Some(line), Some(column)) => write!(f, ", line {line}, column {column}"),
        }
    }
}

impl FileError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoFormat { .. } => Some("say the type, or give the name an ending such as `.json`, `.csv` or `.txt`".into()),
            _ => None,
        }
    }
}
