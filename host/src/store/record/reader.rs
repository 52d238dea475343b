//! Reads a record entry by entry, without believing it.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use super::{
    entry::{Entry, LINE},
    verify::RecordError,
};
use crate::store::error::StoreError;

/// The entries of the record at `path`, in order, for showing. Whether they are true is for `verify_record` to say.
pub fn read_record(path: &Path) -> Result<RecordReader, StoreError> {
    Ok(RecordReader { lines: Lines::open(path)? })
}

/// Reads a record entry by entry; ends at a torn last line.
#[derive(Debug)]
pub struct RecordReader {
    lines: Lines,
}

impl Iterator for RecordReader {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next_line() {
            Ok(Some(line)) if line.whole => line,
            Ok(_) => return None,
            Err(error) => return Some(Err(error)),
        };
        let entry = serde_json::from_slice(&line.bytes);
        Some(entry.map_err(|error| RecordError::line(&self.lines.path, line.number, format!("it is no entry: {error}")).into()))
    }
}

/// The lines of a file, each at most [`LINE`] bytes.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) path: PathBuf,
    file: BufReader<File>,
    number: u64,
    offset: u64,
}

/// One line.
#[derive(Debug)]
pub(super) struct RawLine {
    /// From 1, as editors count.
    pub(super) number: u64,
    /// Where it begins.
    pub(super) offset: u64,
    /// What it says, without the line feed.
    pub(super) bytes: Vec<u8>,
    /// Whether the line feed is there.
    pub(super) whole: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| StoreError::io("opened", path, error))?;
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(LINE, file), number: 0, offset: 0 })
    }

    pub(super) fn next_line(&mut self) -> Result<Option<RawLine>, StoreError> {
        let mut bytes = Vec::new();
        let limit = LINE as u64;
        (&mut self.file).take(limit).read_until(b'\n', &mut bytes).map_err(|error| StoreError::io("read", &self.path, error))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.number += 1;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if !whole && bytes.len() == LINE {
            return Err(RecordError::line(&self.path, self.number, format!("it is longer than {LINE} bytes")).into());
        }
        Ok(Some(RawLine { number: self.number, offset, bytes, whole }))
    }
}
