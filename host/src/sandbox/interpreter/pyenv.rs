//! The programs behind the shims of pyenv.
//!
//! A shim is a shell script that asks pyenv which version is meant, every time. Inside of a sandbox there is no pyenv, so the question is
//! answered here.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use super::needs::Search;
use crate::sandbox::{
    error::SpawnError,
    supervisor::{Found, look_at},
};

/// The program that the shim `file` would start; `None` where it is no shim.
pub(super) fn behind(file: &Path, search: &Search<'_>) -> Result<Option<PathBuf>, SpawnError> {
    let (Some(shims), Some(name)) = (file.parent(), file.file_name()) else { return Ok(None) };
    let Some(root) = shims.parent().filter(|root| shims.ends_with("shims") && root.join("versions").is_dir()) else { return Ok(None) };
    let versions = wanted(root, search);
    let is_program = |file: &PathBuf| matches!(look_at(file), Found::Program);
    let found = versions.split([':', ' ', '\n']).filter(|version| !version.is_empty()).find_map(|version| match version {
        "system" => search.path().into_iter().filter(|folder| folder != shims).map(|folder| folder.join(name)).find(is_program),
        version => Some(installed(root, version)?.join("bin").join(name)).filter(is_program),
    });
    found.map(Some).ok_or_else(|| SpawnError::OutsideView {
        what: "program",
        path: file.to_owned(),
        why: format!("it is a shim of pyenv, and none of the versions `{}` has it", versions.trim()),
    })
}

/// What the user chose: by variable, in the folder or above, or for all.
fn wanted(root: &Path, search: &Search<'_>) -> String {
    if let Some(version) = search.process.variables.get(OsStr::new("PYENV_VERSION")).and_then(|version| version.to_str()) {
        return version.to_owned();
    }
    let files = search.process.working_directory.ancestors().map(|folder| folder.join(".python-version"));
    let read = |file: PathBuf| fs::read_to_string(file).ok().filter(|text| !text.trim().is_empty());
    files.chain([root.join("version")]).find_map(read).unwrap_or_else(|| "system".into())
}

/// The folder of a version: of exactly this one, or of the newest that begins like it.
fn installed(root: &Path, version: &str) -> Option<PathBuf> {
    let is_name =
        version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) && !version.starts_with('.');
    let versions = root.join("versions");
    if is_name && versions.join(version).is_dir() {
        return Some(versions.join(version));
    }
    let names = fs::read_dir(&versions).ok()?.flatten().map(|entry| entry.file_name()).filter_map(|name: OsString| name.into_string().ok());
    let start = format!("{version}.");
    let newest = names
        .filter(|name| name.starts_with(&start))
        .max_by_key(|name| name.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>());
    newest.map(|name| versions.join(name))
}
