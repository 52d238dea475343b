//! From bytes to values and back, and files of a folder read and written so.

use rustix::fs::RawMode;

use super::{
    Content, FileError, FileKind, FileLimits, Format, Wrapping, delimited, error::Trouble, json, kind::kind_of_content, limits::Budget,
    parquet, parquet_write, sqlite, sqlite_write, wrapping, yaml, yaml_write,
};
use crate::workspace::{HardLinks, RelativePath, Root, WorkspaceError};

/// What the bytes of a file hold. Without a format, its name and content tell. A file of text that is not UTF-8 is bytes.
pub fn decode(name: &str, bytes: Vec<u8>, format: Option<Format>, limits: FileLimits) -> Result<Content, FileError> {
    let format = format.unwrap_or_else(|| Format::of(name, &bytes));
    let wrapping_is_wrong = format.wrapping != Wrapping::None && format.wrapping != Wrapping::of_content(&bytes);
    let read = if wrapping_is_wrong {
        Err(Trouble::new(format!("it does not begin as {} does", format.wrapping.name())))
    } else {
        wrapping::unwrap(&bytes, format.wrapping, limits.bytes)
    };
    drop(bytes);
    let read = read.and_then(|inside| {
        // Who has no name for it has looked only at the outside so far.
        let guessed = if format.kind == FileKind::Text && Format::of_name(name).is_none() { kind_of_content(&inside) } else { None };
        content(inside, guessed.unwrap_or(format.kind), &mut Budget::new(limits))
    });
    read.map_err(|trouble| trouble.reading(name, format))
}

/// The bytes of a file that holds `content`. Without a format, its name tells, or else what the content is.
pub fn encode(name: &str, content: &Content, format: Option<Format>, limits: FileLimits) -> Result<Vec<u8>, FileError> {
    let by_content = || match content {
        Content::Text(_) => Some(Format::plain(FileKind::Text)),
        Content::Bytes(_) => Some(Format::BINARY),
        _ => None,
    };
    let format = format.or_else(|| Format::of_name(name)).or_else(by_content);
    let format = format.ok_or_else(|| FileError::NoFormat { name: name.to_owned() })?;
    let written = bytes(content, format.kind).and_then(|bytes| {
        if bytes.len() > limits.bytes.as_len() {
            return Err(Trouble::limit(limits.bytes.to_string()));
        }
        wrapping::wrap(bytes, format.wrapping)
    });
    written.map_err(|trouble| trouble.writing(name, format))
}

impl Root {
    /// Read a file as what it is; see [`decode`].
    pub fn read_typed(&self, path: &RelativePath, format: Option<Format>, limits: FileLimits) -> Result<Content, WorkspaceError> {
        let bytes = self.read(path, HardLinks::Refuse, limits.bytes)?;
        let format = format.unwrap_or_else(|| Format::of(&path.to_string(), &bytes));
        let content = decode(&path.to_string(), bytes, Some(format), limits)?;
        if matches!(content, Content::Tables(_)) {
            self.has_no_log(path).map_err(|trouble| trouble.reading(&path.to_string(), format))?;
        }
        Ok(content)
    }

    /// Whether a database is whole without the log of its changes, which is another file.
    fn has_no_log(&self, path: &RelativePath) -> Result<(), Trouble> {
        let mut log = path.as_path().as_os_str().to_owned();
        log.push("-wal");
        let Ok(log) = RelativePath::from_os(&log) else { return Ok(()) };
        match self.open_file(&log, HardLinks::Take).and_then(|file| file.metadata().map_err(|cause| self.system("look at", &log, cause))) {
            Ok(status) if status.len() > 0 => {
                Err(Trouble::new(format!("changes of it still stand in `{log}`: whoever writes to it has to close it first")))
            }
            _ => Ok(()),
        }
    }

    /// Write a file as what it is to be, see [`encode`]; folders are made as needed, and what stood there is replaced in one step.
    pub fn write_typed(
        &self,
        path: &RelativePath,
        content: &Content,
        format: Option<Format>,
        mode: RawMode,
        limits: FileLimits,
    ) -> Result<u64, WorkspaceError> {
        use std::io::Write as _;

        let bytes = encode(&path.to_string(), content, format, limits)?;
        let (replacement, mut file) = self.replace(path, mode)?;
        file.write_all(&bytes).map_err(|cause| self.system("write", path, cause))?;
        replacement.commit()?;
        Ok(bytes.len() as u64)
    }
}

fn content(bytes: Vec<u8>, kind: FileKind, budget: &mut Budget) -> Result<Content, Trouble> {
    Ok(match kind {
        FileKind::Json => Content::Document(json::read(&bytes, budget)?),
        FileKind::JsonLines => Content::Lines(json::read_lines(&bytes, budget)?),
        FileKind::Csv => Content::Table(delimited::read(text(&bytes)?, b',', budget)?),
        FileKind::Tsv => Content::Table(delimited::read(text(&bytes)?, b'\t', budget)?),
        FileKind::Yaml => Content::Document(yaml::read(text(&bytes)?, budget)?),
        FileKind::Sqlite => Content::Tables(sqlite::read(bytes, budget)?),
        FileKind::Parquet => Content::Table(parquet::read(bytes, budget)?),
        FileKind::Text => String::from_utf8(bytes).map_or_else(|error| Content::Bytes(error.into_bytes()), Content::Text),
        FileKind::Binary => Content::Bytes(bytes),
    })
}

fn bytes(content: &Content, kind: FileKind) -> Result<Vec<u8>, Trouble> {
    match (kind, content) {
        (_, Content::Bytes(bytes)) if matches!(kind, FileKind::Binary | FileKind::Text) => Ok(bytes.clone()),
        (FileKind::Binary | FileKind::Text, Content::Text(text)) => Ok(text.clone().into_bytes()),
        (FileKind::Text, content) => Ok(content.to_document().to_string().into_bytes()),
        (FileKind::Binary, _) => Err(Trouble::new("a value has no bytes of its own; say a type such as JSON")),
        // A text is a value as well: it is quoted, so that the file is JSON, and not what looks like it.
        (FileKind::Json, content) => json::write(&content.to_document()),
        (FileKind::JsonLines, Content::Lines(lines)) => json::write_lines(lines),
        (FileKind::JsonLines, Content::Table(table)) => json::write_lines(&table.records()),
        (FileKind::JsonLines, content) => json::write_lines(&[content.to_document()]),
        (FileKind::Yaml, content) => Ok(yaml_write::write(&content.to_document()).into_bytes()),
        (FileKind::Csv, content) => delimited::write(&content.table()?, b','),
        (FileKind::Tsv, content) => delimited::write(&content.table()?, b'\t'),
        (FileKind::Parquet, content) => parquet_write::write(&content.table()?),
        (FileKind::Sqlite, Content::Tables(tables)) => sqlite_write::write(tables),
        (FileKind::Sqlite, Content::Document(value)) => match Content::from_json(kind, value.clone()) {
            Ok(Content::Tables(tables)) => sqlite_write::write(&tables),
            Ok(_) => Err(Trouble::new("it is no set of tables")),
            Err(why) => Err(Trouble::new(why)),
        },
        (FileKind::Sqlite, content) => sqlite_write::write(&[("table".to_owned(), content.table()?)].into()),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Trouble> {
    let bytes = json::without_mark(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        Trouble::new("it is not UTF-8").in_line(line as u64)
    })
}
