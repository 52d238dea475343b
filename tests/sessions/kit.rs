//! A user with new folders, whose program opens sessions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::compiled::take_compiled_code;
use tempfile::TempDir;
use worldflux::{
    config::{Environment, Folders, Mode, RunOverrides, RunSettings},
    names::{EndKind, RunId},
    run::{Executed, Host, HostOptions, RunError, Session, SessionCommand, SessionOptions, SessionWorkspace},
    sandbox::Launcher,
};

/// Longest time that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const PROGRAM: &str = env!("CARGO_BIN_EXE_worldflux");

/// A user with an empty home: state, configuration and a project.
pub(crate) struct Place {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { path: folder.path().canonicalize().unwrap(), _folder: Some(folder) };
        for folder in ["state/cache", "config", "project"] {
            fs::create_dir_all(place.path.join(folder)).unwrap();
        }
        take_compiled_code(&place.state(), "sessions", &["docker", "local"]);
        place
    }

    /// That of another program, which removes it.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self { path, _folder: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// Put a file into the project.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn environment(&self) -> Environment {
        Environment::from_pairs([("PATH", "/usr/bin:/bin"), ("HOME", self.path().to_str().unwrap()), ("OF_HOST", "host")])
    }

    /// What the program opens once.
    pub(crate) fn host(&self) -> Arc<Host> {
        let folders = Folders { state: self.state(), config: self.path().join("config") };
        let launcher = Launcher::with_helper(PROGRAM.into());
        Arc::new(Host::open(HostOptions { folders, plugins: vec![], environment: self.environment(), launcher }).unwrap())
    }

    /// The settings of a session, as the project says them.
    pub(crate) fn settings(&self) -> RunSettings {
        self.settings_with(&RunOverrides::default())
    }

    pub(crate) fn settings_with(&self, overrides: &RunOverrides) -> RunSettings {
        RunSettings::resolve_session(overrides, &self.environment(), &self.project()).unwrap()
    }

    /// A session with a workspace of its own.
    pub(crate) async fn open(&self) -> Session {
        self.host().open_session(self.settings(), fresh()).await.unwrap()
    }

    /// The same in this mode, with this run file.
    pub(crate) async fn open_as(&self, mode: Mode, file: &str) -> Session {
        self.write("worldflux.toml", file);
        let settings = in_mode(mode, self.settings());
        self.host().open_session(settings, fresh()).await.unwrap()
    }

    /// Why a session with this run file is not opened.
    pub(crate) async fn refused(&self, mode: Mode, file: &str) -> RunError {
        self.write("worldflux.toml", file);
        let settings = in_mode(mode, self.settings());
        self.host().open_session(settings, fresh()).await.unwrap_err()
    }

    /// Type a command into the program, and get what it says.
    pub(crate) fn types(&self, line: &[&str]) -> (i32, String) {
        let output = Command::new(PROGRAM)
            .args(line)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("WORLDFLUX_STATE_DIR", self.state())
            .env("WORLDFLUX_CONFIG_DIR", self.path().join("config"))
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap_or(-1), said)
    }
}

/// With a workspace of its own, empty at first.
pub(crate) fn fresh() -> SessionOptions {
    SessionOptions { workspace: SessionWorkspace::Fresh, ..SessionOptions::default() }
}

/// A script for `sh`.
pub(crate) fn sh(script: &str) -> SessionCommand {
    SessionCommand::argv(["sh", "-c", script])
}

/// What a script wrote, which has to succeed.
pub(crate) async fn says(session: &Session, script: &str) -> String {
    let executed = session.run(sh(script)).await.unwrap();
    assert_eq!(executed.ending.kind, EndKind::Exited { code: 0 }, "{script}: {}", text(&executed.stderr));
    text(&executed.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn code(executed: &Executed) -> i32 {
    executed.exit_code()
}

/// Wait until this is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process of this number is there and is no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// The same settings for somebody else.
pub(crate) fn in_mode(mode: Mode, mut settings: RunSettings) -> RunSettings {
    settings.mode = mode;
    settings
}

/// The same settings for another session.
pub(crate) fn anew(mut settings: RunSettings) -> RunSettings {
    settings.run_id = RunId::generate();
    settings
}
