//! Storing what the threads of one snapshot find.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    object_file::{Encoder, LEVEL, PLAIN, ZSTD},
    objects::{Part, Writer, place},
    packer::{Packer, SMALL},
    packs::Known,
};
use crate::{
    names::{Bytes, Digest, Digester},
    workspace::WorkspaceError,
};

/// How much of a large file is read at once, and how much of it tells whether compressing helps.
const PIECE: usize = 1 << 20;

/// What the threads share.
pub(super) struct Storage<'w> {
    writer: &'w Writer<'w>,
    /// What the packs held at the beginning. Nothing of it goes away while somebody may store.
    known: Arc<Known>,
    /// What one of the threads stores, or found stored.
    claimed: Mutex<HashSet<Digest>>,
}

impl<'w> Storage<'w> {
    pub(super) fn new(writer: &'w Writer<'w>) -> Result<Self, WorkspaceError> {
        Ok(Self { writer, known: writer.objects.look_at_packs()?, claimed: Mutex::default() })
    }

    fn has(&self, sha256: &Digest) -> bool {
        self.known.has(sha256) || self.writer.objects.has_file(sha256)
    }

    /// Whether this is the first time that somebody asks.
    fn claim(&self, sha256: Digest) -> bool {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256)
    }
}

/// What one thread needs to store. Everything is in its place when it was finished.
pub(super) struct Store<'a> {
    storage: &'a Storage<'a>,
    encoder: Encoder,
    packer: Packer<'a>,
}

impl<'a> Store<'a> {
    pub(super) fn new(storage: &'a Storage<'a>) -> Result<Self, WorkspaceError> {
        let encoder = Encoder::new().map_err(|error| storage.writer.write_error(error))?;
        Ok(Self { storage, encoder, packer: Packer::new(storage.writer.objects) })
    }

    /// Whether a content was there before.
    pub(super) fn has(&self, sha256: &Digest) -> bool {
        self.storage.has(sha256)
    }

    /// Keep `content`, unless it is there already. Tells its digest.
    pub(super) fn keep(&mut self, content: &[u8]) -> Result<Digest, WorkspaceError> {
        let digest = Digest::of(content);
        if self.storage.claim(digest) && !self.storage.has(&digest) {
            self.store(digest, content).map_err(|error| self.storage.writer.write_error(error))?;
        }
        Ok(digest)
    }

    fn store(&mut self, digest: Digest, content: &[u8]) -> io::Result<()> {
        let stored = self.encoder.encode(content)?;
        if stored.len() <= SMALL {
            return self.packer.add(digest, stored);
        }
        self.storage.writer.objects.put(&digest, stored).map(drop)
    }

    /// Keep a file that is too large for the memory.
    pub(super) fn keep_large(&mut self, file: &mut File, piece: &mut Vec<u8>) -> io::Result<(Digest, Bytes)> {
        piece.clear();
        file.rewind()?;
        Read::take(&mut *file, PIECE as u64).read_to_end(piece)?;
        let helps = self.encoder.encode(piece)?.first() == Some(&ZSTD);
        file.rewind()?;
        let mut part = Part::create(&self.storage.writer.objects.content)?;
        part.file.write_all(&[if helps { ZSTD } else { PLAIN }])?;
        let (digest, bytes) = if helps {
            let mut frame = zstd::Encoder::new(&part.file, LEVEL)?;
            let read = digest_into(file, &mut frame, piece)?;
            frame.finish()?;
            read
        } else {
            digest_into(file, &mut &part.file, piece)?
        };
        if !self.storage.has(&digest) {
            part.put_as(&place(&digest))?;
        }
        Ok((digest, bytes))
    }

    pub(super) fn finish(self) -> Result<(), WorkspaceError> {
        self.packer.finish().map(drop).map_err(|error| self.storage.writer.write_error(error))
    }
}

/// Move everything from `source` to `target`, and measure it.
pub(super) fn digest_into(source: &mut File, target: &mut impl io::Write, piece: &mut Vec<u8>) -> io::Result<(Digest, Bytes)> {
    piece.resize(PIECE, 0);
    let (mut digester, mut bytes) = (Digester::default(), 0_u64);
    loop {
        let length = match source.read(piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok((digester.finish(), Bytes(bytes)));
        }
        bytes = bytes.saturating_add(read.len() as u64);
        digester.update(read);
        target.write_all(read)?;
    }
}
