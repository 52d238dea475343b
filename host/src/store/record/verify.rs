//! Tells whether a record is as it was written.

use std::path::{Path, PathBuf};

use super::{
    entry::{Body, Entry, FORMAT, chain, genesis, split},
    reader::{Lines, RawLine},
    writer::RecordHead,
};
use crate::{
    names::{Digest, RunId},
    store::error::StoreError,
};

/// A record that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A line is not what the chain says it is.
    #[error("`{}`, line {line}: {why}", path.display())]
    Line {
        /// The record.
        path: PathBuf,
        /// The first line that is wrong, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// There is no first entry.
    #[error("`{}` has no entry", path.display())]
    Empty {
        /// The record.
        path: PathBuf,
    },
}

/// A record whose chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSummary {
    /// Whose record it is.
    pub run: RunId,
    /// How many entries, and the hash of the last. To be compared with the manifest: lines that were cut off at the end leave no other trace.
    pub head: RecordHead,
    /// A last line without its end: the host was cut off while it wrote.
    pub torn: Option<Torn>,
    /// Whether the record became full and calls went unwritten.
    pub full: bool,
}

/// A last line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Its number, from 1.
    pub line: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

impl RecordError {
    pub(super) fn line(path: &Path, line: u64, why: impl Into<String>) -> Self {
        Self::Line { path: path.to_owned(), line, why: why.into() }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Line { .. } => "the record was changed after it was written; believe only the lines before this one".into(),
            Self::Empty { .. } => "the host was cut off before the run began, or the record was emptied".into(),
        }
    }
}

/// Follow the chain of the record at `path` from its first line to its last.
///
/// Finds a line that was changed, removed, put in or moved, and names it. A torn last line is reported in the summary, not as an error.
/// Memory is bounded by one line.
pub fn verify_record(path: &Path) -> Result<RecordSummary, StoreError> {
    let mut lines = Lines::open(path)?;
    let mut chain: Option<Chain> = None;
    let mut torn = None;
    while let Some(line) = lines.next_line()? {
        if !line.whole {
            torn = Some(Torn { line: line.number, offset: line.offset, bytes: line.bytes.len() as u64 });
            break;
        }
        chain = Some(follow(chain, &line).map_err(|why| RecordError::line(path, line.number, why))?);
    }
    let Some(Chain { run, count, hash, full }) = chain else {
        return Err(RecordError::Empty { path: path.to_owned() }.into());
    };
    Ok(RecordSummary { run, head: RecordHead { count, hash }, torn, full })
}

struct Chain {
    run: RunId,
    count: u64,
    hash: Digest,
    full: bool,
}

fn follow(before: Option<Chain>, line: &RawLine) -> Result<Chain, String> {
    let (canonical, hash) = split(&line.bytes).ok_or("it does not end with a hash")?;
    let entry: Entry = serde_json::from_slice(&canonical).map_err(|error| format!("it is no entry: {error}"))?;
    let before = match (before, &entry.body) {
        (Some(before), _) => before,
        (None, Body::Begin { format, run }) if format == FORMAT => Chain { run: run.clone(), count: 0, hash: genesis(run), full: false },
        (None, _) => return Err(format!("it is not the beginning of a `{FORMAT}`")),
    };
    if entry.seq != before.count {
        return Err(format!("its number is {}, expected {}: lines were removed, put in or moved", entry.seq, before.count));
    }
    // `prev` is part of the canonical form, so a hash that fits proves it too.
    if chain(&before.hash, &canonical) != hash {
        return Err("its hash does not fit: it, or a line before it, was changed".into());
    }
    let full = before.full || matches!(entry.body, Body::Dropped { .. });
    Ok(Chain { run: before.run, count: before.count + 1, hash, full })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
