//! One stored content: a byte that says how, then the content as it is or as a Zstandard frame (RFC 8878).

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
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

/// How much of a frame is read at once.
const PIECE: usize = 64 << 10;

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
        if content.len() >= SMALLEST {
            let most = zstd::zstd_safe::compress_bound(content.len()) + 1;
            if self.buffer.len() < most {
                self.buffer.resize(most, 0);
            }
            if let Some((how, space)) = self.buffer.split_first_mut() {
                let length = self.compressor.compress_to_buffer(content, space)?;
                if length < content.len() - content.len() / 8 {
                    *how = ZSTD;
                    return Ok(self.buffer.get(..=length).unwrap_or_default());
                }
            }
        }
        self.buffer.clear();
        self.buffer.push(PLAIN);
        self.buffer.extend_from_slice(content);
        Ok(&self.buffer)
    }
}

/// A part of a file, read from its first byte to its last, whoever else reads the file.
pub(super) struct Section {
    file: File,
    at: u64,
    end: u64,
}

impl Section {
    pub(super) const fn new(file: File, at: u64, length: u64) -> Self {
        Self { file, at, end: at.saturating_add(length) }
    }

    /// All of it, however long it is.
    pub(super) const fn whole(file: File) -> Self {
        Self::new(file, 0, u64::MAX)
    }

    fn left(&self) -> usize {
        usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX)
    }
}

impl Read for Section {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let most = self.left().min(space.len());
        let length = self.file.read_at(space.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(length as u64);
        Ok(length)
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
    Plain(Section),
    Zstd(Box<zstd::Decoder<'static, BufReader<Section>>>),
}

impl StoredContent {
    /// What is stored in `section`, which should have the digest `sha256`.
    pub(super) fn new(mut section: Section, sha256: Digest, length: Length) -> io::Result<Self> {
        let mut how = [0];
        if section.read(&mut how)? == 0 {
            return Err(wrong(sha256, "is empty"));
        }
        let source = match how {
            [PLAIN] => Source::Plain(section),
            [ZSTD] => {
                let frame = BufReader::with_capacity(section.left().clamp(1, PIECE), section);
                Source::Zstd(Box::new(zstd::Decoder::with_buffer(frame)?.single_frame()))
            }
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
        Self { source: Source::Plain(Section::whole(file)), digester: Some(Digester::default()), left: bytes.0, is_exact: true, sha256 }
    }
}

impl Read for StoredContent {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        let length = match &mut self.source {
            Source::Plain(section) => section.read(space)?,
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
