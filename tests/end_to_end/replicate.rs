//! The runtime `replicate`, against the API of Replicate over real `cog` servers (`tests/real/replicate`).

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::{Answer, Going, Place, answer, files, mark, sha256, text, until};

/// The folder of the facade.
fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real/replicate").canonicalize().unwrap()
}

/// A python with what the facade needs, made once and kept.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let requirements = real().join("requirements.txt");
        let key = sha256(&fs::read(&requirements).unwrap());
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replicate-{}", &key[7..19]));
        let python = venv.join("bin/python");
        let lock = fs::File::create(venv.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        if !venv.join("whole").exists() {
            let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).output().expect("python3 can be started");
            assert!(made.status.success(), "no venv can be made: {}", String::from_utf8_lossy(&made.stderr));
            let line = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
            let filled = Command::new(&python).args(line).arg(&requirements).output().unwrap();
            assert!(filled.status.success(), "pip cannot install cog and replicate: {}", String::from_utf8_lossy(&filled.stderr));
            fs::write(venv.join("whole"), "").unwrap();
        }
        python
    })
}

/// The API, and a user who was told where it is.
struct Api {
    place: Place,
    token: String,
    process: Child,
    port: u64,
    beside: u64,
}

impl Api {
    fn start() -> Self {
        let place = Place::new();
        let (authority, certificate, key) = certificates(&place);
        let token = format!("r8_{}", mark());
        let mut process = Command::new(python())
            .arg(real().join("facade.py"))
            .arg("--certificate")
            .arg(certificate)
            .arg("--key")
            .arg(key)
            .args(["--token", &token])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("REPLICATE_API_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).expect("the facade says where it is");
        let (port, beside) = (ports["api"].as_u64().unwrap(), ports["beside"].as_u64().unwrap());
        for host in ["api.replicate.com", "stream.replicate.com", "replicate.delivery"] {
            let at = format!("127.0.0.1:{port}");
            place.type_in(["endpoint", "add", host, "--at", &at, "--ca", authority.to_str().unwrap()]).expect(0);
        }
        Self { place, token, process, port, beside }
    }

    /// `worldflux` with these arguments and the token in its variables.
    fn command(&self, line: &[&str]) -> Command {
        let mut command = self.place.command(line);
        command.env("REPLICATE_API_TOKEN", &self.token);
        command
    }

    fn type_in(&self, line: &[&str]) -> Answer {
        answer(&mut self.command(line))
    }

    /// `worldflux run --runtime replicate --run-id ID OPTIONS -- COMMAND`.
    fn run(&self, id: &str, options: &[&str], command: &[&str]) -> Answer {
        self.type_in(&line(id, options, command))
    }

    fn going(&self, id: &str, options: &[&str], command: &[&str]) -> Going {
        Going::start(&mut self.command(&line(id, options, command)))
    }

    fn manifest(&self, id: &str) -> Value {
        self.place.manifest(id)
    }

    /// Ask the side of the tests.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(self.beside).unwrap())).unwrap();
        let body = body.to_string();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    /// What to do wrong next: a request, its method and path as a pattern, and what comes of it.
    fn fault(&self, fault: &Value) {
        self.ask("POST", "/faults", &json!([fault]));
    }

    /// State of every prediction and training, oldest first.
    fn states(&self) -> Vec<String> {
        let all = self.ask("GET", "/predictions", &Value::Null);
        all.as_array().unwrap().iter().map(|one| text(one, "/status").to_owned()).collect()
    }

    /// The requests that came, as `METHOD path`.
    fn seen(&self) -> Vec<Value> {
        self.ask("GET", "/seen", &Value::Null).as_array().unwrap().clone()
    }

    fn count(&self, method: &str, path: &str) -> usize {
        self.seen().iter().filter(|one| one["method"] == method && text(one, "/path").starts_with(path)).count()
    }
}

/// Its end is the end of the facade, which takes its servers with it.
impl Drop for Api {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn line<'s>(id: &'s str, options: &[&'s str], command: &[&'s str]) -> Vec<&'s str> {
    [&["run", "--runtime", "replicate", "--run-id", id], options, &["--"], command].concat()
}

/// An authority, and a certificate by it for every name of the API: the files of both, and of the key.
fn certificates(place: &Place) -> (PathBuf, PathBuf, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    // A certificate of which subject and issuer have one name counts as signed by itself for OpenSSL.
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "the authority of a test");
    let authority = parameters.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, key);
    let names = ["api.replicate.com", "stream.replicate.com", "replicate.delivery", "127.0.0.1"].map(str::to_owned);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let write = |name: &str, content: String| {
        let path = place.state().with_file_name(name);
        fs::write(&path, content).unwrap();
        path
    };
    (write("authority.pem", authority.pem()), write("certificate.pem", certificate.pem()), write("key.pem", key.serialize_pem()))
}

#[test]
fn the_public_client_of_replicate_takes_the_facade_for_the_api() {
    let api = Api::start();
    let authority = api.place.state().with_file_name("authority.pem");
    let mut check = Command::new(python());
    check.arg(real().join("check_client.py")).arg(api.port.to_string()).arg(authority).arg(&api.token).env("PYTHONDONTWRITEBYTECODE", "1");
    let told = answer(&mut check).expect(0);
    assert_eq!(told.text(), "the client and the facade agree\n", "{}", told.stderr);
}

#[test]
fn a_prediction_is_a_command_whose_output_comes_home() {
    let api = Api::start();
    let told = api.run("hello", &[], &["acme/echo", "text=hi", "lines=2"]).expect(0);
    assert_eq!(told.text(), "hi\n", "{}", told.stderr);
    let log = String::from_utf8(api.place.log("hello")).unwrap();
    for line in ["working on hi", "line 0", "line 1", "hi"] {
        assert_eq!(log.lines().filter(|told| *told == line).count(), 1, "{line}: {log}");
    }
    let output = fs::read_to_string(api.place.output("hello").join("output.json")).unwrap();
    assert_eq!(output, "\"hi\"\n");
    let manifest = api.manifest("hello");
    assert_eq!(text(&manifest, "/status"), "succeeded");
    assert!(manifest["metrics"]["predict_time"].as_f64().unwrap() > 0.0, "{manifest:#}");
    let ending = manifest.pointer("/executions/0/ending").unwrap();
    assert!(text(ending, "/evidence").starts_with("state `succeeded` of prediction `"), "{ending:#}");
    assert!(manifest["artifacts"].as_array().unwrap().iter().any(|artifact| artifact["name"] == "output.json"));
    api.type_in(&["manifest", "verify", "hello"]).expect(0);
    assert_eq!(api.states(), ["succeeded"]);
    // Every request had the token, and it is nowhere else.
    assert!(api.seen().iter().all(|one| one["authorized"] == true), "{:#?}", api.seen());
    for folder in [api.place.state(), api.place.work()] {
        for file in files(&folder) {
            let content = fs::read(&file).unwrap();
            assert!(!content.windows(api.token.len()).any(|window| window == api.token.as_bytes()), "{}", file.display());
        }
    }
    assert!(!told.stderr.contains(&api.token));
}

#[test]
fn text_comes_while_the_model_tells_it() {
    for (id, options) in [("streamed", &["--events", "--set", "stream=true"][..]), ("polled", &["--events"])] {
        let api = Api::start();
        let mut going = api.going(id, options, &["acme/story", "text=once upon a time", "seconds=1"]);
        let mut lines = Vec::new();
        loop {
            let line = going.line();
            assert!(!line.is_empty(), "{}", going.told());
            let event: Value = serde_json::from_str(&line).unwrap();
            lines.push(line);
            if event["event"] == "stdout" {
                break;
            }
        }
        // The first word is here, and the last one is not yet told.
        assert_eq!(api.states(), ["processing"], "{id}");
        let told = going.end().expect(0);
        drop(told);
        let log = String::from_utf8(api.place.log(id)).unwrap();
        let words = log.lines().filter(|line| !line.starts_with("saying ")).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
        assert!(words.contains("time"), "{id}: {log}");
        let output: Value = serde_json::from_slice(&fs::read(api.place.output(id).join("output.json")).unwrap()).unwrap();
        assert_eq!(output, json!(["once ", "upon ", "a ", "time "]));
        let streams = api.count("GET", "/v1/stream/");
        assert_eq!(streams > 0, id == "streamed", "{streams}");
    }
}

#[test]
fn a_streamed_text_is_whole_and_no_word_comes_twice() {
    let api = Api::start();
    let told = api.run("story", &["--set", "stream=true"], &["acme/story", "text=one two three four five six", "seconds=0.4"]).expect(0);
    assert_eq!(told.text(), "one two three four five six \n", "{}", told.stderr);
    assert!(api.count("GET", "/v1/stream/") > 1, "it was listened to more than once");
    let resumed = api.seen().iter().any(|one| text(one, "/path").starts_with("/v1/stream/") && one["headers"]["last-event-id"].is_string());
    assert!(resumed, "it went on where it stopped");
}

#[test]
fn files_go_there_and_come_back() {
    let api = Api::start();
    api.place.write("in/more.txt", " and paper\n");
    let told = api.run("paper", &[], &["acme/paper", "text=ink", "file=@in/more.txt", "repeat=3"]).expect(0);
    assert_eq!(told.text(), "");
    let file = api.place.output("paper").join("paper.txt");
    assert_eq!(fs::read_to_string(&file).unwrap(), "INK AND PAPER\n".repeat(3), "{}", told.stderr);
    assert_eq!(fs::read_to_string(api.place.output("paper").join("output.json")).unwrap(), "\"paper.txt\"\n");
    let manifest = api.manifest("paper");
    let artifact = manifest["artifacts"].as_array().unwrap().iter().find(|artifact| artifact["name"] == "paper.txt").unwrap();
    assert_eq!(text(artifact, "/sha256"), sha256(&fs::read(&file).unwrap()));
    // The file that was sent is removed; the one that came back needed no token.
    assert_eq!((api.count("POST", "/v1/files"), api.count("DELETE", "/v1/files/")), (1, 1));
    let delivered = api.seen().into_iter().find(|one| text(one, "/path").starts_with("/delivery/")).unwrap();
    assert_eq!((text(&delivered, "/host"), delivered["authorized"].as_bool()), ("replicate.delivery", Some(false)));
}

#[test]
fn an_output_file_that_cannot_be_fetched_makes_the_run_incomplete() {
    let api = Api::start();
    api.fault(&json!({"on": "GET /delivery/.*", "do": "404", "times": 9}));
    let told = api.run("paper", &[], &["acme/paper", "text=ink"]).expect(3);
    assert!(told.stderr.contains("paper.txt"), "{}", told.stderr);
    assert_eq!(text(&api.manifest("paper"), "/status"), "incomplete");
}

#[test]
fn ctrl_c_and_kill_end_the_prediction() {
    let api = Api::start();
    for id in ["interrupted", "killed"] {
        let going = api.going(id, &[], &["acme/echo", "text=slow", "seconds=120"]);
        until("it is processing", || api.states().last().is_some_and(|state| state == "processing"));
        if id == "killed" {
            api.type_in(&["kill", id]).expect(0);
        } else {
            going.send(Signal::INT);
        }
        let told = going.end();
        assert_eq!(told.code, Some(if id == "killed" { 19 } else { 130 }), "{}", told.stderr);
        assert_eq!(text(&api.manifest(id), "/status"), "cancelled");
        assert_eq!(api.states().last().unwrap(), "canceled");
        assert!(told.took < Duration::from_mins(1), "{:?}", told.took);
    }
    assert_eq!(api.states().len(), 2);
}

#[test]
fn a_deadline_ends_the_prediction() {
    let api = Api::start();
    let told = api.run("late", &["--timeout", "3s"], &["acme/echo", "text=slow", "seconds=120"]).expect(16);
    assert_eq!(text(&api.manifest("late"), "/reason/code"), "timeout", "{}", told.stderr);
    assert_eq!(api.states(), ["canceled"]);
    let created = api.seen().into_iter().find(|one| one["method"] == "POST" && one["path"] == "/v1/predictions").unwrap();
    assert_eq!(created["headers"]["cancel-after"], "63s", "{created:#}");
}

#[test]
fn a_lost_answer_to_a_create_never_makes_two() {
    let api = Api::start();
    let before = [
        ("broken-off", json!({"on": "POST /v1/predictions", "do": "drop", "after": true})),
        ("failed-after", json!({"on": "POST /v1/predictions", "do": "500", "after": true})),
        ("never-arrived", json!({"on": "POST /v1/predictions", "do": "drop"})),
        ("failed-before", json!({"on": "POST /v1/predictions", "do": "503"})),
    ];
    for (number, (id, fault)) in before.iter().enumerate() {
        api.fault(fault);
        let told = api.run(id, &[], &["acme/echo", "text=once", "seconds=0.1"]).expect(0);
        assert_eq!(told.text(), "once\n", "{id}: {}", told.stderr);
        assert_eq!(api.states().len(), number + 1, "{id}: {}", told.stderr);
        assert!(api.states().iter().all(|state| state == "succeeded"), "{id}");
    }
    assert!(api.count("GET", "/v1/predictions") > 4, "it was looked for");
}

#[test]
fn where_nobody_can_say_what_was_made_nothing_more_is_made_and_the_way_home_ends_it() {
    let api = Api::start();
    api.fault(&json!({"on": "POST /v1/predictions", "do": "drop", "after": true}));
    // The list cannot be read while it is looked for, and can be read again when the run cleans up.
    api.fault(&json!({"on": "GET /v1/predictions", "do": "500", "times": 1}));
    let told = api.run("unsure", &[], &["acme/echo", "text=once", "seconds=60"]);
    assert_ne!(told.code, Some(0));
    assert!(told.stderr.contains("cannot be found out"), "{}", told.stderr);
    assert_eq!(api.states(), ["canceled"], "{}", told.stderr);
}

#[test]
fn a_busy_api_is_given_the_time_that_it_asks_for() {
    let api = Api::start();
    let busy = |on: &str| json!({"on": on, "do": "429", "headers": {"retry-after": "2"}});
    api.fault(&busy("POST /v1/predictions"));
    api.fault(&busy("GET /v1/predictions/.+"));
    let begin = Instant::now();
    let told = api.run("busy", &[], &["acme/echo", "text=patient"]).expect(0);
    assert_eq!(told.text(), "patient\n");
    assert!(begin.elapsed() > Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!((api.count("POST", "/v1/predictions"), api.states().len()), (2, 1));
}

#[test]
fn a_connection_that_is_lost_for_a_while_is_no_failure() {
    let api = Api::start();
    api.fault(&json!({"on": "GET /v1/predictions/.+", "do": "drop", "times": 3}));
    let told = api.run("patient", &[], &["acme/echo", "text=still here"]).expect(0);
    assert_eq!(told.text(), "still here\n");
    assert!(told.stderr.contains("unknown since") && told.stderr.contains("known again"), "{}", told.stderr);
}

#[test]
fn a_prediction_that_fails_says_why() {
    let api = Api::start();
    let told = api.run("failing", &[], &["acme/echo", "text=x", "fail=true"]).expect(1);
    assert!(told.stderr.contains("asked to fail over x"), "{}", told.stderr);
    let manifest = api.manifest("failing");
    assert_eq!((text(&manifest, "/status"), text(&manifest, "/reason/code")), ("failed", "exit-code"));
    let evidence = text(&manifest, "/executions/0/ending/evidence");
    assert!(evidence.starts_with("state `failed` of prediction `") && evidence.contains("asked to fail over x"), "{evidence}");
    assert!(String::from_utf8(api.place.log("failing")).unwrap().contains("error: "));
}

#[test]
fn a_missing_token_is_named_with_the_way_to_set_it() {
    let api = Api::start();
    let doctor = api.place.type_in(["runtime", "doctor", "replicate"]).expect(2);
    for told in
        ["secret `replicate-api-token` has no value", "worldflux secret set replicate-api-token", "REPLICATE_API_TOKEN", "api-tokens"]
    {
        assert!(doctor.text().contains(told), "{told}: {}", doctor.text());
    }
    // Somebody who does not use it is not told that something is broken.
    let all = api.place.type_in(["runtime", "doctor"]).expect(0);
    assert!(all.text().lines().any(|line| line.starts_with("warning: replicate: secret-replicate-api-token: ")), "{}", all.text());
    let run = api.place.type_in(line("none", &[], &["acme/echo", "text=hi"])).expect(2);
    assert!(run.stderr.contains("worldflux secret set replicate-api-token"), "{}", run.stderr);
    assert!(api.states().is_empty() && api.seen().is_empty(), "nothing was sent without a token");
}

#[test]
fn a_token_that_is_kept_works_and_one_that_is_refused_blocks() {
    let api = Api::start();
    let mut set = api.place.command(["secret", "set", "replicate-api-token"]);
    set.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut going = set.spawn().unwrap();
    going.stdin.take().unwrap().write_all(api.token.as_bytes()).unwrap();
    let set = going.wait_with_output().unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let doctor = api.place.type_in(["runtime", "doctor", "replicate"]).expect(0);
    assert!(doctor.text().contains("ok: replicate: account: organization `acme`"), "{}", doctor.text());
    assert_eq!(api.place.type_in(line("kept", &[], &["acme/echo", "text=hi"])).expect(0).text(), "hi\n");

    let wrong = |line: &[&str]| answer(api.place.command(line).env("REPLICATE_API_TOKEN", "r8_wrong"));
    api.place.type_in(["secret", "remove", "replicate-api-token"]).expect(0);
    let doctor = wrong(&["runtime", "doctor", "replicate"]).expect(2);
    assert!(doctor.text().contains("error: replicate: account: the API does not accept the token"), "{}", doctor.text());
    let run = wrong(&line("refused", &[], &["acme/echo", "text=hi"])).expect(2);
    assert!(run.stderr.contains("does not accept the token"), "{}", run.stderr);
    assert_eq!(api.states().len(), 1);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_made() {
    let api = Api::start();
    for (id, options, command, told) in [
        ("unknown-input", &[][..], &["acme/echo", "txt=hi"][..], "`hi`: expected an input that acme/echo has"),
        ("missing-input", &[], &["acme/echo"], "acme/echo needs `text=...`"),
        ("no-model", &[], &["acme/nothing", "text=hi"], "a model that this token may use"),
        ("no-name", &[], &["echo", "hi"], "a model as `owner/name`"),
        ("no-file", &[], &["acme/paper", "file=@gone.txt"], "`@gone.txt`: expected a file in the workspace"),
        ("variable", &["--env", "A=b"], &["acme/echo", "text=hi"], "no variables"),
        ("setup", &["--setup", "true"], &["acme/echo", "text=hi"], "no setup lines"),
        ("deployed", &["--set", "deployment=acme/lines"], &["acme/story", "text=hi"], "`acme/echo`, which the deployment"),
    ] {
        let run = api.run(id, options, command);
        assert!(run.code.is_some_and(|code| [2, 21].contains(&code)) && run.stderr.contains(told), "{id}: {:?}: {}", run.code, run.stderr);
    }
    assert!(api.states().is_empty());
}

#[test]
fn a_dry_run_says_what_would_run_and_makes_nothing() {
    let api = Api::start();
    let dry = api.run("dry", &["--dry-run", "--set", "deployment=acme/lines"], &["acme/echo", "text=hi"]).expect(0);
    for told in ["create a prediction of acme/echo:", "by the deployment `acme/lines`", "on `cpu`", "the price is not told by the API"] {
        assert!(dry.text().contains(told), "{told}: {}", dry.text());
    }
    assert!(api.states().is_empty() && api.seen().iter().all(|one| one["method"] == "GET"));
}

#[test]
fn deployments_trainings_and_versions_run_by_their_own_way() {
    let api = Api::start();
    let run = |id: &str, options: &[&str], command: &[&str]| {
        api.run(id, options, command).expect(0);
        text(&api.manifest(id), "/executions/0/ending/evidence").to_owned()
    };
    assert!(run("deployed", &["--set", "deployment=acme/lines"], &["acme/echo", "text=hi"]).contains("of prediction `"));
    assert_eq!(api.count("POST", "/v1/deployments/acme/lines/predictions"), 1);
    assert!(run("trained", &["--set", "destination=acme/tuned"], &["acme/echo", "rows=2"]).contains("of training `"));
    let output: Value = serde_json::from_slice(&fs::read(api.place.output("trained").join("output.json")).unwrap()).unwrap();
    let version = text(&output, "/version");
    assert!(version.starts_with("acme/tuned:") && output["weights"] == "weights of 2 rows", "{output:#}");
    assert!(String::from_utf8(api.place.log("trained")).unwrap().contains("row 1\n"));
    assert!(run("pinned", &[], &[version, "text=hi"]).contains("of prediction `"));
    let created = api.seen().into_iter().rfind(|one| one["method"] == "POST").unwrap();
    assert!(text(&created, "/body").contains(version.split_once(':').unwrap().1), "{created:#}");
}

#[test]
fn a_prediction_whose_host_was_killed_is_ended_by_reap() {
    let api = Api::start();
    let going = api.going("orphan", &[], &["acme/echo", "text=slow", "seconds=300"]);
    until("it is processing", || api.states() == ["processing"]);
    going.send(Signal::KILL);
    going.end();
    assert_eq!(api.states(), ["processing"]);
    let reaped = api.type_in(&["reap"]);
    until("it is canceled", || api.states() == ["canceled"]);
    assert!(reaped.stderr.is_empty() || !reaped.stderr.contains("error"), "{}", reaped.stderr);
    api.type_in(&["reap"]).expect(0);
}
