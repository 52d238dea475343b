//! Where a Python finds its library.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{links::follow, needs::homes};
use crate::{policy::StartProcess, sandbox::error::SpawnError};

/// The folders of an installation that it needs. Whatever else lies beside them is not Python's: `~/.local` has `bin` and `lib` too.
const PARTS: [&str; 4] = ["bin", "lib", "lib64", "include"];

/// The folders that a Python needs which is reached by these paths, the last of them without links. None for any other program.
pub(super) fn folders(paths: &[PathBuf], process: &StartProcess) -> Result<Vec<PathBuf>, SpawnError> {
    let mut folders = Vec::new();
    let Some(real) = paths.last().filter(|path| is_python(path)) else { return Ok(folders) };
    for path in paths {
        let Some((environment, base)) = environment(path) else { continue };
        folders.push(environment);
        // The base is what its own links say, of which there can be several.
        let bases = fs::read_dir(&base).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| is_python(path));
        for base in bases.flat_map(|path| follow(&path)) {
            folders.extend(installation(&base, process)?);
        }
    }
    folders.extend(installation(real, process)?);
    Ok(folders)
}

fn is_python(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b't'))
}

/// The virtual environment that this path belongs to, and the folder of programs of the installation that it was made from.
fn environment(python: &Path) -> Option<(PathBuf, PathBuf)> {
    let programs = python.parent()?;
    let root = programs.parent()?;
    let text = [root, programs].into_iter().find_map(|folder| fs::read_to_string(folder.join("pyvenv.cfg")).ok())?;
    let home = text.lines().find_map(|line| line.split_once('=').filter(|(key, _)| key.trim() == "home"))?.1.trim().into();
    // The folder of programs, where that is all: the rest of it is somebody's.
    Some((root.to_owned(), home))
}

/// The parts of an installation that is not the system's own.
fn installation(python: &Path, process: &StartProcess) -> Result<Vec<PathBuf>, SpawnError> {
    let Some(root) = python.parent().and_then(Path::parent) else { return Ok(vec![]) };
    if root == Path::new("/") || root.starts_with("/usr") || !has_library(root) {
        return Ok(vec![]);
    }
    if homes(process).iter().any(|home| home.starts_with(root)) {
        return Err(SpawnError::OutsideView {
            what: "program",
            path: python.to_owned(),
            why: format!("its library is in `{}`, and that would show a whole home folder", root.display()),
        });
    }
    if root.join("conda-meta").is_dir() {
        // Everything in it belongs to its packages.
        return Ok(vec![root.to_owned()]);
    }
    Ok(PARTS.iter().map(|part| root.join(part)).filter(|part| part.is_dir()).collect())
}

/// Whether Python's own library is there. A command could have written the file that names the folder, but not this.
fn has_library(root: &Path) -> bool {
    let folders = ["lib", "lib64"].iter().flat_map(|part| fs::read_dir(root.join(part)).into_iter().flatten().flatten());
    folders.map(|entry| entry.path()).any(|folder| {
        let is_one =
            folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("python") || name.starts_with("pypy"));
        is_one && folder.join("os.py").is_file()
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::symlink};

    use super::*;
    use crate::policy::Confinement;

    fn process(home: &Path) -> StartProcess {
        StartProcess {
            argv: vec![],
            variables: BTreeMap::from([("HOME".into(), home.into())]),
            working_directory: "/".into(),
            confinement: Confinement::Own,
        }
    }

    /// An installation as uv, pyenv and conda make it.
    fn install(root: &Path) -> PathBuf {
        for folder in ["bin", "lib/python3.11", "share"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("lib/python3.11/os.py"), "").unwrap();
        fs::write(root.join("bin/python3.11"), "").unwrap();
        symlink("python3.11", root.join("bin/python3")).unwrap();
        root.join("bin/python3.11")
    }

    #[test]
    fn an_environment_brings_itself_and_the_parts_of_its_base() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let base = home.join(".local/share/uv/python/cpython-3.11");
        let real = install(&base);
        let venv = home.join("project/.venv");
        fs::create_dir_all(venv.join("bin")).unwrap();
        symlink(&real, venv.join("bin/python")).unwrap();
        fs::write(venv.join("pyvenv.cfg"), format!("include = x\nhome = {}\n", base.join("bin").display())).unwrap();
        let mut found = folders(&follow(&venv.join("bin/python")), &process(&home)).unwrap();
        found.sort();
        found.dedup();
        assert_eq!(found, [base.join("bin"), base.join("lib"), venv]);
    }

    #[test]
    fn conda_is_one_piece_and_a_home_folder_is_no_installation() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let conda = home.join("miniconda3");
        let real = install(&conda);
        fs::create_dir(conda.join("conda-meta")).unwrap();
        assert_eq!(folders(&[real], &process(&home)).unwrap(), [conda]);
        let real = install(&home);
        assert!(matches!(folders(&[real], &process(&home)), Err(SpawnError::OutsideView { .. })));
    }

    #[test]
    fn a_name_in_a_file_opens_no_folder_that_is_no_installation() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let (venv, secret) = (home.join("venv"), home.join("secret"));
        fs::create_dir_all(venv.join("bin")).unwrap();
        fs::create_dir_all(secret.join("bin")).unwrap();
        fs::write(secret.join("bin/python3"), "").unwrap();
        symlink("/usr/bin/python3", venv.join("bin/python3")).unwrap();
        fs::write(venv.join("pyvenv.cfg"), format!("home = {}\n", secret.join("bin").display())).unwrap();
        assert_eq!(folders(&follow(&venv.join("bin/python3")), &process(&home)).unwrap(), [venv]);
    }
}
