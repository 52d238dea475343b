//! Unpacking a stranger's archive.

use std::{
    collections::HashSet,
    io::{self, Read},
};

use super::{
    compression::Compression,
    headers::{next, read_error, skip_padding},
    member::Member,
    source::Source,
};
use crate::{
    names::Bytes,
    workspace::{RelativePath, Root, WorkspaceError, snapshot::pour},
};

/// How much is moved at once.
const PIECE: usize = 256 << 10;

/// How much of an archive is unpacked. All of them stop a small file from becoming a full disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes of all members together.
    pub bytes: Bytes,
    /// How many times larger than the archive they may be.
    pub ratio: u64,
    /// Up to here the ratio does not matter: a small archive of zeros hurts nobody.
    pub free: Bytes,
    /// Members.
    pub members: usize,
    /// Folders in folders.
    pub levels: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self { bytes: Bytes::gibi(16), ratio: 500, free: Bytes::mebi(256), members: 500_000, levels: 250 }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Files, links and folders.
    pub members: usize,
    /// Bytes of the files.
    pub bytes: Bytes,
    /// How the archive was compressed.
    pub compression: Compression,
}

/// Unpack a tar archive, of any [`Compression`], into `folder`. Files there are replaced, not written into; links there are not followed.
///
/// Of a member only its path, its content and whether it can be executed are taken. A member with an absolute path or `..` in it, a link
/// that leads out of the folder, a device, a pipe and a file with holes are errors that name it; a hard link becomes a copy of the member
/// that it names. After an error what was unpacked before stays: unpack into a folder that nobody uses yet.
pub fn unpack(archive: impl Read, folder: &Root, limits: UnpackLimits) -> Result<Unpacked, WorkspaceError> {
    let source = Source::new(archive, limits).map_err(read_error)?;
    let compression = source.compression;
    let mut unpacking = Unpacking { source, folder, limits, files: HashSet::new(), members: 0, bytes: 0, piece: vec![0; PIECE] };
    while let Some(member) = next(&mut unpacking.source)? {
        unpacking.take(&member)?;
    }
    // To its end: what it is compressed with has a sum of all that was in it there.
    pour(&mut unpacking.source, &mut io::sink(), &mut unpacking.piece).map_err(read_error)?;
    Ok(Unpacked { members: unpacking.members, bytes: Bytes(unpacking.bytes), compression })
}

struct Unpacking<'r> {
    source: Source<'r>,
    folder: &'r Root,
    limits: UnpackLimits,
    /// The files that were unpacked: nothing else becomes a hard link.
    files: HashSet<RelativePath>,
    members: usize,
    bytes: u64,
    piece: Vec<u8>,
}

impl Unpacking<'_> {
    fn take(&mut self, member: &Member) -> Result<(), WorkspaceError> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(WorkspaceError::Bomb { most: self.limits.members.to_string(), what: "members" });
        }
        let path = member.path()?;
        if let Some(path) = path.as_ref().filter(|path| path.names().count() > self.limits.levels) {
            return Err(member.refuse(if path.as_text().is_some() { "it lies too deep" } else { "it lies too deep, under strange names" }));
        }
        match (member.kind, path) {
            (b'5', path) => {
                path.map_or(Ok(()), |path| self.folder.create_dir_all(&path).map(drop))?;
                self.skip(member.bytes)
            }
            (_, None) => Err(member.refuse("it has no name")),
            (0 | b'0' | b'7', Some(path)) => self.file(member, path),
            (b'2', Some(path)) => {
                let target = member.target(&path)?;
                self.files.remove(&path);
                self.folder.replace_link(&path, &target)
            }
            (b'1', Some(path)) => self.copy(member, path),
            (b'3' | b'4', _) => Err(member.refuse("it is a device")),
            (b'6', _) => Err(member.refuse("it is a pipe")),
            (b'S', _) => Err(member.refuse("it is a file with holes")),
            _ => Err(member.refuse("it is of a kind that is not known")),
        }
    }

    fn file(&mut self, member: &Member, path: RelativePath) -> Result<(), WorkspaceError> {
        if member.bytes > self.limits.bytes.0 {
            return Err(WorkspaceError::Bomb { most: self.limits.bytes.to_string(), what: "in its files" });
        }
        let mode = if member.is_executable { 0o755 } else { 0o644 };
        let (replacement, mut file) = self.folder.replace(&path, mode)?;
        let mut content = Exact { source: &mut self.source, left: member.bytes };
        pour(&mut content, &mut Target { folder: self.folder, path: &path, file: &mut file }, &mut self.piece).map_err(read_error)?;
        skip_padding(&mut self.source, member.bytes)?;
        replacement.commit()?;
        self.files.insert(path);
        self.bytes += member.bytes;
        Ok(())
    }

    /// A hard link: a copy, so that two members never share what is written to one of them later.
    fn copy(&mut self, member: &Member, path: RelativePath) -> Result<(), WorkspaceError> {
        let original = member.original()?;
        if !self.files.contains(&original) {
            return Err(member.refuse("it is a hard link to something that is no file of the archive before it"));
        }
        if original != path {
            let left = Bytes(self.limits.bytes.0.saturating_sub(self.bytes));
            let copied = self.folder.copy_out(&original, self.folder, &path, left)?;
            self.bytes += copied.bytes.0;
            self.files.insert(path);
        }
        self.skip(member.bytes)
    }

    /// Read over the content of a member that should have none.
    fn skip(&mut self, bytes: u64) -> Result<(), WorkspaceError> {
        pour(&mut Exact { source: &mut self.source, left: bytes }, &mut io::sink(), &mut self.piece).map_err(read_error)?;
        skip_padding(&mut self.source, bytes)
    }
}

/// So many bytes of the archive, or an error.
struct Exact<'s, 'r> {
    source: &'s mut Source<'r>,
    left: u64,
}

impl Read for Exact<'_, '_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(space.len());
        if most == 0 {
            return Ok(0);
        }
        let length = self.source.read(space.get_mut(..most).unwrap_or_default())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// The file that is written: an error of it is one of the folder, not of the archive.
struct Target<'t> {
    folder: &'t Root,
    path: &'t RelativePath,
    file: &'t mut std::fs::File,
}

impl io::Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|cause| io::Error::other(self.folder.system("write", self.path, cause)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
