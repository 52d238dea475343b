//! One stored content: a byte that says how, then the content as it is or as a Zstandard frame (RFC 8878).

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

use crate::{
    names::{Bytes, Digest, Digester},
    workspace::WorkspaceError,
};

/// Stored as it is.
pub(super) const PLAIN: u8 = 0;

/// Stored as a Zstandard frame.
pub(super) const ZSTD: u8 = 1;

/// Level 1: half of the size of text at the speed of a disk.
pub(super) const LEVEL: i32 = 1;

/// Below this nothing is won: a file takes a block of the disk anyway.
const SMALLEST: usize = 512;

/// Compresses contents one after the other.
pub(super) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { compressor: zstd::bulk::Compressor::new(LEVEL)?, buffer: Vec::new() })
    }

    /// How `content` is stored: compressed where that makes it smaller by an eighth.
    pub(super) fn encode(&mut self, content: &[u8]) -> io::Result<&[u8]> {
        self.buffer.clear();
        if content.len() >= SMALLEST {
            self.buffer.resize(zstd::zstd_safe::compress_bound(content.len()) + 1, ZSTD);
            let (_, space) = self.buffer.split_at_mut(1);
            let length = self.compressor.compress_to_buffer(content, space)?;
            if length < content.len() - content.len() / 8 {
                return Ok(self.buffer.get(..=length).unwrap_or_default());
            }
            self.buffer.clear();
        }
        self.buffer.push(PLAIN);
        self.buffer.extend_from_slice(content);
        Ok(&self.buffer)
    }
}

/// Reads a stored content. The end comes only if every byte was as its digest says; otherwise an error.
pub struct StoredContent {
    source: Source,
    digester: Option<Digester>,
    left: u64,
    is_exact: bool,
    sha256: Digest,
}

/// How long a content is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Length {
    Exactly(Bytes),
    AtMost(Bytes),
}

enum Source {
    Plain(File),
    Zstd(Box<zstd::Decoder<'static, BufReader<File>>>),
}

impl StoredContent {
    /// What is stored in `file`, which should have the digest `sha256`.
    pub(super) fn new(mut file: File, sha256: Digest, length: Length) -> io::Result<Self> {
        let mut how = [0];
        if file.read(&mut how)? == 0 {
            return Err(wrong(sha256, "is empty"));
        }
        let source = match how {
            [PLAIN] => Source::Plain(file),
            [ZSTD] => Source::Zstd(Box::new(zstd::Decoder::new(file)?.single_frame())),
            _ => return Err(wrong(sha256, "is stored in a way that this version does not know")),
        };
        let (left, is_exact) = match length {
            Length::Exactly(bytes) => (bytes.0, true),
            Length::AtMost(bytes) => (bytes.0, false),
        };
        Ok(Self { source, digester: Some(Digester::default()), left, is_exact, sha256 })
    }

    /// A file as it is, checked while it is read in the same way.
    pub(in crate::workspace) fn plain(file: File, sha256: Digest, bytes: Bytes) -> Self {
        Self { source: Source::Plain(file), digester: Some(Digester::default()), left: bytes.0, is_exact: true, sha256 }
    }
}

impl Read for StoredContent {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        let length = match &mut self.source {
            Source::Plain(file) => file.read(space)?,
            Source::Zstd(decoder) => decoder.read(space).map_err(|_| wrong(self.sha256, "is damaged"))?,
        };
        let read = space.get(..length).unwrap_or_default();
        // Stops a frame that unpacks to terabytes.
        self.left = self.left.checked_sub(read.len() as u64).ok_or_else(|| wrong(self.sha256, "is longer than it was"))?;
        if let Some(digester) = &mut self.digester {
            digester.update(read);
        }
        if read.is_empty() {
            let whole = self.digester.take().is_none_or(|digester| digester.finish() == self.sha256);
            if (self.is_exact && self.left != 0) || !whole {
                return Err(wrong(self.sha256, "is not what it was"));
            }
        }
        Ok(length)
    }
}

impl std::fmt::Debug for StoredContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredContent({})", self.sha256)
    }
}

fn wrong(sha256: Digest, problem: &'static str) -> io::Error {
    io::Error::other(WorkspaceError::Content { sha256, problem })
}
