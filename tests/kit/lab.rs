//! Calls exports of real guests in the real engine, and looks at what came of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use worldflux::{
    config::{Environment, RunOverrides, RunSettings},
    egress::{Client, Dialer, HttpLimits},
    engine::{CallError, CompiledCache, Compiler, Engine, ExecutionRequest, Plugin, Question, Started, StdinKind},
    imports::{Call, Children, CommandLaunch, Folders, Listener, Talk},
    names::{Bytes, Digest, EndKind, Ending, Export, RunId},
    plugin::PluginFile,
    policy::{Asks, ChildNetwork, Folder, Grants, Limits, Origin, Profile, Rights, SecretName, usable_secrets},
    sandbox::{Capture, Launcher, StartOptions},
    secrets::{Held, SecretValue},
    store::{ExecutionKind, Hide, Record, read_record},
};

use crate::guests::{guest, rogue_that_describes};
pub(crate) use crate::report::Report;

/// How long an export may take here, unless a test is about time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most memory that this process ever has, whatever guests do: a few guests at their limit, and the host.
const MEMORY: u64 = 1_500 << 20;

/// The engine of this process, with two plugins: one that misbehaves and one that must go on answering.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) rogue: Plugin,
    rogue_file: PluginFile,
    healthy: Plugin,
    healthy_file: PluginFile,
}

/// The lab of this process.
pub(crate) fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let engine = Engine::new(CompiledCache::none(), Compiler::Here).unwrap();
        let [rogue_file, healthy_file] = ["rogue", "bare"].map(|name| PluginFile::read(&guest(name)).unwrap());
        let load = |file: &PluginFile| engine.load(file.bytes(), file.digest).unwrap();
        let (rogue, healthy) = (load(&rogue_file), load(&healthy_file));
        Lab { engine, rogue, rogue_file, healthy, healthy_file }
    })
}

/// Run `future` as the host does: on several threads.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

pub(crate) fn launcher() -> Launcher {
    Launcher::with_helper(PathBuf::from(env!("CARGO_BIN_EXE_worldflux")))
}

/// One call of `rogue`, as it is made ready.
pub(crate) struct Attack {
    export: Export,
    behaviour: String,
    patience: Duration,
    asks: Asks,
    grants: Grants,
    secrets: Vec<(SecretName, SecretValue)>,
    limits: Limits,
    command: Vec<String>,
    output: Arc<Capture>,
    place: tempfile::TempDir,
    endpoints: String,
    http: HttpLimits,
}

/// `rogue` does `behaviour` in `export`, with all that it asks for granted.
pub(crate) fn attack(export: Export, behaviour: &str) -> Attack {
    let place = tempfile::tempdir().unwrap();
    for folder in Folder::ALL {
        fs::create_dir(on_host(place.path(), folder)).unwrap();
    }
    let asks = lab().rogue_file.manifest.asks.clone();
    let grants = Grants::all_of(&asks);
    Attack {
        export,
        behaviour: behaviour.to_owned(),
        patience: PATIENCE,
        asks,
        grants,
        secrets: vec![],
        limits: Limits::default(),
        command: vec!["true".to_owned()],
        output: Arc::default(),
        place,
        endpoints: String::new(),
        http: HttpLimits::default(),
    }
}

fn on_host(place: &Path, folder: Folder) -> PathBuf {
    place.join(folder.guest_path().trim_start_matches('/'))
}

impl Attack {
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Does this instead.
    pub(crate) fn behaves(&mut self, behaviour: &str) {
        behaviour.clone_into(&mut self.behaviour);
    }

    /// With these grants only, as TOML.
    pub(crate) fn granted(mut self, grants: &str) -> Self {
        self.grants = toml::from_str(grants).unwrap();
        self
    }

    /// As if its `plugin.toml` asked for these requests and secrets too, as TOML, and had them granted.
    pub(crate) fn asking(mut self, asks: &str) -> Self {
        let more: Asks = toml::from_str(asks).unwrap();
        self.asks.http.extend(more.http);
        self.asks.secret.extend(more.secret);
        self.asks.check().unwrap();
        self.grants = Grants::all_of(&self.asks);
        self
    }

    /// With this as the value of a secret.
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        let name: SecretName = name.parse().unwrap();
        let value = SecretValue::new(&name, value.into()).unwrap();
        self.secrets.push((name, value));
        self
    }

    /// With these limits.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With requests that have these limits.
    pub(crate) fn http_limits(mut self, limits: HttpLimits) -> Self {
        self.http = limits;
        self
    }

    /// With this said of a host, as a line of TOML: `'allowed.test' = { at = '127.0.0.1:8443' }`.
    pub(crate) fn endpoint(mut self, line: &str) -> Self {
        self.endpoints.extend([line, "\n"]);
        self
    }

    /// With a server in the clear at `address` as a host of this name.
    pub(crate) fn at(self, name: &str, address: std::net::SocketAddr) -> Self {
        self.endpoint(&format!("'{name}' = {{ at = '{address}' }}"))
    }

    /// With this as the command that the user typed.
    pub(crate) fn command<const N: usize>(mut self, argv: [&str; N]) -> Self {
        self.command = argv.map(str::to_owned).to_vec();
        self
    }

    /// Where a folder of the run is on this machine.
    pub(crate) fn folder(&self, folder: Folder) -> PathBuf {
        on_host(self.place.path(), folder)
    }

    /// Do it, then check what holds after every attack: it took its time and no more, the host has its memory, the record is whole, and
    /// another plugin answers.
    pub(crate) fn run(self) -> Report {
        run(self.go())
    }

    pub(crate) async fn go(self) -> Report {
        let lab = lab();
        // It gets no settings: what it does stands in the component, whose compilation is nobody's time but ours.
        let describes = (self.export == Export::Describe).then(|| {
            let component = rogue_that_describes(&self.behaviour);
            lab.engine.load(&component, Digest::of(&component)).unwrap()
        });
        let rights = Rights { asks: self.asks.clone(), grants: self.grants.clone(), ..rogue_rights() };
        let usable = usable_secrets(&rights);
        let granted = |(name, value): &(SecretName, SecretValue)| Some((name.clone(), value.clone(), usable.get(name)?.iter().collect()));
        let held = Held::new(self.secrets.iter().filter_map(granted));
        let scrubber = held.scrubber().clone();
        let path = self.place.path().join("record.jsonl");
        let record = Record::create(&path, &RunId::generate()).unwrap().hiding(Hide::with(move |text| scrubber.string(text)));
        let record = Arc::new(record);
        let heard = Arc::new(Heard::default());
        let folders = Folder::ALL.map(|folder| (folder, self.folder(folder)));
        let call = Call {
            folders: Arc::new(Folders::open(folders).unwrap()),
            record: record.clone(),
            listener: heard.clone(),
            children: Arc::new(Children::within(launcher(), self.limits)),
            secrets: Arc::new(held),
            client: Arc::new(Client::within(Dialer::new(toml::from_str(&self.endpoints).unwrap()), self.http)),
            ..call(self.export, rights, self.patience)
        };
        let children = call.children.clone();
        let begin = Instant::now();
        let answer = self.ask(lab, describes.as_ref().unwrap_or(&lab.rogue), call).await;
        let took = begin.elapsed();
        assert!(took < self.patience + Duration::from_secs(5), "`{}` took {took:?}", self.behaviour);
        record.flush().unwrap();
        worldflux::store::verify_record(&path).unwrap();
        let entries = read_record(&path).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(peak_memory() < MEMORY, "`{}` made the host use {} MiB", self.behaviour, peak_memory() >> 20);
        is_healthy(lab).await;
        let talk = std::mem::take(&mut *heard.0.lock().unwrap());
        Report { behaviour: self.behaviour, answer, entries, talk, children, output: self.output, place: self.place }
    }

    async fn ask(&self, lab: &Lab, rogue: &Plugin, call: Call) -> Result<String, CallError> {
        let settings = json!({ self.export.name(): self.behaviour });
        let question = question(&settings, self.place.path());
        let engine = &lab.engine;
        let said = |details: BTreeMap<String, Value>| details.get("rogue").and_then(Value::as_str).unwrap_or_default().to_owned();
        match self.export {
            Export::Describe => engine.describe(rogue, call).await.map(|answer| said(answer.details)),
            Export::Doctor => {
                let findings = engine.doctor(rogue, call, &settings).await?;
                Ok(findings.into_iter().map(|finding| finding.message).collect())
            }
            Export::Plan => engine.plan(rogue, call, &question).await.map(|answer| answer.steps.concat()),
            Export::BuildEnv => engine.build_env(rogue, call, &question, None).await.map(|answer| said(answer.metadata)),
            Export::Start => {
                let call = Call { command: Some(Arc::new(self.launch())), ..call };
                let started = engine.start(rogue, call, &question, "rogue", &self.request()).await?;
                Ok(match started {
                    Started::HostProcess(process) => process.to_string(),
                    Started::Remote { handle, .. } => handle,
                })
            }
            Export::Poll => engine.poll(rogue, call, &question, "rogue", "p1", "").await.map(|answer| answer.evidence),
            Export::Kill => engine.kill(rogue, call, &question, "rogue", "p1", Duration::ZERO).await.map(|()| String::new()),
            Export::Collect => engine.collect(rogue, call, &question, "rogue", "p1", &ended()).await.map(|answer| said(answer.metadata)),
            Export::Teardown => engine.teardown(rogue, call, &question, None).await.map(|answer| answer.evidence),
        }
    }

    fn launch(&self) -> CommandLaunch {
        CommandLaunch {
            argv: self.command.iter().map(Into::into).collect(),
            variables: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            secrets: BTreeMap::new(),
            given: BTreeSet::new(),
            working_directory: self.folder(Folder::Workspace),
            profile: Profile::Own,
            network: ChildNetwork::None,
            options: Mutex::new(Some(StartOptions::new(self.output.clone()))),
        }
    }

    fn request(&self) -> ExecutionRequest {
        ExecutionRequest {
            kind: ExecutionKind::Command,
            index: 0,
            argv: self.command.clone(),
            variables: BTreeMap::new(),
            working_folder: None,
            deadline: None,
            stdin: StdinKind::Empty,
        }
    }
}

#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<Talk>>);

impl Listener for Heard {
    fn hear(&self, talk: Talk) {
        self.0.lock().unwrap().push(talk);
    }
}

/// A call that belongs to no run and may touch nothing.
pub(crate) fn call(export: Export, rights: Rights, patience: Duration) -> Call {
    let base = [("PATH", "/usr/bin:/bin"), ("HOME", "/")].map(|(name, value)| (name.into(), value.into()));
    let deadline = tokio::time::Instant::now() + patience;
    let call = Call::outside_of_a_run(export, Arc::new(rights), launcher(), deadline).unwrap();
    Call { base_variables: Arc::new(BTreeMap::from(base)), ..call }
}

/// What `rogue` may do with all that it asks for granted.
pub(crate) fn rogue_rights() -> Rights {
    let file = &lab().rogue_file;
    Rights {
        plugin: "rogue".parse().unwrap(),
        typed: "rogue".into(),
        origin: Origin::Added,
        digest: file.digest,
        asks: file.manifest.asks.clone(),
        grants: Grants::all_of(&file.manifest.asks),
    }
}

/// Rights without any grant, of a plugin that is not `rogue`.
pub(crate) fn no_rights(name: &str, digest: Digest) -> Rights {
    Rights {
        plugin: name.parse().unwrap(),
        typed: name.into(),
        origin: Origin::Added,
        digest,
        asks: Asks::default(),
        grants: Grants::default(),
    }
}

/// The other plugin answers, and quickly.
pub(crate) async fn is_healthy(lab: &Lab) {
    let rights = no_rights("bare", lab.healthy_file.digest);
    let findings = lab.engine.doctor(&lab.healthy, call(Export::Doctor, rights, PATIENCE), &json!({})).await.unwrap();
    assert_eq!(findings[0].message, "nothing is needed");
}

fn question(settings: &Value, place: &Path) -> Question {
    let overrides = RunOverrides { command: vec!["true".to_owned()], ..RunOverrides::default() };
    let environment = Environment::from_pairs([("HOME", "/"), ("PATH", "/usr/bin:/bin")]);
    Question {
        settings: RunSettings::resolve(&overrides, &environment, place).unwrap(),
        runtime: "rogue".parse().unwrap(),
        runtime_settings: settings.clone(),
        interpreter: None,
    }
}

fn ended() -> Ending {
    Ending {
        kind: EndKind::Exited { code: 0 },
        evidence: "exit code 0".into(),
        started_at: None,
        ended_at: None,
        stdout_bytes: Bytes(0),
        stderr_bytes: Bytes(0),
        truncated: false,
    }
}

/// Descriptors and threads of this process at this moment.
pub(crate) fn census() -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// Poll until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The most memory that this process ever had, in bytes.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
