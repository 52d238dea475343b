//! Finds a program on this machine, and what it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{digest::digest, links::follow, pyenv, python};
use crate::{
    policy::{Confinement, Known, StartProcess, Tool, View},
    sandbox::{
        error::SpawnError,
        supervisor::{Found, look_at, search_path},
        wire::shown,
    },
};

/// Longest first line of a script that the kernel reads.
const FIRST_LINE: u64 = 256;

/// Interpreters of interpreters that are followed. The kernel itself follows four.
const DEPTH: usize = 5;

/// What a program needs to start.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Needs {
    /// The file to execute; `None` where that is left to the supervisor, which has the same words for what is missing.
    pub(in crate::sandbox) program: Option<PathBuf>,
    /// Files and folders that it has to see.
    pub(in crate::sandbox) reads: BTreeSet<PathBuf>,
    /// A folder that comes first in its `PATH`.
    pub(in crate::sandbox) path_prefix: Option<PathBuf>,
}

/// Find out what `process` needs, seen from this side of the sandbox.
pub(in crate::sandbox) fn needs(process: &StartProcess, view: &View) -> Result<Needs, SpawnError> {
    let name = process.argv.first().map(OsString::as_os_str).unwrap_or_default();
    if name.is_empty() || !process.working_directory.is_dir() {
        return Ok(Needs::default());
    }
    let mut search = Search { process, writes: writable(view), needs: Needs::default() };
    let Some(file) = search.find(name)? else {
        let path = (!name.as_bytes().contains(&b'/')).then(|| search_path(process));
        return Err(SpawnError::NotFound { program: shown(name), path });
    };
    if view.tool
        && let Some(folder) = follow(&file).iter().find_map(|path| search.writable_folder(path))
    {
        return Err(SpawnError::Writable { program: shown(name), file, folder });
    }
    let file = search.program(file, DEPTH)?;
    if let Some(Known { digest: was, cure }) = &view.known {
        let file = real(&file);
        let is = digest(&file)?;
        if is != *was {
            return Err(SpawnError::Changed { program: shown(name), file, was: *was, is, cure: cure.clone() });
        }
    }
    search.needs.program = Some(file);
    Ok(search.needs)
}

/// What a bare name means to a program with these variables, with the digest of its file; `None` where there is no such program.
pub(in crate::sandbox) fn tool(name: &OsStr, variables: BTreeMap<OsString, OsString>) -> Result<Option<Tool>, SpawnError> {
    let (argv, working_directory) = (vec![name.to_owned()], PathBuf::from("/"));
    let process = StartProcess { argv, variables, working_directory, confinement: Confinement::Strict(View::default()) };
    let mut search = Search { process: &process, writes: vec![], needs: Needs::default() };
    let Some(file) = search.find(name)? else { return Ok(None) };
    let file = real(&search.program(file, DEPTH)?);
    Ok(Some(Tool { digest: digest(&file)?, file }))
}

/// The file without links.
fn real(file: &Path) -> PathBuf {
    follow(file).last().cloned().unwrap_or_else(|| file.to_owned())
}

/// The folders in which the command can write, as they really are.
fn writable(view: &View) -> Vec<PathBuf> {
    view.writes.iter().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).collect()
}

pub(super) struct Search<'process> {
    pub(super) process: &'process StartProcess,
    writes: Vec<PathBuf>,
    needs: Needs,
}

impl Search<'_> {
    /// The file that a name means.
    pub(super) fn find(&self, name: &OsStr) -> Result<Option<PathBuf>, SpawnError> {
        if name.as_bytes().contains(&b'/') {
            let file = self.process.working_directory.join(name);
            return match look_at(&file) {
                Found::Program => Ok(Some(file)),
                Found::NoProgram(_) => Err(SpawnError::NotExecutable { file: name.into() }),
                Found::Nothing => Ok(None),
            };
        }
        let mut refused = None;
        for folder in self.path() {
            let file = folder.join(name);
            match look_at(&file) {
                Found::Program => return Ok(Some(file)),
                Found::NoProgram(_) => refused = refused.or(Some(file)),
                Found::Nothing => {}
            }
        }
        refused.map_or(Ok(None), |file| Err(SpawnError::NotExecutable { file }))
    }

    /// The folders of its `PATH`, seen from its working directory.
    pub(super) fn path(&self) -> Vec<PathBuf> {
        let path = search_path(self.process);
        let folders = path.as_bytes().split(|byte| *byte == b':').map(OsStr::from_bytes);
        folders.map(|folder| self.process.working_directory.join(folder)).collect()
    }

    /// Take in what `file` needs, and answer with the file that is executed for it.
    fn program(&mut self, file: PathBuf, depth: usize) -> Result<PathBuf, SpawnError> {
        let paths = follow(&file);
        let real = paths.last().cloned().unwrap_or_else(|| file.clone());
        if let Some(version) = pyenv::behind(&real, self)? {
            self.needs.path_prefix = version.parent().map(Path::to_owned);
            return self.program(version, depth.saturating_sub(1));
        }
        for path in &paths {
            self.read(path);
        }
        for folder in python::folders(&paths, self.process)? {
            self.read(&folder);
        }
        if depth > 0
            && let Some(interpreter) = interpreter(&real)
            && let Ok(Some(interpreter)) = self.find(&interpreter)
        {
            self.program(interpreter, depth - 1)?;
        }
        Ok(file)
    }

    /// It has to be seen, unless it is anyway. What lies in a folder that a command can write is seen there as it is, and not as a link
    /// in it says.
    fn read(&mut self, path: &Path) {
        if self.writable_folder(path).is_none() {
            self.needs.reads.insert(path.to_owned());
        }
    }

    fn writable_folder(&self, path: &Path) -> Option<PathBuf> {
        self.writes.iter().find(|folder| path.starts_with(folder)).cloned()
    }
}

/// The program that the first line of a script names: by its path, or by its name where that is left to `env`.
fn interpreter(script: &Path) -> Option<OsString> {
    let mut line = Vec::new();
    File::open(script).ok()?.take(FIRST_LINE).read_to_end(&mut line).ok()?;
    let line = line.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes);
    let named = words.next()?;
    if Path::new(named).file_name() != Some(OsStr::new("env")) {
        return Some(named.to_owned());
    }
    // Options of `env`, and variables that it sets.
    words.find(|word| !word.as_bytes().starts_with(b"-") && !word.as_bytes().contains(&b'=')).map(OsStr::to_owned)
}

/// The home folders of the user: as the command knows it, and as the machine does.
pub(super) fn homes(process: &StartProcess) -> Vec<PathBuf> {
    let named = process.variables.get(OsStr::new("HOME")).map(PathBuf::from);
    let user = rustix::process::getuid().as_raw().to_string();
    let entries = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = entries.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(2) == Some(&user.as_str()));
    let known = entry.and_then(|fields| fields.get(5).map(PathBuf::from));
    let homes = named.into_iter().chain(known).filter(|home| home.is_absolute() && home != Path::new("/"));
    homes.flat_map(|home| [home.canonicalize().unwrap_or_else(|_| home.clone()), home]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_script_names_its_interpreter() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (line, expected) in [
            ("#!/bin/sh\nx", Some("/bin/sh")),
            ("#! /opt/x -u\n", Some("/opt/x")),
            ("#!/usr/bin/env python3\n", Some("python3")),
            ("#!/usr/bin/env -S A=b python3 -u\n", Some("python3")),
            ("#!\n", None),
            ("echo", None),
        ] {
            fs::write(file.path(), line).unwrap();
            assert_eq!(interpreter(file.path()), expected.map(OsString::from), "{line}");
        }
    }
}
