//! Taking everything out of a folder, whatever it is.

use std::{
    ffi::CStr,
    os::fd::{AsFd as _, BorrowedFd},
};

use rustix::{
    fs::{AtFlags, Mode, fchmod, fstat, renameat, unlinkat},
    io::Errno,
};

use super::{
    Root,
    remove::{names, open_writable},
};

/// Folders that are open at once. A chain that goes deeper is cut, and its rest removed from the top: no chain of a command's is too long.
const DEEPEST: usize = 64;

/// How many things that stay are told apart.
const MOST_TOLD: usize = 100;

/// Something that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Where it is, escaped.
    pub path: String,
    /// What the system said.
    pub why: String,
}

impl Root {
    /// Remove everything in the folder, links as links, and go on after what cannot be removed: that comes back. The folder itself stays.
    #[must_use]
    pub fn empty(&self) -> Vec<Left> {
        // A command may have taken the right to change its folder away.
        if let Ok(status) = fstat(self.folder()) {
            let mode = Mode::from_raw_mode(status.st_mode);
            if !mode.contains(Mode::RWXU) {
                let _ = fchmod(self.folder(), mode | Mode::RWXU);
            }
        }
        let mut emptying = Emptying { top: self.folder().as_fd(), cut: 0, left: vec![] };
        loop {
            let before = (emptying.cut, emptying.left.len());
            emptying.left.clear();
            emptying.folder(emptying.top, "", 0);
            // What was cut off stands at the top by now.
            if emptying.cut == before.0 {
                return emptying.left;
            }
        }
    }
}

struct Emptying<'f> {
    top: BorrowedFd<'f>,
    cut: usize,
    left: Vec<Left>,
}

impl Emptying<'_> {
    fn folder(&mut self, here: BorrowedFd<'_>, path: &str, depth: usize) {
        let names = match names(here) {
            Ok(names) => names,
            Err(errno) => return self.stays(path, errno),
        };
        for (name, _) in names {
            let shown = || {
                let name = String::from_utf8_lossy(name.to_bytes()).escape_debug().to_string();
                if path.is_empty() { name } else { format!("{path}/{name}") }
            };
            match unlinkat(here, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                // What Linux and POSIX answer for a folder; a file that cannot be removed answers PERM as well, and is no folder below.
                Err(Errno::ISDIR | Errno::PERM) => self.inner(here, &name, &shown(), depth),
                Err(errno) => self.stays(&shown(), errno),
            }
        }
    }

    fn inner(&mut self, here: BorrowedFd<'_>, name: &CStr, path: &str, depth: usize) {
        if depth >= DEEPEST {
            self.cut += 1;
            let moved = format!(".{:08x}.{}.gone", std::process::id(), self.cut);
            if let Err(errno) = renameat(here, name, self.top, moved.as_str()) {
                // Otherwise the whole would be tried for ever.
                self.cut -= 1;
                self.stays(path, errno);
            }
            return;
        }
        match open_writable(here, name) {
            Ok(folder) => self.folder(folder.as_fd(), path, depth + 1),
            Err(Errno::NOTDIR) => return self.stays(path, Errno::PERM),
            Err(errno) => return self.stays(path, errno),
        }
        match unlinkat(here, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Something in it stays, and has been told.
            Err(Errno::NOTEMPTY) if self.left.iter().any(|left| left.path.starts_with(path)) => {}
            Err(errno) => self.stays(path, errno),
        }
    }

    fn stays(&mut self, path: &str, errno: Errno) {
        if self.left.len() < MOST_TOLD {
            let path = if path.is_empty() { ".".to_owned() } else { path.chars().take(300).collect() };
            self.left.push(Left { path, why: std::io::Error::from(errno).to_string() });
        }
    }
}
