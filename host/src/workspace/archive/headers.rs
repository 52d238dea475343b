//! What an archive says about its members: ustar, the long names of GNU, and the extended headers of POSIX.1-2001 (pax).

use std::io::{self, Read};

use tar::Header;

use super::{member::Member, source::Source};
use crate::workspace::WorkspaceError;

/// Bytes of a block.
const BLOCK: usize = 512;

/// Bytes of what is said about one member. Stops an archive whose names are gigabytes long.
const DESCRIPTION: u64 = 1 << 20;

/// What was said about the next member before its own header.
#[derive(Default)]
struct Said {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    bytes: Option<u64>,
}

/// The next member; `None` at the end of the archive, which is a block of zeros: without it something is missing.
pub(super) fn next(source: &mut Source<'_>) -> Result<Option<Member>, WorkspaceError> {
    let mut said = Said::default();
    loop {
        let mut block = [0; BLOCK];
        source.read_exact(&mut block).map_err(read_error)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        if header.cksum().ok() != Some(checksum(&block)) {
            return Err(broken("it is not a tar archive, or a header of it is damaged"));
        }
        let size = header.entry_size().map_err(|_| broken("a header of it has no size"))?;
        let kind = header.as_old().linkflag.first().copied().unwrap_or_default();
        match kind {
            b'L' => said.name = Some(text(source, size)?),
            b'K' => said.link = Some(text(source, size)?),
            b'x' => said.extended(&description(source, size)?)?,
            // Says something about all members that follow: comments, in practice.
            b'g' => drop(description(source, size)?),
            _ => {
                let name = said.name.unwrap_or_else(|| header.path_bytes().into_owned());
                return Ok(Some(Member {
                    is_executable: header.mode().is_ok_and(|mode| mode & 0o100 != 0),
                    // What the first tar wrote for a folder.
                    kind: if matches!(kind, 0 | b'0') && name.ends_with(b"/") { b'5' } else { kind },
                    name,
                    link: said.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default(),
                    bytes: said.bytes.unwrap_or(size),
                }));
            }
        }
    }
}

/// Read over what fills the last block of a member.
pub(super) fn skip_padding(source: &mut Source<'_>, bytes: u64) -> Result<(), WorkspaceError> {
    let rest = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    let missing = (BLOCK - rest) % BLOCK;
    let mut block = [0; BLOCK];
    source.read_exact(block.get_mut(..missing).unwrap_or_default()).map_err(read_error)
}

/// What an error means that came while the archive was read.
pub(super) fn read_error(error: io::Error) -> WorkspaceError {
    match error.downcast::<WorkspaceError>() {
        Ok(error) => error,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => broken("it ends in the middle"),
        Err(error) => broken(&error.to_string()),
    }
}

impl Said {
    /// Records such as `30 mtime=1350244992.023960108`, each with its own length in front.
    fn extended(&mut self, records: &[u8]) -> Result<(), WorkspaceError> {
        let wrong = || broken("an extended header of it is damaged");
        let mut rest = records;
        while !rest.is_empty() {
            let blank = rest.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let digits = std::str::from_utf8(rest.get(..blank).unwrap_or_default()).map_err(|_| wrong())?;
            let length: usize = digits.parse().map_err(|_| wrong())?;
            let (record, after) = rest.split_at_checked(length).ok_or_else(wrong)?;
            rest = after;
            let record = record.get(blank + 1..).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(wrong)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
            let (key, value) = record.split_at_checked(equals).ok_or_else(wrong)?;
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.bytes = Some(std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()).ok_or_else(wrong)?),
                key if key.starts_with(b"GNU.sparse.") => return Err(broken("it has a file with holes, which is not supported")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(source: &mut Source<'_>, size: u64) -> Result<Vec<u8>, WorkspaceError> {
    let mut text = description(source, size)?;
    while text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

fn description(source: &mut Source<'_>, size: u64) -> Result<Vec<u8>, WorkspaceError> {
    if size > DESCRIPTION {
        return Err(WorkspaceError::Bomb { most: "1 MiB".into(), what: "about one of its members" });
    }
    let mut text = Vec::new();
    source.take(size).read_to_end(&mut text).map_err(read_error)?;
    if text.len() as u64 != size {
        return Err(broken("it ends in the middle"));
    }
    skip_padding(source, size)?;
    Ok(text)
}

/// The sum of all bytes, those of the sum itself as blanks.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: Option<&[u8]>| bytes.unwrap_or_default().iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(block.get(..148)) + 8 * u32::from(b' ') + sum(block.get(156..))
}

fn broken(problem: &str) -> WorkspaceError {
    WorkspaceError::Archive { problem: problem.to_owned() }
}
