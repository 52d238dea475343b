//! How much is made of one file.

use super::error::Trouble;
use crate::names::Bytes;

/// The most that is read from a file, or written to one. A file of a stranger may be small and mean much: compressed zeros, a YAML alias of an
/// alias, a column whose one value stands for every row. At the limit reading stops with an error that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Of the file, and of what comes out of its compression.
    pub bytes: Bytes,
    /// Rows of one table, and lines of JSON lines.
    pub rows: usize,
    /// Values altogether: cells, elements, keys.
    pub values: usize,
    /// How deep lists and tables are nested. Stops a file of brackets from using up the stack.
    pub depth: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { bytes: Bytes::mebi(256), rows: 1_000_000, values: 5_000_000, depth: 100 }
    }
}

/// What is left of the limits while one file is read.
pub(super) struct Budget {
    limits: FileLimits,
    values: usize,
    rows: usize,
    bytes: usize,
}

impl Budget {
    pub(super) const fn new(limits: FileLimits) -> Self {
        Self { limits, values: 0, rows: 0, bytes: 0 }
    }

    /// One more value, of this many bytes.
    pub(super) fn value(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.values += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.values > self.limits.values {
            return Err(Trouble::limit(format!("{} values", self.limits.values)));
        }
        if self.bytes > self.limits.bytes.as_len() {
            return Err(Trouble::limit(format!("{} of values", self.limits.bytes)));
        }
        Ok(())
    }

    /// One more row of the table that is being read.
    pub(super) fn row(&mut self) -> Result<(), Trouble> {
        self.rows += 1;
        if self.rows > self.limits.rows { Err(Trouble::limit(format!("{} rows", self.limits.rows))) } else { Ok(()) }
    }

    /// The next table begins.
    pub(super) const fn table(&mut self) {
        self.rows = 0;
    }

    /// Whether something may be nested this deep.
    pub(super) fn at_depth(&self, depth: usize) -> Result<(), Trouble> {
        if depth > self.limits.depth { Err(Trouble::limit(format!("{} levels of nesting", self.limits.depth))) } else { Ok(()) }
    }
}
