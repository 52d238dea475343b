//! The files by which worldflux decides: in the user's configuration directory, and the user's alone.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::geteuid,
};
use serde::Serialize;

use super::{ConfigError, document::Document};

/// One such file.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserFile {
    /// Its name in the configuration directory.
    pub(super) name: &'static str,
    /// What it is called in a complaint: `the grants`.
    pub(super) what: &'static str,
}

impl UserFile {
    /// Its text; `None` where there is no such file. Refused where somebody else could have written it.
    pub(super) fn read(self, config: &Path) -> Result<Option<Document>, ConfigError> {
        let path = config.join(self.name);
        let unreadable = |path: &Path, cause| ConfigError::Unreadable { what: self.what, path: path.to_owned(), cause };
        let file = match File::options().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(unreadable(&path, cause)),
        };
        self.check_owner(&path, &file.metadata().map_err(|cause| unreadable(&path, cause))?)?;
        // A link is followed, so the folder that counts is the one in which the file lies.
        let real = fs::canonicalize(&path).map_err(|cause| unreadable(&path, cause))?;
        if let Some(folder) = real.parent() {
            self.check_owner(folder, &fs::metadata(folder).map_err(|cause| unreadable(folder, cause))?)?;
        }
        Document::of_file(&path, &file, self.what).map(Some)
    }

    /// Write `content` in one step below a `header` of comments, readable by the user alone. [`lock`] is what keeps two writers apart.
    pub(super) fn write(self, config: &Path, header: &str, content: &impl Serialize) -> Result<(), ConfigError> {
        let path = config.join(self.name);
        let unwritable = |cause| ConfigError::Unwritable { what: self.what, path: path.clone(), cause };
        let text = header.to_owned() + &toml::to_string_pretty(content).map_err(|error| unwritable(io::Error::other(error)))?;
        DirBuilder::new().recursive(true).mode(0o700).create(config).map_err(unwritable)?;
        // A user who keeps the file elsewhere, behind a link, keeps it there.
        let target = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let part = part_beside(&target);
        let written = write_new(&part, &text).and_then(|()| fs::rename(&part, &target));
        written.map_err(|cause| {
            let _ = fs::remove_file(&part);
            unwritable(cause)
        })
    }

    /// Whether a file or folder can be written by nobody but its owner, who is the user or root.
    fn check_owner(self, path: &Path, status: &fs::Metadata) -> Result<(), ConfigError> {
        let untrusted = |why: String, cure: String| Err(ConfigError::Untrusted { path: path.to_owned(), why, cure });
        let (user, mode) = (geteuid().as_raw(), status.mode() & 0o7777);
        let typed = crate::policy::shell_word(&path.display().to_string());
        if status.uid() != user && status.uid() != 0 {
            return untrusted(
                format!("it belongs to user {}, and {} have to be your own", status.uid(), self.what),
                format!("chown {user} {typed}"),
            );
        }
        // In a folder with the sticky bit nobody can replace what belongs to somebody else.
        let protected = status.is_dir() && mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !protected {
            return untrusted(format!("others can write it (mode {mode:04o})"), format!("chmod go-w {typed}"));
        }
        Ok(())
    }
}

/// Wait until no other `worldflux` changes these files; as long as the answer is held, none does.
pub(super) fn lock(config: &Path) -> Result<File, ConfigError> {
    let path = config.join(".grants.lock");
    let unwritable = |cause| ConfigError::Unwritable { what: "the grants", path: path.clone(), cause };
    DirBuilder::new().recursive(true).mode(0o700).create(config).map_err(unwritable)?;
    let lock = File::options().create(true).append(true).mode(0o600).open(&path).map_err(unwritable)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| unwritable(errno.into()))?;
    Ok(lock)
}

fn part_beside(target: &Path) -> PathBuf {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        random = u64::from(std::process::id()).to_le_bytes();
    }
    target.with_file_name(format!(".grants.{:016x}.part", u64::from_le_bytes(random)))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    // A grant that was given must not be lost, and one that was taken must not come back, when the power fails.
    file.sync_all()
}
