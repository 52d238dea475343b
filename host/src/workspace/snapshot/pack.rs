//! Many stored contents in one file: a file of its own for each of ten thousand contents would take longer to make than to fill.
//!
//! ```text
//! contents    one behind the other, each as `object_file` stores one
//! index       for each of them, sorted: its digest (32 bytes), where it begins and how long it is (8 bytes each, little endian)
//! end         how many there are (8 bytes, little endian), and what this form is called (8 bytes)
//! ```
//!
//! The name of the file is the digest of index and end. A file in which they are not what the name says, as a power failure leaves it, holds
//! nothing: what was in it is stored again.

use std::{
    fs::File,
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::fs::FileExt as _},
};

use super::objects::Part;
use crate::names::Digest;

/// The last bytes of the file. Another way of writing it gets another number.
const FORM: &[u8; 8] = b"wfpack1\n";

/// Bytes of the index for one content.
const ENTRY: usize = 48;

/// Bytes behind the index.
const END: usize = 16;

/// Contents of one pack. Stops a broken number from filling the memory.
const MOST_CONTENTS: usize = 1 << 16;

/// Where a pack ends and the next one begins. Removal writes at most so much anew at once.
const MOST_BYTES: u64 = 256 << 20;

/// How much is written at once.
const WRITE: usize = 1 << 20;

/// Where in a pack a content lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) sha256: Digest,
    pub(super) at: u64,
    pub(super) length: u64,
}

/// What is in the pack of this name. `None` where the file is not a whole one.
pub(super) fn read_index(file: &File, name: &Digest) -> io::Result<Option<Vec<Packed>>> {
    let Some(end_at) = file.metadata()?.len().checked_sub(END as u64) else { return Ok(None) };
    let mut end = [0; END];
    if !fill(file, &mut end, end_at)? {
        return Ok(None);
    }
    let Some(length) = index_length(&end) else { return Ok(None) };
    let Some(index_at) = end_at.checked_sub(length as u64) else { return Ok(None) };
    let mut index = vec![0; length + END];
    if !fill(file, &mut index, index_at)? || Digest::of(&index) != *name {
        return Ok(None);
    }
    index.truncate(length);
    Ok(index.chunks_exact(ENTRY).map(|entry| parse(entry, index_at)).collect())
}

fn index_length(end: &[u8; END]) -> Option<usize> {
    let (count, form) = end.split_first_chunk()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    if form == FORM && count <= MOST_CONTENTS { count.checked_mul(ENTRY) } else { None }
}

/// One line of an index, of a content that ends before `limit`.
fn parse(entry: &[u8], limit: u64) -> Option<Packed> {
    let (sha256, rest) = entry.split_first_chunk::<32>()?;
    let (at, rest) = rest.split_first_chunk()?;
    let (length, _) = rest.split_first_chunk()?;
    let (at, length) = (u64::from_le_bytes(*at), u64::from_le_bytes(*length));
    let ends_inside = at.checked_add(length).is_some_and(|end| end <= limit);
    ends_inside.then_some(Packed { sha256: Digest::from(*sha256), at, length })
}

/// Fill `space` with what is at this place. False where the file ends before.
fn fill(file: &File, space: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(space, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A pack that is being written.
pub(super) struct PackWriter<'f> {
    part: Part<'f>,
    buffer: Vec<u8>,
    at: u64,
    index: Vec<Packed>,
}

impl<'f> PackWriter<'f> {
    pub(super) fn create(folder: &'f OwnedFd) -> io::Result<Self> {
        Ok(Self { part: Part::create(folder)?, buffer: Vec::with_capacity(WRITE), at: 0, index: Vec::new() })
    }

    /// Append a content, as it is stored. The caller gives each only once.
    pub(super) fn add(&mut self, sha256: Digest, stored: &[u8]) -> io::Result<()> {
        if self.buffer.len() + stored.len() > WRITE {
            self.part.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(stored);
        let length = stored.len() as u64;
        self.index.push(Packed { sha256, at: self.at, length });
        self.at += length;
        Ok(())
    }

    pub(super) const fn is_full(&self) -> bool {
        self.at >= MOST_BYTES || self.index.len() >= MOST_CONTENTS
    }

    /// Give it its name. Tells it, and the space that it takes.
    pub(super) fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.index.sort_unstable_by_key(|packed| packed.sha256);
        let mut index = Vec::with_capacity(self.index.len() * ENTRY + END);
        for packed in &self.index {
            index.extend_from_slice(packed.sha256.bytes());
            index.extend_from_slice(&packed.at.to_le_bytes());
            index.extend_from_slice(&packed.length.to_le_bytes());
        }
        index.extend_from_slice(&(self.index.len() as u64).to_le_bytes());
        index.extend_from_slice(FORM);
        self.part.file.write_all(&self.buffer)?;
        self.part.file.write_all(&index)?;
        let (name, space) = (Digest::of(&index), self.part.space()?);
        self.part.put_as(&name.hex())?;
        Ok((name, space))
    }
}
