//! The place where contents and trees are kept: an open folder that belongs to the host.
//!
//! ```text
//! lock                    shared while something is stored, exclusive while something is removed
//! content/ab/cdef…        a content with a file of its own, by the digits of its digest
//! packs/abcdef…           many small contents together, by the digest of their index
//! trees/abcdef…           the document of a tree, by its digest
//! memory/abcdef…          what the files of one folder held when they were read
//! ```

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, Stat, flock, fstat, mkdirat, openat, renameat, statat, unlinkat},
    io::Errno,
};

use super::{
    object_file::{Encoder, Length, Section, StoredContent},
    packs::{Known, Packs},
    tree::{Snapshot, Tree},
};
use crate::{
    names::{Bytes, Digest},
    workspace::{RelativePath, Root, WorkspaceError, part_name},
};

/// The folder of contents.
pub(super) const CONTENT: &str = "content";

/// The folder of packs.
pub(super) const PACKS: &str = "packs";

/// The folder of trees.
pub(super) const TREES: &str = "trees";

/// The folder of what files held.
pub(super) const MEMORY: &str = "memory";

/// Bytes of the document of a tree.
const TREE: Bytes = Bytes::mebi(512);

/// How often a content is looked for: somebody else may have stored it since, and removal may move it to another file at every turn.
const TRIES: usize = 4;

/// Contents and trees, each stored once, under its digest. Any number of programs may use one folder at the same time; what two of them store
/// at the same moment may be there twice, until something is removed.
#[derive(Debug)]
pub struct Objects {
    pub(super) root: Root,
    pub(super) content: OwnedFd,
    pub(super) packs: Packs,
    pub(super) trees: OwnedFd,
    pub(super) memory: OwnedFd,
}

/// The right to store. As long as it lives nothing is removed, so what it stored stays until somebody wrote down that it is needed.
#[derive(Debug)]
pub struct Writer<'o> {
    pub(super) objects: &'o Objects,
    #[cfg_attr(not(test), expect(dead_code, reason = "it is held"))]
    pub(super) lock: Locked,
}

/// The lock on all that is stored, held until dropped.
#[derive(Debug)]
pub(super) struct Locked(pub(super) File);

impl Locked {
    pub(super) fn new(file: File, how: FlockOperation) -> Result<Self, Errno> {
        flock(&file, how).map(|()| Self(file))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // To close it would not be enough: a child that another thread starts has a copy of it until it is at its `exec`.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
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
        let (content, packs, trees, memory) = (opened(CONTENT)?, Packs::new(opened(PACKS)?), opened(TREES)?, opened(MEMORY)?);
        Ok(Self { root, content, packs, trees, memory })
    }

    /// Begin to store. Waits while something is being removed.
    pub fn writer(&self) -> Result<Writer<'_>, WorkspaceError> {
        let lock = Locked::new(self.lock_file()?, FlockOperation::LockShared).map_err(|errno| self.root.at("lock", "lock", errno))?;
        Ok(Writer { objects: self, lock })
    }

    /// The snapshot of this digest.
    pub fn snapshot(&self, digest: &Digest) -> Result<Snapshot, WorkspaceError> {
        let file = match open_in(&self.trees, &digest.hex()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(WorkspaceError::NoSnapshot(*digest)),
            Err(errno) => return Err(self.root.at("open", TREES, errno)),
        };
        let mut text = Vec::new();
        let document = StoredContent::new(Section::whole(file), *digest, Length::AtMost(TREE));
        let mut document = document.map_err(|error| self.read_error(error))?;
        document.read_to_end(&mut text).map_err(|error| self.read_error(error))?;
        Ok(Snapshot { digest: *digest, tree: Tree::parse(&text)? })
    }

    /// Read a content. Its end is reached only where it is as its digest says.
    pub fn content(&self, sha256: &Digest, bytes: Bytes) -> Result<StoredContent, WorkspaceError> {
        for turn in 0..TRIES {
            if turn > 0 {
                self.look_at_packs()?;
            }
            if let Some(stored) = self.stored(sha256)? {
                return StoredContent::new(stored, *sha256, Length::Exactly(bytes)).map_err(|error| self.read_error(error));
            }
        }
        Err(WorkspaceError::Content { sha256: *sha256, problem: "is not there" })
    }

    /// Where a content is, as far as it is known what is in packs.
    fn stored(&self, sha256: &Digest) -> Result<Option<Section>, WorkspaceError> {
        let packed = self.packs.open(sha256).map_err(|errno| self.root.at("open", PACKS, errno))?;
        if packed.is_some() {
            return Ok(packed);
        }
        match open_in(&self.content, &place(sha256)) {
            Ok(file) => Ok(Some(Section::whole(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.root.at("open", CONTENT, errno)),
        }
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

    /// Whether a content has a file of its own. One of no bytes is what a power failure leaves of it.
    pub(super) fn has_file(&self, sha256: &Digest) -> bool {
        statat(&self.content, place(sha256), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|status| status.st_size > 0)
    }

    /// Put a content, as it is stored, into a file of its own. Tells the space that it takes.
    pub(super) fn put(&self, sha256: &Digest, stored: &[u8]) -> io::Result<u64> {
        let mut part = Part::create(&self.content)?;
        part.file.write_all(stored)?;
        let space = part.space()?;
        part.put_as(&place(sha256))?;
        Ok(space)
    }

    /// What is in packs by now.
    pub(super) fn look_at_packs(&self) -> Result<Arc<Known>, WorkspaceError> {
        self.packs.refresh().map_err(|error| self.root.io("read", PACKS, error))
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

    /// The space that it takes.
    pub(super) fn space(&self) -> io::Result<u64> {
        Ok(space(&fstat(&self.file)?))
    }

    /// Give it its name, in one step. Another one of that name has the same content.
    pub(super) fn put_as(mut self, place: &str) -> io::Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        match (renameat(self.folder, name, self.folder, place), place.split_once('/')) {
            (Err(Errno::NOENT), Some((folder, _))) => {
                match mkdirat(self.folder, folder, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                renameat(self.folder, name, self.folder, place)?;
            }
            (answer, _) => answer?,
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

/// Where a content with a file of its own lies: its first two digits are a folder, so that no folder gets too many names.
pub(super) fn place(sha256: &Digest) -> String {
    let mut place = sha256.hex();
    place.insert(2, '/');
    place
}

/// The digest that a file is named by.
pub(super) fn digest(name: &str) -> Option<Digest> {
    format!("sha256:{name}").parse().ok()
}

/// The space that a file takes.
pub(super) fn space(status: &Stat) -> u64 {
    u64::try_from(status.st_blocks).unwrap_or(0) * 512
}

/// The path of what is remembered of a folder.
pub(super) fn memory_path(hex: &str) -> Result<RelativePath, WorkspaceError> {
    format!("{MEMORY}/{hex}").parse()
}

pub(super) fn open_in(folder: &OwnedFd, place: &str) -> Result<File, Errno> {
    openat(folder, place, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map(File::from)
}
