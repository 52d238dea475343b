//! The files of the repository, and Rust code without what is no code.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What builds, runs and version control put into the tree.
const NOT_OURS: &[&str] = &[".git", "target", "outputs", "__pycache__"];

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One file of the repository.
pub(crate) struct File {
    /// From the top of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The room of a file of the host: `cli` for `host/src/cli/run.rs`; none for `lib.rs` and `main.rs`.
    pub(crate) fn room(&self) -> Option<&str> {
        Some(self.path.strip_prefix("host/src/")?.split_once('/')?.0)
    }

    /// Whether its name ends with a dot and this.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.rsplit('/').next().is_some_and(|name| name.starts_with("tests"))
    }

    /// Lines of code with their numbers: no comments, no module of tests at the end.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut lines = self.text.lines().enumerate().peekable();
        std::iter::from_fn(move || {
            let (number, line) = lines.next()?;
            let tests_follow = line == "#[cfg(test)]" && lines.peek().is_some_and(|(_, next)| next.contains("mod ") && next.ends_with('{'));
            (!tests_follow).then_some((number + 1, line))
        })
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Every text file below a folder of the repository, sorted by path.
pub(crate) fn files(folder: &str) -> Vec<File> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "there is nothing in `{folder}`: the test looks in the wrong place");
    files
}

/// Every Rust file below a folder.
pub(crate) fn rust(folder: &str) -> Vec<File> {
    files(folder).into_iter().filter(|file| file.is("rs")).collect()
}

/// One file.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display())) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            files.push(File { path, text });
        }
    }
}
