//! Files and folders that a run names, and whether they can be used.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::{
    ConfigError, Place, RunSettings, Stdin,
    sources::{Sourced, absolute},
};
use crate::{
    names::RunId,
    policy::Folder,
    workspace::{GuestPath, RelativePath, Root, WorkspaceError},
};

impl RunSettings {
    /// Whether workspace, source and standard input exist. Changes nothing.
    pub fn check_places(&self) -> Result<(), ConfigError> {
        for (what, path) in [("the workspace", &self.workspace), ("the source folder", &self.source)] {
            fs::read_dir(path).map_err(|cause| ConfigError::Unreadable { what, path: path.clone(), cause })?;
        }
        if let Stdin::File(path) = &self.stdin {
            let unreadable = |cause| ConfigError::Unreadable { what: "the standard input", path: path.clone(), cause };
            let status = fs::metadata(path).map_err(unreadable)?;
            if status.is_dir() {
                return Err(unreadable(io::ErrorKind::IsADirectory.into()));
            }
            // Opening a pipe would take its reader's place, or wait.
            if status.is_file() {
                fs::File::open(path).map_err(unreadable)?;
            }
        }
        Ok(())
    }

    /// Make the output directory and try to write there, so that a run does not find out at its end that its results have no place.
    pub fn prepare_output(&self) -> Result<(), ConfigError> {
        let unwritable = |cause| ConfigError::Unwritable { what: "the output directory", path: self.output.clone(), cause };
        fs::create_dir_all(&self.output).map_err(unwritable)?;
        let root = Root::open(&self.output).map_err(|error| unwritable(cause_of(error)))?;
        let name = format!(".{}.probe", RunId::generate());
        let probe: RelativePath = name.parse().map_err(|error| unwritable(cause_of(error)))?;
        root.create_file(&probe).map_err(|error| unwritable(cause_of(error)))?;
        fs::remove_file(self.output.join(name)).map_err(unwritable)
    }

    /// The first place that the project named, and not the user, and that lies outside of the project: what it is, and where. Links are
    /// followed. Workspace and source have to exist.
    pub fn reaches_out(&self) -> Result<Option<(&'static str, PathBuf)>, ConfigError> {
        let mut inside = vec![real("the folder of the run file", &self.project)?];
        let stdin = match &self.stdin {
            Stdin::File(path) => Some(("the standard input", path, Some(Place::Stdin))),
            Stdin::Empty | Stdin::Own => None,
        };
        let places = [
            ("the workspace", &self.workspace, Some(Place::Workspace)),
            ("the source folder", &self.source, None),
            ("the output directory", &self.output, Some(Place::Output)),
        ];
        for (what, path, place) in places.into_iter().chain(stdin) {
            let path = real(what, path)?;
            if place.is_some_and(|place| self.typed_places.contains(&place)) {
                inside.push(path);
            } else if !inside.iter().any(|folder| path.starts_with(folder)) {
                return Ok(Some((what, path)));
            }
        }
        Ok(None)
    }

    /// Replace the folders of the run by where they really are, following links here for the last time: a command that later puts a link in
    /// their place leads nobody elsewhere. Workspace and source have to exist; of the output directory, what is there already.
    pub fn follow_links(&mut self) -> Result<(), ConfigError> {
        for (what, path) in
            [("the workspace", &mut self.workspace), ("the source folder", &mut self.source), ("the output directory", &mut self.output)]
        {
            *path = real(what, path)?;
        }
        Ok(())
    }
}

/// Where `path` really is. What does not exist yet lies where its nearest folder that exists really is.
fn real(what: &'static str, path: &Path) -> Result<PathBuf, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { what, path: path.to_owned(), cause };
    let mut missing = vec![];
    let mut there = path;
    loop {
        match fs::canonicalize(there) {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |path, name| path.join(name))),
            // A link to nowhere is there: what is made behind it would be made elsewhere.
            Err(cause) if cause.kind() != io::ErrorKind::NotFound || fs::symlink_metadata(there).is_ok() => return Err(unreadable(cause)),
            Err(cause) => match (there.parent(), there.file_name()) {
                (Some(parent), Some(name)) => {
                    missing.push(name);
                    there = parent;
                }
                _ => return Err(unreadable(cause)),
            },
        }
    }
}

fn cause_of(error: WorkspaceError) -> io::Error {
    match error {
        WorkspaceError::Folder { cause, .. } | WorkspaceError::System { cause, .. } => cause,
        other => io::Error::other(other.to_string()),
    }
}

/// The output directory of a run.
pub(super) fn output(template: &str, base: &Path, run_id: &RunId) -> PathBuf {
    absolute(base, Path::new(&template.replace("{run_id}", run_id.as_str())))
}

/// The interpreter, as the plugin sees it: a guest path, or a path that starts in the workspace and lies there or in the source folder.
pub(super) fn interpreter(text: &Sourced<'_, &str>, workspace: &Path, source: &Path) -> Result<GuestPath, ConfigError> {
    let expected = "a file in the workspace such as `.venv/bin/python`, or below `/env`";
    text.path()?;
    let host = absolute(workspace, Path::new(text.value));
    let in_folder = |folder: Folder, root: &Path| {
        let inside = host.strip_prefix(root).ok()?;
        let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        let inside = RelativePath::from_os(inside.as_os_str()).ok().filter(|_| plain)?;
        GuestPath::new(folder, inside).ok()
    };
    let named = text.value.parse::<GuestPath>().ok().filter(|path| path.inside().is_some());
    in_folder(Folder::Workspace, workspace).or_else(|| in_folder(Folder::Source, source)).or(named).ok_or_else(|| text.wrong(expected))
}

/// Where a mount appears in the environment.
pub(super) fn mount_target(text: &str) -> Result<(), &'static str> {
    let inside = text.strip_prefix('/').and_then(|inside| inside.parse::<RelativePath>().ok());
    inside.map(|_| ()).ok_or("an absolute path in the environment without `.`, `..` and empty names, such as `/data`")
}

/// A pattern over relative paths: `*` and `?` do not cross `/`, `**` does, `[a-z]` and `{a,b}` choose.
pub(super) fn glob(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 1024 || text.contains('\0') {
        return Err("a pattern of 1 to 1024 bytes without NUL");
    }
    if text.starts_with('/') || text.split('/').any(|name| name == ".." || name == "." || name.is_empty()) {
        return Err("a relative pattern such as `plots/*.svg`, without `.`, `..` and empty names");
    }
    let (mut class, mut choice) = (false, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next().is_none() => return Err("a pattern that does not end with `\\`"),
            '[' if !class => class = true,
            ']' => class = false,
            '{' if !class && choice => return Err("a pattern without `{` inside of `{`"),
            '{' if !class => choice = true,
            '}' if !class => choice = false,
            _ => {}
        }
    }
    if class || choice { Err("a pattern in which every `[` and `{` is closed") } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_where_it_will_be() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().canonicalize().unwrap();
        fs::create_dir(inside.join("real")).unwrap();
        std::os::unix::fs::symlink("real", inside.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", inside.join("dangling")).unwrap();
        assert_eq!(real("x", &inside.join("link/a/b")).unwrap(), inside.join("real/a/b"));
        assert_eq!(real("x", &inside.join("link")).unwrap(), inside.join("real"));
        for bad in ["dangling", "dangling/a", "missing/.."] {
            assert!(real("x", &inside.join(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_stays_inside_and_is_complete() {
        for text in ["*.svg", "plots/**", "a[0-9]b", "a{b,c}", "[{]", "a\\[", "**/x?.csv"] {
            assert_eq!(glob(text).as_deref(), Ok(text));
        }
        for text in ["", "/abs", "../x", "a/../b", "a//b", "./a", "a[", "a{b", "a{b{c}}", "a\\", "a/"] {
            assert!(glob(text).is_err(), "{text}");
        }
    }
}
