//! A daemon of docker or podman, which the program of tests starts itself (`tests/real/docker`), and which ends with it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

/// The image that every daemon here has: busybox and nothing else.
pub(crate) const IMAGE: &str = "worldflux-test:latest";

/// The same with the Python of this machine.
pub(crate) const IMAGE_WITH_PYTHON: &str = "worldflux-test-python:latest";

/// A daemon, alive as long as this program.
pub(crate) struct Daemon {
    folder: TempDir,
    pub(crate) pid: u32,
    _process: Child,
}

impl Daemon {
    /// A daemon of this kind, with a disk of `more` MiB where that is said.
    fn start(kind: &str, more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("wf").tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/docker/daemon.sh");
        let mut process = Command::new("sh");
        process.arg(script).arg(kind).arg(folder.path()).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
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

    /// Give it the image with Python. A repeat changes nothing.
    pub(crate) fn take_python(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/docker/python.py");
        let made = Command::new("/usr/bin/python3").arg(script).arg(self.socket()).args([IMAGE_WITH_PYTHON, IMAGE]).status().unwrap();
        assert!(made.success(), "the image with Python is not made");
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

    /// Fill its disk, which nobody sees but itself.
    pub(crate) fn fill(&self) {
        let path = format!("/proc/{}/root{}", self.pid, self.folder.path().join("data/fill").display());
        let (mut file, piece) = (File::create(path).unwrap(), vec![0_u8; 1 << 16]);
        let error = loop {
            if let Err(error) = file.write_all(&piece) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    }

    /// The names of all containers.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.ask("GET", "containers/json?all=1", &Value::Null).1;
        all.as_array().unwrap().iter().map(|one| one["Names"][0].as_str().unwrap().trim_start_matches('/').to_owned()).collect()
    }
}

/// The daemon of docker that all tests share.
pub(crate) fn docker() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("docker", &[]))
}

/// The service of podman that all tests share.
pub(crate) fn podman() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("podman", &[]))
}

/// The service of podman that somebody has who is not root.
pub(crate) fn rootless() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("rootless", &[]))
}

/// A daemon of docker with a small disk.
pub(crate) fn small() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start("docker", &["16"]))
}
