//! The files that an environment is made from, and their digest.

use std::{collections::BTreeMap, fs, io, path::Path};

use sha2::{Digest, Sha256};
use worldflux_plugin::{AtPath, Failure};

use crate::settings::{Source, relative};

/// The most files, and the most bytes of one, that are read. A lock file of a large project has a few MiB.
const MOST_FILES: usize = 64;
const LARGEST: u64 = 32 << 20;

/// What an environment is made from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Content by path, relative to the workspace.
    files: BTreeMap<String, Vec<u8>>,
    /// What the environment holds beside, whose content is not known here: it cannot be kept for another run.
    pub(crate) unknown: Option<String>,
}

impl Inputs {
    /// Reads everything below `workspace` that `source` names.
    pub(crate) fn read(workspace: &Path, source: &Source) -> Result<Self, Failure> {
        let mut inputs = Self::default();
        match source {
            Source::Nothing | Source::Interpreter => {}
            Source::Requirements(file) => inputs.requirements(workspace, file)?,
            Source::Project(folder) => inputs.project(workspace, folder)?,
        }
        Ok(inputs)
    }

    /// The digest of the files and of `facts`, as a reuse key.
    pub(crate) fn key(&self, facts: &[&str]) -> String {
        let mut hash = Sha256::new();
        // Each part with its length, so that no two lists give the same bytes.
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(b"worldflux local environment 1");
        part(&(facts.len() as u64).to_le_bytes());
        for fact in facts {
            part(fact.as_bytes());
        }
        for (path, content) in &self.files {
            part(path.as_bytes());
            part(content);
        }
        hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn requirements(&mut self, workspace: &Path, first: &str) -> Result<(), Failure> {
        let mut waiting = vec![first.to_owned()];
        while let Some(file) = waiting.pop() {
            if self.files.contains_key(&file) {
                continue;
            }
            let content = self.take(workspace, &file)?;
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            for line in requirement_lines(&content) {
                match Line::read(&line) {
                    Line::Other => {}
                    Line::Includes(path) if path.contains("://") => self.unknown = Some(path),
                    Line::Includes(path) => {
                        let joined =
                            if path.starts_with('/') { path } else { format!("{folder}/{path}").trim_start_matches('/').to_owned() };
                        waiting.push(relative(&format!("a file named in {file}"), &joined, "constraints.txt")?);
                    }
                    Line::Local(path) => self.unknown = Some(path),
                }
            }
        }
        Ok(())
    }

    fn project(&mut self, workspace: &Path, folder: &str) -> Result<(), Failure> {
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.take(workspace, &path("pyproject.toml"))?;
        let hint = "make it with `uv lock`";
        let lock = self.take(workspace, &path("uv.lock")).map_err(|failure| failure.hint(hint))?;
        for optional in [".python-version", "uv.toml"] {
            if workspace.join(path(optional)).is_file() {
                self.take(workspace, &path(optional))?;
            }
        }
        self.unknown = local_source(&lock);
        Ok(())
    }

    fn take(&mut self, workspace: &Path, file: &str) -> Result<String, Failure> {
        if self.files.len() >= MOST_FILES {
            return Err(Failure::invalid("requirements", file, format!("at most {MOST_FILES} files that name each other")));
        }
        let path = workspace.join(file);
        let found = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::invalid("requirements", file, "a file that exists in the workspace"));
            }
            found => found.at(file)?,
        };
        if !found.is_file() || found.len() > LARGEST {
            return Err(Failure::invalid("requirements", file, format!("a regular file of at most {LARGEST} bytes")));
        }
        let content = fs::read(&path).at(file)?;
        let text = String::from_utf8_lossy(&content).into_owned();
        self.files.insert(file.to_owned(), content);
        Ok(text)
    }
}

/// What one line of a requirements file means for the digest.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// Another file.
    Includes(String),
    /// Something on this machine whose content is not read here.
    Local(String),
    /// A package of an index, an option, nothing.
    Other,
}

impl Line {
    fn read(line: &str) -> Self {
        if let Some(path) = option_value(line, &["-r", "--requirement", "-c", "--constraint"]) {
            return Self::Includes(path);
        }
        if let Some(path) = option_value(line, &["-e", "--editable"]) {
            return Self::Local(path);
        }
        let first = line.split_whitespace().next().unwrap_or_default();
        let file = first.contains('/') && !first.contains("://") && !line.contains(" @ ");
        let archive = [".whl", ".zip", ".tar.gz"].iter().any(|end| first.ends_with(end)) && !first.contains("://");
        if first.starts_with('.') || first.starts_with("file:") || line.contains("file:") || (file && !first.starts_with('-')) || archive {
            return Self::Local(line.to_owned());
        }
        Self::Other
    }
}

/// The value of one of the options `names` in `line`: `-r x`, `-rx`, `--requirement x`, `--requirement=x`.
fn option_value(line: &str, names: &[&str]) -> Option<String> {
    let value = names.iter().find_map(|name| {
        let rest = line.strip_prefix(name)?;
        let is_separate = || rest.starts_with(char::is_whitespace).then_some(rest);
        if name.starts_with("--") { rest.strip_prefix('=').or_else(is_separate) } else { Some(rest) }
    })?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

/// The lines of a requirements file: joined at a backslash, without comments.
fn requirement_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        if let Some(begin) = line.strip_suffix('\\') {
            joined.push_str(begin);
            continue;
        }
        joined.push_str(line);
        let whole = std::mem::take(&mut joined);
        let comment =
            whole.match_indices('#').find(|(at, _)| *at == 0 || whole.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace));
        let kept = comment.and_then(|(at, _)| whole.get(..at)).unwrap_or(&whole).trim();
        if !kept.is_empty() {
            lines.push(kept.to_owned());
        }
    }
    let last = joined.trim();
    if !last.is_empty() {
        lines.push(last.to_owned());
    }
    lines
}

/// The first package of a lock file that comes from a folder or file of this machine, the project itself aside.
fn local_source(lock: &str) -> Option<String> {
    let line = lock.lines().map(str::trim).find(|line| {
        let Some(source) = line.strip_prefix("source = {").map(str::trim_start) else { return false };
        let here = source.starts_with("editable = \".\"") || source.starts_with("virtual =");
        !here && ["editable", "directory", "path"].iter().any(|kind| source.starts_with(kind))
    });
    line.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn requirements(files: &[(&str, &str)]) -> Result<Inputs, Failure> {
        Inputs::read(workspace(files).path(), &Source::Requirements(files[0].0.into()))
    }

    #[test]
    fn the_key_follows_every_file_that_is_named() {
        let of = |constraint: &str| {
            let files = [("r/dev.txt", "-r ../base.txt\npytest\n"), ("base.txt", "numpy\n-c c.txt # why\n"), ("c.txt", constraint)];
            let inputs = requirements(&files).unwrap();
            assert_eq!(inputs.files.keys().collect::<Vec<_>>(), ["base.txt", "c.txt", "r/dev.txt"]);
            inputs.key(&["3.12"])
        };
        assert_eq!(of("numpy==2.0"), of("numpy==2.0"));
        assert_ne!(of("numpy==2.0"), of("numpy==2.1"));
    }

    #[test]
    fn the_key_follows_the_facts_and_has_the_form_of_a_digest() {
        let inputs = requirements(&[("r.txt", "numpy")]).unwrap();
        assert_ne!(inputs.key(&["a", "b"]), inputs.key(&["ab", ""]));
        assert_ne!(inputs.key(&["a"]), inputs.key(&["b"]));
        let key = inputs.key(&[]);
        assert!(key.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn files_that_name_each_other_end() {
        assert!(requirements(&[("a.txt", "-r b.txt"), ("b.txt", "-r a.txt")]).is_ok());
    }

    #[test]
    fn a_file_outside_or_a_missing_one_is_refused() {
        for content in ["-r ../x.txt", "-c /etc/passwd", "--requirement=a/../../b", "-r missing.txt"] {
            assert!(requirements(&[("r.txt", content)]).is_err(), "{content}");
        }
    }

    #[test]
    fn what_is_not_read_cannot_be_kept() {
        for content in ["-e .", "./lib", "lib/x.whl", "x @ file:///a", "--editable=lib", "x.tar.gz", "-r https://a/b.txt", "../lib[extra]"]
        {
            assert!(requirements(&[("r.txt", content)]).unwrap().unknown.is_some(), "{content}");
        }
        for content in
            ["numpy>=1.26,<3", "x @ https://a/b.whl", "--index-url https://a/simple", "a ; python_version > '3'", "git+https://a/b"]
        {
            assert_eq!(requirements(&[("r.txt", content)]).unwrap().unknown, None, "{content}");
        }
    }

    #[test]
    fn a_line_goes_on_after_a_backslash_and_ends_at_a_comment() {
        assert_eq!(requirement_lines("a \\\n b # c\n# d\nx#y\n\nlast\\"), ["a  b", "x#y", "last"]);
    }

    #[test]
    fn a_project_is_its_files_and_tells_of_local_packages() {
        let lock = "[[package]]\nname = \"me\"\nsource = { editable = \".\" }\n";
        let files = [("p/pyproject.toml", "[project]"), ("p/uv.lock", lock), ("p/.python-version", "3.12")];
        let inputs = Inputs::read(workspace(&files).path(), &Source::Project("p".into())).unwrap();
        assert_eq!((inputs.files.len(), inputs.unknown), (3, None));
        let other = "source = { directory = \"../lib\" }";
        assert!(local_source(other).is_some());
        let failure = Inputs::read(workspace(&files[..1]).path(), &Source::Project("p".into())).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("make it with `uv lock`"));
    }
}
