//! A daemon of docker or podman, which this program of tests starts itself (`tests/real/docker`), and a user who was told where it is.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::{Answer, Going, Place, answer, text};

/// The image that every daemon here has: busybox and nothing else.
pub(crate) const IMAGE: &str = "worldflux-test:latest";

/// A daemon, alive as long as this program.
pub(crate) struct Daemon {
    folder: TempDir,
    pub(crate) pid: u32,
    _process: Child,
}

impl Daemon {
    fn start(kind: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("wf").tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/docker/daemon.sh");
        let mut process = Command::new("sh");
        process.arg(script).arg(kind).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = line.trim().strip_prefix("ready ").and_then(|pid| pid.parse().ok());
        let pid =
            pid.unwrap_or_else(|| panic!("the daemon of {kind} does not start: it needs root and the packages that .ci/run installs"));
        Self { folder, pid, _process: process }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What the daemon answers to this request.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} /{path} HTTP/1.0\r\nhost: d\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).unwrap();
        let told = String::from_utf8_lossy(&told).into_owned();
        let (head, body) = told.split_once("\r\n\r\n").unwrap_or((&told, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{told}"));
        (status, serde_json::from_str(body.trim()).unwrap_or(Value::Null))
    }

    /// The container of a run, as the daemon shows it; `None` where there is none.
    pub(crate) fn container(&self, run: &str) -> Option<Value> {
        let (status, container) = self.ask("GET", &format!("containers/worldflux-{run}/json"), &Value::Null);
        (status == 200).then_some(container)
    }

    /// The names of all containers.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.ask("GET", "containers/json?all=1", &Value::Null).1;
        all.as_array().unwrap().iter().map(|one| text(one, "/Names/0").trim_start_matches('/').to_owned()).collect()
    }
}

/// The daemon of docker that all tests share.
pub(crate) fn docker() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("docker"))
}

/// The service of podman that all tests share.
pub(crate) fn podman() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("podman"))
}

/// A user who has a daemon.
pub(crate) struct Harbour {
    pub(crate) place: Place,
    pub(crate) daemon: &'static Daemon,
}

impl Harbour {
    pub(crate) fn new(daemon: &'static Daemon) -> Self {
        let place = Place::new();
        let at = format!("unix:{}", daemon.socket().display());
        place.type_in(["endpoint", "add", "docker.sock:80", "--at", &at]).expect(0);
        // The commands run as nobody in particular, who writes here as well.
        for folder in [place.work(), place.work().join("outputs")] {
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self { place, daemon }
    }

    /// `worldflux run --runtime docker --set image=IMAGE --run-id ID OPTIONS -- COMMAND`.
    pub(crate) fn line<'s>(id: &'s str, options: &[&'s str], command: &[&'s str]) -> Vec<&'s str> {
        let has_image = options.iter().any(|option| ["image=", "dockerfile=", "--spec"].iter().any(|word| option.starts_with(word)));
        let image: &[&str] = if has_image { &[] } else { &["--set", "image=worldflux-test:latest"] };
        [&["run", "--runtime", "docker", "--run-id", id], image, options, &["--"], command].concat()
    }

    pub(crate) fn command(&self, id: &str, options: &[&str], command: &[&str]) -> Command {
        self.place.command(Self::line(id, options, command))
    }

    pub(crate) fn run(&self, id: &str, options: &[&str], command: &[&str]) -> Answer {
        answer(&mut self.command(id, options, command))
    }

    /// `run` of a script for the shell in the container.
    pub(crate) fn script(&self, id: &str, options: &[&str], script: &str) -> Answer {
        self.run(id, options, &["sh", "-c", script])
    }

    pub(crate) fn going(&self, id: &str, options: &[&str], script: &str) -> Going {
        Going::start(&mut self.command(id, options, &["sh", "-c", script]))
    }

    pub(crate) fn manifest(&self, id: &str) -> Value {
        self.place.manifest(id)
    }
}
