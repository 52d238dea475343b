//! What a file is, told by its name and by its first bytes.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the bytes of a file mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// One JSON value.
    Json,
    /// One JSON value a line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// Rows of cells with `,` between them.
    Csv,
    /// Rows of cells with a tabulator between them.
    Tsv,
    /// One YAML document.
    Yaml,
    /// A `SQLite` database.
    Sqlite,
    /// An Apache Parquet file.
    Parquet,
    /// Text in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What a file is compressed with, whatever it contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wrapping {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// What a file is: the meaning of its bytes, and what is around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// What the bytes mean once they are unpacked.
    pub kind: FileKind,
    /// What is around them.
    pub wrapping: Wrapping,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 9] =
        [Self::Json, Self::JsonLines, Self::Csv, Self::Tsv, Self::Yaml, Self::Sqlite, Self::Parquet, Self::Text, Self::Binary];

    /// Its name, as settings and protocols spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Yaml => "yaml",
            Self::Sqlite => "sqlite",
            Self::Parquet => "parquet",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }

    /// The endings of names, in small letters and without the dot, that stand for it.
    const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["json"],
            Self::JsonLines => &["jsonl", "ndjson"],
            Self::Csv => &["csv"],
            Self::Tsv => &["tsv"],
            Self::Yaml => &["yaml", "yml"],
            Self::Sqlite => &["sqlite", "sqlite3", "db"],
            Self::Parquet => &["parquet"],
            Self::Text => &["txt", "md", "py", "js", "ts", "html", "css", "xml", "rs", "sh", "toml", "log"],
            Self::Binary => &["bin", "tar"],
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.suffixes().contains(&suffix))
    }
}

impl Wrapping {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::None, Self::Gzip, Self::Bzip2, Self::Zstd];

    /// Its name, as settings and protocols spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
        }
    }

    /// What the first bytes of a file say.
    #[must_use]
    pub fn of_content(content: &[u8]) -> Self {
        match content {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        match suffix {
            "gz" => Some(Self::Gzip),
            "bz2" => Some(Self::Bzip2),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Archives: they are kept as they are, since what they contain is more than one file.
const ARCHIVES: &[&str] =
    &[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".zip", ".whl", ".jar", ".7z"];

impl Format {
    /// Bytes as they are.
    pub const BINARY: Self = Self { kind: FileKind::Binary, wrapping: Wrapping::None };

    /// Without anything around it.
    #[must_use]
    pub const fn plain(kind: FileKind) -> Self {
        Self { kind, wrapping: Wrapping::None }
    }

    /// What the name says: the last ending, or the one before it where the last names a compression. `None` where it says nothing.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        if ARCHIVES.iter().any(|archive| name.ends_with(archive)) {
            return Some(Self::BINARY);
        }
        let (rest, last) = name.rsplit_once('.')?;
        let Some(wrapping) = Wrapping::of_suffix(last) else {
            return FileKind::of_suffix(last).map(Self::plain);
        };
        let kind = rest.rsplit_once('.').and_then(|(_, inner)| FileKind::of_suffix(inner))?;
        Some(Self { kind, wrapping })
    }

    /// What the name and the content say. The name decides what the bytes mean where it says anything, since a table of text looks like any
    /// text; the content decides everywhere else, and always whether there is a compression to take away: a `.json` that is compressed is
    /// JSON, and a `.gz` that is not is read as it is. What says nothing at all is text.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        let found = Wrapping::of_content(content);
        match Self::of_name(name) {
            Some(named) if named.kind == FileKind::Binary => named,
            Some(named) => Self { kind: named.kind, wrapping: found },
            None => Self { kind: kind_of_content(content).unwrap_or(FileKind::Text), wrapping: found },
        }
    }
}

/// What the first bytes of an unpacked file say.
pub(super) fn kind_of_content(content: &[u8]) -> Option<FileKind> {
    if content.starts_with(b"SQLite format 3\0") {
        return Some(FileKind::Sqlite);
    }
    // Both at the beginning and at the end, and a footer between them.
    (content.starts_with(b"PAR1") && content.ends_with(b"PAR1") && content.len() >= 12).then_some(FileKind::Parquet)
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::JsonLines => "JSON lines",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Yaml => "YAML",
            Self::Sqlite => "SQLite",
            Self::Parquet => "Parquet",
            Self::Text => "text",
            Self::Binary => "bytes",
        })
    }
}

/// `CSV` or `CSV in gzip`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if self.wrapping == Wrapping::None { Ok(()) } else { write!(f, " in {}", self.wrapping.name()) }
    }
}
