//! The place where contents and trees are kept: an open folder that belongs to the host.
//!
//! ```text
//! lock                    shared while something is stored, exclusive while something is removed
//! content/ab/cdef…        a content, by the digits of its digest
//! trees/abcdef…           the document of a tree, by its digest
//! memory/abcdef…          what the files of one folder held when they were read
//! ```

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, mkdirat, openat, renameat, statat, unlinkat},
    io::Errno,
};

use super::{
    object_file::{Encoder, Length, StoredContent},
    tree::{Snapshot, Tree},
};
use crate::{
    names::{Bytes, Digest},
    workspace::{RelativePath, Root, WorkspaceError, part_name},
};

/// The folder of contents.
pub(super) const CONTENT: &str = "content";

/// The folder of trees.
pub(super) const TREES: &str = "trees";

/// The folder of what files held.
pub(super) const MEMORY: &str = "memory";

/// Bytes of the document of a tree.
const TREE: Bytes = Bytes::mebi(512);

/// Contents and trees, each stored once, under its digest. Any number of programs may use one folder at the same time.
#[derive(Debug)]
pub struct Objects {
    pub(super) root: Root,
    pub(super) content: OwnedFd,
    pub(super) trees: OwnedFd,
    pub(super) memory: OwnedFd,
}

/// The right to store. As long as it lives nothing is removed, so what it stored stays until somebody wrote down that it is needed.
#[derive(Debug)]
pub struct Writer<'o> {
    pub(super) objects: &'o Objects,
    _lock: File,
}

impl Objects {
    /// Keep contents in `root`, a folder that nobody else writes to.
    pub fn open(root: Root) -> Result<Self, WorkspaceError> {
        let folder = |name: &str| {
            match mkdirat(root.folder(), name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            openat(root.folder(), name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        };
        let opened = |name: &str| folder(name).map_err(|errno| root.at("open", name, errno));
        let (content, trees, memory) = (opened(CONTENT)?, opened(TREES)?, opened(MEMORY)?);
        Ok(Self { root, content, trees, memory })
    }

    /// Begin to store. Waits while something is being removed.
    pub fn writer(&self) -> Result<Writer<'_>, WorkspaceError> {
        let lock = self.lock_file()?;
        flock(&lock, FlockOperation::LockShared).map_err(|errno| self.root.at("lock", "lock", errno))?;
        Ok(Writer { objects: self, _lock: lock })
    }

    /// The snapshot of this digest.
    pub fn snapshot(&self, digest: &Digest) -> Result<Snapshot, WorkspaceError> {
        let file = match open_in(&self.trees, &digest.hex()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(WorkspaceError::NoSnapshot(*digest)),
            Err(errno) => return Err(self.root.at("open", TREES, errno)),
        };
        let mut text = Vec::new();
        let mut document = StoredContent::new(file, *digest, Length::AtMost(TREE)).map_err(|error| self.read_error(error))?;
        document.read_to_end(&mut text).map_err(|error| self.read_error(error))?;
        Ok(Snapshot { digest: *digest, tree: Tree::parse(&text)? })
    }

    /// Read a content. Its end is reached only where it is as its digest says.
    pub fn content(&self, sha256: &Digest, bytes: Bytes) -> Result<StoredContent, WorkspaceError> {
        let hex = sha256.hex();
        let file = match open_in(&self.content, &place(&hex)) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(WorkspaceError::Content { sha256: *sha256, problem: "is not there" }),
            Err(errno) => return Err(self.root.at("open", CONTENT, errno)),
        };
        StoredContent::new(file, *sha256, Length::Exactly(bytes)).map_err(|error| self.read_error(error))
    }

    /// Read a content of at most `cap` into memory.
    pub fn read(&self, sha256: &Digest, bytes: Bytes, cap: Bytes) -> Result<Vec<u8>, WorkspaceError> {
        if bytes > cap {
            return Err(WorkspaceError::TooLarge { root: self.root.path().to_owned(), path: sha256.to_string(), cap });
        }
        let mut content = Vec::with_capacity(bytes.as_len());
        self.content(sha256, bytes)?.read_to_end(&mut content).map_err(|error| self.read_error(error))?;
        Ok(content)
    }

    /// Whether a content is there. A file of no bytes is what a power failure leaves of one.
    pub(super) fn has(&self, hex: &str) -> bool {
        statat(&self.content, place(hex), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|status| status.st_size > 0)
    }

    pub(super) fn lock_file(&self) -> Result<File, WorkspaceError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(self.root.folder(), "lock", flags, Mode::RUSR | Mode::WUSR);
        file.map(File::from).map_err(|errno| self.root.at("open", "lock", errno))
    }

    pub(super) fn read_error(&self, error: io::Error) -> WorkspaceError {
        self.root.io("read", CONTENT, error)
    }
}

impl Writer<'_> {
    /// Keep `content`, unless it is there already. Tells its digest.
    pub(super) fn keep(&self, encoder: &mut Encoder, content: &[u8]) -> Result<Digest, WorkspaceError> {
        let digest = Digest::of(content);
        let hex = digest.hex();
        if !self.objects.has(&hex) {
            let stored = encoder.encode(content).map_err(|error| self.write_error(error))?;
            let mut part = Part::create(&self.objects.content).map_err(|error| self.write_error(error))?;
            part.file.write_all(stored).map_err(|error| self.write_error(error))?;
            part.put_as(&place(&hex)).map_err(|error| self.write_error(error))?;
        }
        Ok(digest)
    }

    /// Keep a tree, whose contents are all kept already. Tells what names it.
    pub fn keep_tree(&self, tree: &Tree) -> Result<Digest, WorkspaceError> {
        let text = tree.text();
        let digest = Digest::of(&text);
        let there = statat(&self.objects.trees, digest.hex(), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|status| status.st_size > 0);
        if !there {
            let mut encoder = Encoder::new().map_err(|error| self.write_error(error))?;
            let stored = encoder.encode(&text).map_err(|error| self.write_error(error))?;
            let mut part = Part::create(&self.objects.trees).map_err(|error| self.write_error(error))?;
            part.file.write_all(stored).map_err(|error| self.write_error(error))?;
            part.put_as(&digest.hex()).map_err(|error| self.write_error(error))?;
        }
        Ok(digest)
    }

    pub(super) fn write_error(&self, error: io::Error) -> WorkspaceError {
        self.objects.root.io("write", CONTENT, error)
    }
}

/// A file under a name of its own, until it is whole. Dropped before, it is gone.
pub(super) struct Part<'f> {
    pub(super) file: File,
    folder: &'f OwnedFd,
    name: Option<String>,
}

impl<'f> Part<'f> {
    pub(super) fn create(folder: &'f OwnedFd) -> io::Result<Self> {
        let name = part_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder.as_fd(), &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self { file: file.into(), folder, name: Some(name) })
    }

    /// Give it its name, in one step. Another one of that name has the same content.
    pub(super) fn put_as(mut self, place: &str) -> io::Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        match renameat(self.folder, name, self.folder, place) {
            Err(Errno::NOENT) => {
                let folder = place.split('/').next().unwrap_or_default();
                match mkdirat(self.folder, folder, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                renameat(self.folder, name, self.folder, place)?;
            }
            answer => answer?,
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}

/// Where a content lies: its first two digits are a folder, so that no folder gets too many names.
pub(super) fn place(hex: &str) -> String {
    let (first, rest) = hex.split_at_checked(2).unwrap_or((hex, ""));
    format!("{first}/{rest}")
}

/// The path of what is remembered of a folder.
pub(super) fn memory_path(hex: &str) -> Result<RelativePath, WorkspaceError> {
    format!("{MEMORY}/{hex}").parse()
}

fn open_in(folder: &OwnedFd, place: &str) -> Result<File, Errno> {
    openat(folder, place, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map(File::from)
}
