//! Starts commands under the real supervisor, and looks at the machine from outside.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use worldflux::{
    names::{Channel, Digest, Export},
    policy::{
        self, Asks, ChildNetwork, CommandRequest, Device, Grants, Level, Origin, Permit, Places, Profile, Resources, Rights, StartProcess,
    },
    sandbox::{Capture, Child, Exit, Launcher, Sink, SpawnError, StartOptions},
};

/// Longest time that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Tells the copy of these tests that another user runs where the program is that this user can execute.
pub(crate) const HELPER: &str = "WORLDFLUX_TEST_HELPER";

pub(crate) fn helper() -> PathBuf {
    std::env::var_os(HELPER).map_or_else(|| env!("CARGO_BIN_EXE_worldflux").into(), PathBuf::from)
}

/// One for all, so that what confines strict commands is found out once. It confines no stronger than these tests are about.
pub(crate) fn launcher() -> Launcher {
    static LAUNCHER: LazyLock<Launcher> = LazyLock::new(|| Launcher::with_helper(helper()).at_most(crate::MOST));
    LAUNCHER.clone()
}

pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// What is to be started; a shell's environment, and `/` as the working directory.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) argv: Vec<OsString>,
    pub(crate) variables: BTreeMap<OsString, OsString>,
    pub(crate) working_directory: PathBuf,
    pub(crate) profile: Profile,
    pub(crate) places: Places,
    pub(crate) least: Level,
    pub(crate) gpu: bool,
    pub(crate) limits: Resources,
    pub(crate) network: ChildNetwork,
}

pub(crate) fn order<S: Into<OsString>>(argv: impl IntoIterator<Item = S>) -> Order {
    let path = ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    Order {
        argv: argv.into_iter().map(Into::into).collect(),
        variables: BTreeMap::from([path]),
        working_directory: "/".into(),
        profile: Profile::Own,
        places: Places::default(),
        least: Level::Full,
        gpu: false,
        limits: Resources::default(),
        network: ChildNetwork::None,
    }
}

pub(crate) fn shell(script: &str) -> Order {
    order(["sh", "-c", script])
}

pub(crate) fn python(script: &str) -> Order {
    order(["python3", "-S", "-c", script])
}

impl Order {
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Confined; it can write in these folders.
    pub(crate) fn strict<P: AsRef<Path>>(mut self, writes: impl IntoIterator<Item = P>) -> Self {
        self.profile = Profile::Strict;
        self.places.writes.extend(writes.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// It can read these as well.
    pub(crate) fn reads<P: AsRef<Path>>(mut self, reads: impl IntoIterator<Item = P>) -> Self {
        self.places.reads.extend(reads.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    pub(crate) fn permit(self) -> Permit<StartProcess> {
        let asks: Asks = toml::from_str("command = 'to test it'").unwrap();
        let Self { argv, variables, working_directory, profile, places, least, gpu, limits, network } = self;
        let devices = gpu.then_some(Device::Gpu).into_iter().collect();
        let grants = Grants { level: Some(least), devices, resources: limits, ..Grants::all_of(&asks) };
        let rights = Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin: Origin::Bundled,
            digest: Digest::of(b""),
            asks,
            grants,
        };
        let request = CommandRequest {
            argv,
            variables,
            added_variables: BTreeMap::new(),
            path_prefix: vec![],
            working_directory,
            profile,
            places,
            network,
        };
        policy::start_command(&rights, Export::Start, request).unwrap()
    }

    pub(crate) async fn try_start(self, options: StartOptions) -> Result<Child, SpawnError> {
        launcher().start(self.permit(), options).await
    }

    pub(crate) async fn start(self, options: StartOptions) -> Child {
        self.try_start(options).await.unwrap()
    }

    /// Run to the end, with everything that it wrote.
    pub(crate) async fn output(self, change: impl FnOnce(&mut StartOptions)) -> Output {
        let events = Arc::new(Events::default());
        let mut options = StartOptions::new(events.clone());
        change(&mut options);
        let begin = Instant::now();
        let exit = self.start(options).await.wait().await;
        Output { exit, events: std::mem::take(&mut events.list.lock().unwrap()), took: begin.elapsed() }
    }
}

pub(crate) struct Output {
    pub(crate) exit: Exit,
    pub(crate) events: Vec<Event>,
    /// From before the start to after the answer.
    pub(crate) took: Duration,
}

impl Output {
    pub(crate) fn bytes(&self, channel: Channel) -> Vec<u8> {
        self.events.iter().filter(|event| event.channel == channel).flat_map(|event| event.bytes.clone()).collect()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.bytes(Channel::Stdout)).unwrap()
    }
}

/// One piece of output, and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) channel: Channel,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Events {
    list: Mutex<Vec<Event>>,
}

impl Events {
    pub(crate) fn text(&self) -> String {
        self.list.lock().unwrap().iter().map(|event| String::from_utf8(event.bytes.clone()).unwrap()).collect()
    }
}

impl Sink for Events {
    fn take(&self, channel: Channel, bytes: bytes::Bytes) {
        assert!(!bytes.is_empty());
        self.list.lock().unwrap().push(Event { channel, bytes: bytes.to_vec() });
    }
}

pub(crate) fn quiet() -> StartOptions {
    StartOptions::new(Arc::new(Capture::default()))
}

/// Poll until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A mark in the environment of a command, by which every process of its tree is found again.
pub(crate) fn mark() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("{:016x}", u64::from_ne_bytes(random))
}

/// The processes that carry the mark, as `pid command line`. Those that have ended and wait to be reaped have no environment.
pub(crate) fn marked(mark: &str) -> Vec<String> {
    let has_mark = |environment: Vec<u8>| environment.windows(mark.len()).any(|window| window == mark.as_bytes());
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| fs::read(format!("/proc/{pid}/environ")).is_ok_and(has_mark))
        .map(|pid| format!("{pid} {}", String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())))
        .collect()
}
