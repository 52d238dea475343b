//! Files that somebody puts into a workspace before anything runs there.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{Content, FileLimits, Format, RelativePath, Root, WorkspaceError, decode};

/// A file for a workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFile {
    /// Where it goes.
    pub path: RelativePath,
    /// What it holds.
    pub content: Content,
    /// As what it is written; `None` leaves that to its name.
    pub format: Option<Format>,
    /// Whether it can be executed.
    pub executable: bool,
}

/// A file that was put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub path: RelativePath,
    /// How large it is, in bytes.
    pub bytes: u64,
}

impl InputFile {
    /// A file with this content.
    #[must_use]
    pub const fn literal(path: RelativePath, content: Content, format: Option<Format>) -> Self {
        Self { path, content, format, executable: false }
    }

    /// The file `path` of this machine, which starts at `base` where it is relative, read as what it is. In the workspace it lies at
    /// `save_path`, or else at its own path below `base`. The path is the user's own: links in it are followed.
    pub fn from_path(path: &Path, base: &Path, save_path: Option<RelativePath>, format: Option<Format>) -> Result<Self, WorkspaceError> {
        let full: PathBuf = base.join(path).components().collect();
        let save_path = if let Some(save_path) = save_path {
            save_path
        } else {
            let base: PathBuf = base.components().collect();
            RelativePath::from_os(full.strip_prefix(&base).unwrap_or(&full).as_os_str())?
        };
        Self::read(&full, save_path, format)
    }

    /// The file `path` of this machine, which is absolute, at `save_path` in the workspace.
    pub fn from_absolute(path: &Path, save_path: RelativePath, format: Option<Format>) -> Result<Self, WorkspaceError> {
        if !path.is_absolute() {
            let shown = path.to_string_lossy().escape_debug().take(300).collect();
            return Err(WorkspaceError::BadPath { path: shown, rule: "it is not absolute" });
        }
        Self::read(path, save_path, format)
    }

    fn read(path: &Path, save_path: RelativePath, format: Option<Format>) -> Result<Self, WorkspaceError> {
        let limits = FileLimits::default();
        let failed = |cause| WorkspaceError::Input { path: path.to_owned(), cause };
        // Without NONBLOCK, opening a pipe waits for a writer who may never come.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = fs::File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
        let status = file.metadata().map_err(failed)?;
        if !status.is_file() {
            return Err(failed(std::io::Error::other("it is not a regular file")));
        }
        let mut bytes = Vec::new();
        file.take(limits.bytes.0.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > limits.bytes.as_len() {
            return Err(failed(std::io::Error::other(format!("it is larger than {}", limits.bytes))));
        }
        let name = path.to_string_lossy();
        let format = format.unwrap_or_else(|| Format::of(&name, &bytes));
        let content = decode(&name, bytes, Some(format), limits)?;
        Ok(Self { path: save_path, content, format: Some(format), executable: status.permissions().mode() & 0o100 != 0 })
    }
}

impl Root {
    /// Write files, each in one step, with the folders that they need; what stood there is replaced, and a link there is replaced, not
    /// followed. At the first that cannot be written it stops, and those before it stay.
    pub fn materialize(&self, files: &[InputFile], limits: FileLimits) -> Result<Vec<Placed>, WorkspaceError> {
        let placed = |file: &InputFile| {
            let mode = if file.executable { 0o777 } else { 0o666 };
            let bytes = self.write_typed(&file.path, &file.content, file.format, mode, limits)?;
            Ok(Placed { path: file.path.clone(), bytes })
        };
        files.iter().map(placed).collect()
    }
}
