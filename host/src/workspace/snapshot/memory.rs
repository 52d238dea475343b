//! What files of a folder held when they were read, so that the next snapshot reads only what changed.
//!
//! Losing it, or a broken one, costs the time to read everything again, and nothing else.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::stamp::{FIELDS, Stamp};
use crate::{
    names::Digest,
    workspace::{HardLinks, RelativePath, Root},
};

/// The first bytes of the file. Another way of writing it gets another number.
const FIRST: &[u8; 8] = b"wfstat1\n";

/// Bytes of the file. Stops a broken one from filling the memory.
const MOST: crate::names::Bytes = crate::names::Bytes::mebi(512);

/// The digests of files, by how the files looked. Sorted by path.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Vec<Known>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) path: RelativePath,
    pub(super) fields: [u64; FIELDS],
    pub(super) sha256: Digest,
}

impl Memory {
    /// Of files that are sorted by path.
    pub(super) const fn new(known: Vec<Known>) -> Self {
        Self { known }
    }

    /// What the file held, if it looks as it did then.
    pub(super) fn get(&self, path: &RelativePath, stamp: &Stamp) -> Option<Digest> {
        let at = self.known.binary_search_by(|known| known.path.cmp(path)).ok()?;
        self.known.get(at).filter(|known| known.fields == stamp.fields).map(|known| known.sha256)
    }

    /// Read the file at `path`; an empty one where there is none, or where it is not whole.
    pub(super) fn read(root: &Root, path: &RelativePath) -> Self {
        root.read(path, HardLinks::Refuse, MOST).ok().and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// As bytes, with their own digest at the end.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 160 * self.known.len());
        bytes.extend_from_slice(FIRST);
        for known in &self.known {
            let path = known.path.as_path().as_os_str().as_bytes();
            // A path has at most 4095 bytes.
            bytes.extend_from_slice(&u16::try_from(path.len()).unwrap_or(0).to_le_bytes());
            bytes.extend_from_slice(path);
            known.fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_le_bytes()));
            bytes.extend_from_slice(known.sha256.bytes());
        }
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, digest) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body) != Digest::from(*digest) {
            return None;
        }
        let mut rest = body.strip_prefix(FIRST)?;
        let mut known = Vec::with_capacity(rest.len() / 160);
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (path, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            let mut fields = [0; FIELDS];
            rest = after;
            for field in &mut fields {
                let (number, after) = rest.split_first_chunk::<8>()?;
                *field = u64::from_le_bytes(*number);
                rest = after;
            }
            let (sha256, after) = rest.split_first_chunk::<32>()?;
            rest = after;
            let path = RelativePath::from_os(OsStr::from_bytes(path)).ok()?;
            known.push(Known { path, fields, sha256: Digest::from(*sha256) });
        }
        Some(Self { known })
    }
}
