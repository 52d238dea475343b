//! A snapshot as tar (POSIX.1-1988 ustar with the long names of GNU), which every tar reads.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::compression::{Compression, Packer};
use crate::{
    names::Moment,
    workspace::{Entry, Node, Objects, Tree, WorkspaceError, snapshot::pour},
};

/// How much is moved at once.
const PIECE: usize = 256 << 10;

/// Bytes of a block of tar.
const BLOCK: usize = 512;

/// Bytes of a name in a header.
const NAME: usize = 100;

/// What GNU calls the header of a long name.
const LONG_NAME: &[u8] = b"././@LongLink";

/// Write a snapshot as an archive. Equal snapshots give equal archives: every time is 1970, every owner is number 0 without a name.
pub fn export(objects: &Objects, tree: &Tree, compression: Compression, out: impl Write) -> Result<(), WorkspaceError> {
    let mut packer = Packer::new(compression, out).map_err(hand)?;
    let mut piece = vec![0; PIECE];
    for entry in tree.entries() {
        write_entry(objects, entry, &mut packer, &mut piece)?;
    }
    packer.write_all(&[0; 2 * BLOCK]).map_err(hand)?;
    packer.finish().map_err(hand)
}

/// A name for an archive that no other has: when, 8 random digits, and what it is of.
#[must_use]
pub fn archive_name(at: Moment, of: &str, compression: Compression) -> String {
    let mut random = [0; 4];
    if getrandom::fill(&mut random).is_err() {
        random = std::process::id().to_le_bytes();
    }
    let time: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let of: String = of.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(64).collect();
    format!("{time}.{:08x}.{of}{}", u32::from_le_bytes(random), compression.extension())
}

fn write_entry(objects: &Objects, entry: &Entry, out: &mut impl Write, piece: &mut [u8]) -> Result<(), WorkspaceError> {
    let mut name = entry.path.as_path().as_os_str().as_encoded_bytes().to_vec();
    match &entry.node {
        Node::File { executable, bytes, sha256 } => {
            let mode = if *executable { 0o755 } else { 0o644 };
            write_header(out, EntryType::Regular, &name, b"", mode, bytes.0).map_err(hand)?;
            pour(&mut objects.content(sha256, *bytes)?, out, piece).map_err(hand)?;
            pad(out, bytes.0).map_err(hand)
        }
        Node::Link(target) => write_header(out, EntryType::Symlink, &name, target.as_encoded_bytes(), 0o777, 0).map_err(hand),
        Node::Folder => {
            name.push(b'/');
            write_header(out, EntryType::Directory, &name, b"", 0o755, 0).map_err(hand)
        }
    }
}

fn write_header(out: &mut impl Write, kind: EntryType, name: &[u8], link: &[u8], mode: u32, bytes: u64) -> io::Result<()> {
    if link.len() > NAME {
        write_long(out, EntryType::GNULongLink, link)?;
    }
    if name.len() > NAME {
        write_long(out, EntryType::GNULongName, name)?;
    }
    write_short_header(out, kind, name, link, mode, bytes)
}

/// The whole name, as a member before the one that it belongs to.
fn write_long(out: &mut impl Write, kind: EntryType, name: &[u8]) -> io::Result<()> {
    let length = name.len() as u64 + 1;
    write_short_header(out, kind, LONG_NAME, b"", 0o644, length)?;
    out.write_all(name)?;
    out.write_all(&[0])?;
    pad(out, length)
}

fn write_short_header(out: &mut impl Write, kind: EntryType, name: &[u8], link: &[u8], mode: u32, bytes: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    if let Some(fields) = header.as_gnu_mut() {
        fields.name.iter_mut().zip(name).for_each(|(place, byte)| *place = *byte);
        fields.linkname.iter_mut().zip(link).for_each(|(place, byte)| *place = *byte);
    }
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes);
    header.set_cksum();
    out.write_all(header.as_bytes())
}

fn pad(out: &mut impl Write, bytes: u64) -> io::Result<()> {
    let last = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    let missing = (BLOCK - last) % BLOCK;
    out.write_all([0; BLOCK].get(..missing).unwrap_or_default())
}

fn hand(cause: io::Error) -> WorkspaceError {
    match cause.downcast::<WorkspaceError>() {
        Ok(error) => error,
        Err(cause) => WorkspaceError::Hand { what: "archive", cause },
    }
}
