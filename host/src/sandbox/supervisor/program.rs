//! Which file a program name means, as `execvp` finds it.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::failed::Failed;
use crate::{policy::StartProcess, sandbox::wire::Step};

/// Where programs are looked up when the command has no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file to execute, seen from the working directory. Nothing is executed, but what is found can be.
pub(super) fn find(process: &StartProcess) -> Result<PathBuf, Failed> {
    let not_found = || Failed::new(Step::Find, &rustix::io::Errno::NOENT.into(), "");
    let name = process.argv.first().filter(|name| !name.is_empty()).ok_or_else(not_found)?;
    if name.as_bytes().contains(&b'/') {
        return match look_at(Path::new(name)) {
            Found::Program => Ok(name.into()),
            Found::NoProgram(error) => Err(Failed::new(Step::Permission, &error, name)),
            Found::Nothing => Err(not_found()),
        };
    }
    let mut refused = None;
    for folder in search_path(process).as_bytes().split(|byte| *byte == b':') {
        let folder = if folder.is_empty() { b"." } else { folder };
        let file = Path::new(OsStr::from_bytes(folder)).join(name);
        match look_at(&file) {
            Found::Program => return Ok(file),
            Found::NoProgram(error) => refused = refused.or(Some((error, file))),
            Found::Nothing => {}
        }
    }
    Err(refused.map_or_else(not_found, |(error, file)| Failed::new(Step::Permission, &error, file)))
}

/// The file that the host has found: it must be one here as well.
pub(super) fn check(file: &Path) -> Result<PathBuf, Failed> {
    match look_at(file) {
        Found::Program => Ok(file.into()),
        Found::NoProgram(error) => Err(Failed::new(Step::Permission, &error, file)),
        Found::Nothing => Err(Failed::new(Step::Find, &rustix::io::Errno::NOENT.into(), file)),
    }
}

/// The folders that are searched for programs.
pub(in crate::sandbox) fn search_path(process: &StartProcess) -> OsString {
    process.variables.get(OsStr::new("PATH")).cloned().unwrap_or_else(|| DEFAULT_PATH.into())
}

/// Whether the program is in none of the folders that are searched for it. `false` also where that depends on the working directory.
pub(in crate::sandbox) fn is_nowhere(process: &StartProcess) -> bool {
    let Some(name) = process.argv.first().filter(|name| !name.as_bytes().contains(&b'/')) else { return false };
    let lacks = |folder: &[u8]| {
        let folder = Path::new(OsStr::from_bytes(folder));
        folder.is_absolute() && matches!(look_at(&folder.join(name)), Found::Nothing)
    };
    search_path(process).as_bytes().split(|byte| *byte == b':').all(lacks)
}

/// What is at a path.
pub(in crate::sandbox) enum Found {
    /// A file that can be executed.
    Program,
    /// Something else.
    NoProgram(io::Error),
    /// Nothing, as far as can be seen.
    Nothing,
}

/// See what is at this path.
pub(in crate::sandbox) fn look_at(file: &Path) -> Found {
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => Found::NoProgram(io::ErrorKind::PermissionDenied.into()),
        Ok(_) => match accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS) {
            Ok(()) => Found::Program,
            Err(error) => Found::NoProgram(error.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::NoProgram(error),
        Err(_) => Found::Nothing,
    }
}
