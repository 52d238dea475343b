//! A folder that is held open, and what can be reached in it.

use std::{
    fs::File,
    io::Read as _,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, mkdirat, open, openat2, statat},
    io::Errno,
};

use super::{
    RelativePath, WorkspaceError,
    contain::{self, FOLDER, Resolver},
};
use crate::names::Bytes;

/// Whether a file with more than one name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardLinks {
    /// Take it.
    Take,
    /// Refuse it: its other name may lie outside the folder, and its content be somebody else's.
    Refuse,
}

/// A folder that is held open. It stays the same folder when its name is given to another.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    path: PathBuf,
    pub(super) resolver: Resolver,
}

impl Root {
    /// Open the folder at `path`, which the host or the user chose: links in it are followed.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let folder = open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
            .map_err(|errno| WorkspaceError::Folder { path: path.to_owned(), cause: errno.into() })?;
        Ok(Self { folder, path: path.to_owned(), resolver: Resolver::Kernel })
    }

    /// Open the folder at `path` as [`Root::open`] does, and remember where it really is: the path then has no link in it.
    pub fn open_real(path: &Path) -> Result<Self, WorkspaceError> {
        let failed = |cause| WorkspaceError::Folder { path: path.to_owned(), cause };
        let real = path.canonicalize().map_err(failed)?;
        // Without following a link again: what was found is what is opened.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = match openat2(CWD, &real, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // A kernel or a container runtime that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => open(&real, flags | OFlags::NOFOLLOW, Mode::empty()),
            answer => answer,
        };
        Ok(Self { folder: folder.map_err(|errno| failed(errno.into()))?, path: real, resolver: Resolver::Kernel })
    }

    /// A path of this process that leads to the open folder itself, wherever its name leads by now. For libraries that take only paths;
    /// it holds as long as this does.
    #[must_use]
    pub fn pinned(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()))
    }

    /// Where it was when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Open a regular file for reading. A pipe, a socket, a device or a folder is refused without waiting for it.
    pub fn open_file(&self, path: &RelativePath, links: HardLinks) -> Result<File, WorkspaceError> {
        let (file, _) = self.open_to_read(path)?;
        if links == HardLinks::Refuse {
            let links = file.metadata().map_err(|cause| self.system("look at", path, cause))?.nlink();
            if links != 1 {
                return Err(WorkspaceError::HardLinked { root: self.path.clone(), path: path.to_string(), links });
            }
        }
        Ok(file)
    }

    /// The same, with how the file looks, whatever other names it has.
    pub(super) fn open_to_read(&self, path: &RelativePath) -> Result<(File, Stat), WorkspaceError> {
        // Without NONBLOCK, opening a pipe waits for a writer who may never come.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = contain::open(self.resolver, self.folder.as_fd(), path, flags, Mode::empty())
            .map_err(|errno| self.error("open", path, errno))?;
        let status = fstat(&file).map_err(|errno| self.system("look at", path, errno.into()))?;
        let kind = FileType::from_raw_mode(status.st_mode);
        if kind != FileType::RegularFile {
            return Err(self.not_regular(path, kind));
        }
        Ok((file.into(), status))
    }

    /// Read a whole file of at most `cap`.
    pub fn read(&self, path: &RelativePath, links: HardLinks, cap: Bytes) -> Result<Vec<u8>, WorkspaceError> {
        let mut content = Vec::new();
        let mut file = self.open_file(path, links)?.take(cap.0.saturating_add(1));
        file.read_to_end(&mut content).map_err(|cause| self.system("read", path, cause))?;
        if content.len() > cap.as_len() {
            return Err(self.too_large(path, cap));
        }
        Ok(content)
    }

    /// Create a file that does not exist yet, for writing. Its folder must exist.
    pub fn create_file(&self, path: &RelativePath) -> Result<File, WorkspaceError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        contain::open(self.resolver, self.folder.as_fd(), path, flags, Mode::from_raw_mode(0o666))
            .map(File::from)
            .map_err(|errno| self.error("create", path, errno))
    }

    /// Open a folder in this one.
    pub fn open_dir(&self, path: &RelativePath) -> Result<Self, WorkspaceError> {
        let folder = contain::open(self.resolver, self.folder.as_fd(), path, FOLDER, Mode::empty())
            .map_err(|errno| self.error("open", path, errno))?;
        Ok(Self { folder, path: self.path.join(path.as_path()), resolver: self.resolver })
    }

    /// Create a folder and those above it, as far as they do not exist, and open it.
    pub fn create_dir_all(&self, path: &RelativePath) -> Result<Self, WorkspaceError> {
        let mut folder: Option<OwnedFd> = None;
        for name in path.names() {
            let current = folder.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd);
            match mkdirat(current, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(self.error("create", path, errno)),
            }
            let opened = contain::open_name(current, name, FOLDER, Mode::empty()).map_err(|errno| self.error("create", path, errno))?;
            folder = Some(opened);
        }
        let folder = match folder {
            Some(folder) => folder,
            None => self.folder.try_clone().map_err(|cause| self.system("open", path, cause))?,
        };
        Ok(Self { folder, path: self.path.join(path.as_path()), resolver: self.resolver })
    }

    pub(super) const fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// What an error number means for `path`.
    pub(super) fn error(&self, action: &'static str, path: &RelativePath, errno: Errno) -> WorkspaceError {
        match errno {
            Errno::NOENT => WorkspaceError::NotFound { root: self.path.clone(), path: path.to_string() },
            Errno::LOOP => WorkspaceError::Link { root: self.path.clone(), path: path.to_string() },
            // A link where a folder was expected looks like this when the path is resolved in steps.
            Errno::NOTDIR if self.has_link(path) => WorkspaceError::Link { root: self.path.clone(), path: path.to_string() },
            // What a socket answers to `open`, and a device without a driver.
            Errno::NXIO | Errno::NODEV => self.not_regular(path, FileType::Socket),
            errno => self.system(action, path, errno.into()),
        }
    }

    pub(super) fn system(&self, action: &'static str, path: &RelativePath, cause: std::io::Error) -> WorkspaceError {
        WorkspaceError::System { action, root: self.path.clone(), path: path.to_string(), cause }
    }

    pub(super) fn too_large(&self, path: &RelativePath, cap: Bytes) -> WorkspaceError {
        WorkspaceError::TooLarge { root: self.path.clone(), path: path.to_string(), cap }
    }

    pub(super) fn too_many(&self, what: &'static str, most: usize) -> WorkspaceError {
        WorkspaceError::TooMany { root: self.path.clone(), what, most }
    }

    /// What an error number means for the folder itself, or for a name in it that the host made up.
    pub(super) fn at(&self, action: &'static str, name: &str, errno: Errno) -> WorkspaceError {
        self.io(action, name, errno.into())
    }

    /// The same for an error of the standard library, which may hold one of this room.
    pub(super) fn io(&self, action: &'static str, name: &str, error: std::io::Error) -> WorkspaceError {
        match error.downcast::<WorkspaceError>() {
            Ok(error) => error,
            Err(cause) => WorkspaceError::System { action, root: self.path.clone(), path: name.to_owned(), cause },
        }
    }

    fn not_regular(&self, path: &RelativePath, kind: FileType) -> WorkspaceError {
        let kind = match kind {
            FileType::Directory => "a folder",
            FileType::Fifo => "a pipe",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "a socket or a device",
        };
        WorkspaceError::NotRegular { root: self.path.clone(), path: path.to_string(), kind }
    }

    /// Whether the first name that is no folder is a link. For the message alone: nothing is decided by it.
    fn has_link(&self, path: &RelativePath) -> bool {
        let mut folder: Option<OwnedFd> = None;
        for name in path.names() {
            let current = folder.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd);
            let Ok(opened) = contain::open_name(current, name, FOLDER | OFlags::PATH, Mode::empty()) else {
                let status = statat(current, name, AtFlags::SYMLINK_NOFOLLOW);
                return status.is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink);
            };
            folder = Some(opened);
        }
        false
    }
}
