//! Types commands as a person would, in a place of their own, and looks at the machine from outside.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::compiled::take_compiled_code;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use worldflux::names::Digest;

/// Longest time that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const PROGRAM: &str = env!("CARGO_BIN_EXE_worldflux");

/// A user with an empty home: state, configuration and a folder to work in.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["state/cache", "config", "work"] {
            fs::create_dir_all(place.folder.path().join(folder)).unwrap();
        }
        take_compiled_code(&place.state(), "end_to_end", &["docker", "local", "replicate"]);
        place
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The folder that commands are typed in.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// `worldflux` with these arguments, ready to be changed before it is started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("WORLDFLUX_STATE_DIR", self.state())
            .env("WORLDFLUX_CONFIG_DIR", self.folder.path().join("config"))
            .stdin(Stdio::null());
        command
    }

    /// Type `worldflux` with these arguments, and wait.
    pub(crate) fn type_in<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Answer {
        answer(&mut self.command(arguments))
    }

    /// `worldflux run OPTIONS -- sh -c SCRIPT`.
    pub(crate) fn run(&self, options: &[&str], script: &str) -> Answer {
        self.type_in(run_line(options, script))
    }

    /// The same, not waited for.
    pub(crate) fn start(&self, options: &[&str], script: &str) -> Going {
        Going::start(&mut self.command(run_line(options, script)))
    }

    /// The rows of `worldflux runs --json`, newest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        serde_json::from_value(self.type_in(["runs", "--json"]).json()).unwrap()
    }

    /// The output directory of a run that was given none.
    pub(crate) fn output(&self, run: &str) -> PathBuf {
        self.work().join("outputs").join(run)
    }

    /// The log of the command of a run.
    pub(crate) fn log(&self, run: &str) -> Vec<u8> {
        fs::read(self.output(run).join("logs").join(format!("{run}.log"))).unwrap()
    }

    /// The manifest in the output directory of a run.
    pub(crate) fn manifest(&self, run: &str) -> Value {
        serde_json::from_slice(&fs::read(self.output(run).join("manifest.json")).unwrap()).unwrap()
    }
}

pub(crate) fn run_line<'s>(options: &[&'s str], script: &'s str) -> Vec<&'s str> {
    let mut line = vec!["run"];
    line.extend(options);
    line.extend(["--", "sh", "-c", script]);
    line
}

/// What came of something that was typed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

pub(crate) fn answer(command: &mut Command) -> Answer {
    let begin = Instant::now();
    let output = command.output().unwrap();
    Answer { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap(), took: begin.elapsed() }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The lines of `--events`.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }
}

/// Something that was typed and goes on.
pub(crate) struct Going {
    pub(crate) process: Child,
    pub(crate) lines: BufReader<ChildStdout>,
    stderr: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    begin: Instant,
}

impl Going {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = process.stderr.take().unwrap();
        let stderr = Arc::new(Mutex::new(vec![]));
        let kept = stderr.clone();
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                let read = pipe.read(&mut piece).unwrap();
                if read == 0 {
                    return;
                }
                kept.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { lines, process, stderr, reader: Some(reader), begin: Instant::now() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// What came on stderr so far.
    pub(crate) fn told(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }

    /// The next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// Wait for the end, with everything that nobody read yet.
    pub(crate) fn end(mut self) -> Answer {
        let mut stdout = Vec::new();
        self.lines.read_to_end(&mut stdout).unwrap();
        let code = self.process.wait().unwrap().code();
        let took = self.begin.elapsed();
        self.reader.take().unwrap().join().unwrap();
        Answer { code, stdout, stderr: self.told(), took }
    }
}

/// A test that fails leaves nothing running.
impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Poll until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A mark by which every process of a run is found again.
pub(crate) fn mark() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("mark{:016x}", u64::from_ne_bytes(random))
}

/// The processes that have `mark` among their arguments or variables, as `pid command line`, but for `but`.
pub(crate) fn marked(mark: &str, but: &[u32]) -> Vec<String> {
    let has_mark = |file: Vec<u8>| file.windows(mark.len()).any(|window| window == mark.as_bytes());
    let in_file = |pid: u32, name: &str| fs::read(format!("/proc/{pid}/{name}")).is_ok_and(has_mark);
    let found = pids().into_iter().filter(|pid| !but.contains(pid) && (in_file(*pid, "environ") || in_file(*pid, "cmdline")));
    found.map(|pid| format!("{pid} {}", command_line(pid))).collect()
}

/// Every process that comes from `pid`.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let all: Vec<_> = pids().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Whether the process is there, and not only waiting to be reaped.
pub(crate) fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// `R`, `S`, `T` and so on.
pub(crate) fn state(pid: u32) -> Option<char> {
    stat(pid)?.0.chars().next()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.1.parse().ok()
}

fn stat(pid: u32) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
}

fn pids() -> Vec<u32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub(crate) fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// Every regular file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A text of the manifest.
#[track_caller]
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}: {value:#}"))
}
