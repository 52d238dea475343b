//! Types commands into the real program, as a user whose folders are new.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A user: a home, a state directory, a configuration directory and a project, all new.
pub(crate) struct User {
    place: tempfile::TempDir,
}

impl User {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("project")).unwrap();
        Self { place }
    }

    /// Where the user is.
    pub(crate) fn project(&self) -> PathBuf {
        self.place.path().join("project")
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// A command line, as `worldflux` and these arguments, ready to be changed.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflux"));
        command.args(arguments).current_dir(self.project()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.place.path()).env("NO_COLOR", "1");
        command.env("WORLDFLUX_STATE_DIR", self.state()).env("WORLDFLUX_CONFIG_DIR", self.place.path().join("config"));
        command
    }

    /// Type it, separated by spaces.
    pub(crate) fn types(&self, line: &str) -> Said {
        self.command(line.split_whitespace()).output().unwrap().into()
    }

    /// Type `worldflux run --runtime RUNTIME -- true` and get the manifest.
    pub(crate) fn manifest(&self, runtime: &str) -> Value {
        let said = self.types(&format!("run --json --runtime {runtime} -- true"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Put a file into the project.
    pub(crate) fn place(&self, name: &str, from: &Path) -> PathBuf {
        let path = self.project().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from, &path).unwrap();
        path
    }
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
