//! Hosts that a strict command reaches by name, as a person names them.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    authority::Authority,
    kit::{Answer, Place, answer, files, text},
    origin::{self, Origin, Seen},
};

/// A server that is `example.test` for whoever was told where that is.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) origin: Origin,
    authority: Authority,
}

/// Bytes of a large answer.
const LARGE: usize = 24 << 20;

impl Site {
    pub(crate) fn new() -> Self {
        let (place, authority) = (Place::new(), Authority::new());
        let origin = Origin::start_tls(&authority.issue("example.test"), serve);
        fs::copy(authority.file(), place.work().join("ca.pem")).unwrap();
        let site = Self { place, origin, authority };
        site.tell("example.test");
        site
    }

    /// `worldflux endpoint add NAME --at ... --ca ...`: this server is that host.
    fn tell(&self, name: &str) {
        let ca = self.authority.file();
        self.place.type_in(["endpoint", "add", name, "--at", &self.origin.address.to_string(), "--ca", ca.to_str().unwrap()]).expect(0);
    }

    /// `worldflux run --sandbox strict OPTIONS -- COMMAND`, which trusts the authority of the server.
    pub(crate) fn line(&self, options: &[&str], command: &[&str]) -> Command {
        let ca = format!("={}", self.place.work().join("ca.pem").display());
        let trust = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT"].map(|name| format!("{name}{ca}"));
        let trust = trust.iter().flat_map(|variable| ["--env", variable]);
        let line: Vec<_> = ["run", "--sandbox", "strict"].into_iter().chain(trust).chain(options.iter().copied()).collect();
        self.place.command(line.into_iter().chain(["--"]).chain(command.iter().copied()))
    }

    /// A script for Python that knows the way out, run like this.
    pub(crate) fn python(&self, options: &[&str], script: &str) -> Answer {
        self.place.write("script.py", script);
        answer(&mut self.line(options, &["/usr/bin/python3", "script.py"]))
    }

    /// What the record says about connections: each with its outcome, or the rule that refused it.
    pub(crate) fn connections(&self, run: &str) -> Vec<(String, Value)> {
        let record = fs::read_to_string(self.place.state().join("runs").join(run).join("record.jsonl")).unwrap();
        let entries: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let about = entries.iter().filter(|entry| entry["import"] == "network.connect");
        let outcome = |entry: &Value| match entry["kind"].as_str() {
            Some("denial") => entry["denial"].clone(),
            _ => entries.iter().find(|other| other["kind"] == "result" && other["of"] == entry["seq"]).unwrap()["outcome"].clone(),
        };
        about.map(|entry| (text(entry, "/action/authority").to_owned(), outcome(entry))).collect()
    }
}

fn serve(request: &Seen, stream: &mut dyn Write) -> std::io::Result<()> {
    match request.path() {
        "/large" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")?;
            (0..LARGE >> 20).try_for_each(|_| stream.write_all(&vec![b'x'; 1 << 20]))
        }
        "/count" => origin::text(stream, "200 OK", &request.body.len().to_string()),
        "/simple/tiny/" => {
            let page = "<!DOCTYPE html><a href=\"/files/tiny-1.0-py3-none-any.whl\">tiny-1.0-py3-none-any.whl</a>";
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}", page.len())
        }
        "/files/tiny-1.0-py3-none-any.whl" => {
            let wheel = wheel();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/zip\r\ncontent-length: {}\r\n\r\n", wheel.len())?;
            stream.write_all(&wheel)
        }
        path => origin::text(stream, "200 OK", &format!("hello from {path} of {}", request.header("host").unwrap_or_default())),
    }
}

/// A package that pip can install: one module that says where it is.
fn wheel() -> Vec<u8> {
    const MAKE: &str = "
import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, 'w') as z:
    z.writestr('tiny.py', 'print(\"tiny is here\")\\n')
    z.writestr('tiny-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n')
    z.writestr('tiny-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('tiny-1.0.dist-info/RECORD', 'tiny.py,,\\ntiny-1.0.dist-info/METADATA,,\\ntiny-1.0.dist-info/WHEEL,,\\ntiny-1.0.dist-info/RECORD,,\\n')
sys.stdout.buffer.write(out.getvalue())
";
    let made = Command::new("python3").args(["-c", MAKE]).stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

#[test]
fn curl_pip_and_urllib_reach_the_host_that_was_named_and_the_record_has_every_connection() {
    let site = Site::new();
    let script = "
set -e
curl -sS https://example.test/curl; echo
/usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"https://example.test/urllib\").read().decode())'
/usr/bin/python3 -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps -d got --index-url https://example.test/simple tiny
ls got
curl -sS -o /dev/null -w '%{size_download}\\n' https://example.test/large
head -c 8000000 /dev/zero | curl -sS --data-binary @- -H 'Expect:' https://example.test/count; echo
curl -sS https://other.test/ 2>&1 || true
/usr/bin/python3 -c 'import urllib.request as r; r.urlopen(\"https://example.test:8443/\")' 2>&1 | tail -1
env | grep -i '^https_proxy=' | head -1 > \"$WORLDFLUX_OUTPUT_DIR/way\"
";
    let options = ["--json", "--run-id", "named", "--network", "example.test"];
    let manifest = answer(&mut site.line(&options, &["sh", "-c", script])).expect(0).json();
    assert_eq!(manifest.pointer("/sandbox/network"), Some(&json!(["example.test"])));
    let log = String::from_utf8(site.place.log("named")).unwrap();
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(
        lines[..3],
        ["hello from /curl of example.test", "hello from /urllib of example.test", "tiny-1.0-py3-none-any.whl"],
        "{log}"
    );
    assert_eq!(lines[3..5], [LARGE.to_string(), "8000000".to_owned()], "{log}");
    assert!(lines[5].contains("response 403"), "{log}");
    assert!(lines[6].contains("403") && lines[6].contains("--network example.test:8443"), "what would allow it is in the answer: {log}");

    let connections = site.connections("named");
    let (denied, allowed): (Vec<_>, Vec<_>) = connections.iter().partition(|(_, outcome)| outcome["rule"].is_string());
    let is_whole = |(host, outcome): &&(String, Value)| host == "example.test:443" && outcome["ok"]["down"].as_u64() > Some(0);
    assert!(allowed.len() >= 5 && allowed.iter().all(is_whole), "{allowed:#?}");
    assert!(allowed.iter().any(|(_, outcome)| outcome["ok"]["down"].as_u64() > Some(LARGE as u64)), "{allowed:#?}");
    assert!(allowed.iter().any(|(_, outcome)| outcome["ok"]["up"].as_u64() > Some(8_000_000)), "{allowed:#?}");
    let denied: Vec<_> = denied.iter().map(|(host, denial)| (host.as_str(), denial["cure"].as_str().unwrap())).collect();
    assert_eq!(
        denied,
        [("other.test:443", "worldflux run --network other.test"), ("example.test:8443", "worldflux run --network example.test:8443")]
    );
    site.place.type_in(["manifest", "verify", "named"]).expect(0);

    // The password is worthless outside, and still nobody's business.
    let way = fs::read_to_string(site.place.output("named").join("way")).unwrap();
    let password = way.split(['/', '@']).find_map(|part| part.strip_prefix("worldflux:")).unwrap();
    assert_eq!(password.len(), 32);
    let kept = files(&site.place.state()).into_iter().chain(files(&site.place.output("named"))).filter(|file| !file.ends_with("way"));
    let holds = |file: &PathBuf| fs::read(file).is_ok_and(|text| text.windows(32).any(|window| window == password.as_bytes()));
    assert_eq!(kept.filter(holds).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn a_strict_command_has_no_network_until_somebody_types_one() {
    let site = Site::new();
    let port = site.origin.address.port();
    let script = format!(
        "curl -sS -m 5 https://example.test/ || echo no name; exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected; env | grep -ci proxy"
    );
    for options in [&["--json"][..], &["--json", "--network", "none"]] {
        let manifest = answer(&mut site.line(options, &["bash", "-c", &script])).expect(1).json();
        assert_eq!(manifest.pointer("/sandbox/network"), Some(&json!([])));
        let log = String::from_utf8(site.place.log(text(&manifest, "/run_id"))).unwrap();
        assert!(log.contains("no name") && !log.contains("connected") && log.lines().any(|line| line == "0"), "{log}");
    }
    let full = answer(
        &mut site.line(&["--json", "--network", "full"], &["bash", "-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected")]),
    );
    let manifest = full.expect(0).json();
    assert_eq!(manifest.pointer("/sandbox/network"), Some(&json!(["full"])));
    let own = site.place.type_in(["run", "--json", "--", "true"]).expect(0).json();
    assert_eq!(own.pointer("/sandbox/network"), Some(&json!(["full"])), "it is the user's shell");
}

#[test]
fn a_network_that_cannot_be_kept_or_that_only_a_project_names_is_refused() {
    let place = Place::new();
    let own = place.type_in(["run", "--network", "example.test", "--", "true"]).expect(2);
    assert!(own.stderr.contains("the network `example.test` cannot be kept") && own.stderr.contains("--sandbox strict"), "{}", own.stderr);
    place.type_in(["run", "--network", "full", "--", "true"]).expect(0);
    for network in ["'full'", "'example.test'", "['example.test', 'b.test:8443']"] {
        place.write("worldflux.toml", format!("sandbox = 'strict'\nnetwork = {network}\n"));
        for line in [&["run", "--", "true"][..], &["run", "--dry-run", "--", "true"]] {
            let refused = place.type_in(line).expect(2);
            assert!(
                refused.stderr.contains("a project cannot open the network") && refused.stderr.contains("--network "),
                "{}",
                refused.stderr
            );
        }
    }
    assert!(place.type_in(["run", "--", "true"]).stderr.contains("type it yourself: --network b.test:8443,example.test"));
    place.type_in(["run", "--network", "example.test", "--", "true"]).expect(0);
    place.write("worldflux.toml", "sandbox = 'strict'\nnetwork = 'none'\n");
    place.type_in(["run", "--", "true"]).expect(0);
    for word in ["*", "127.1", "example.test:0", ""] {
        let refused = place.type_in(["run", "--sandbox", "strict", "--network", word, "--", "true"]).expect(2);
        assert!(refused.stderr.contains("`--network` is"), "{word}: {}", refused.stderr);
    }
}

#[test]
fn an_environment_is_filled_from_the_configured_index_by_name_and_from_nowhere_else() {
    let site = Site::new();
    site.tell("index.test");
    let fill = |run: &str, index: &str, requirement: &str| {
        site.place.write("requirements.txt", format!("{requirement}\n"));
        let options = ["--json", "--run-id", run, "--set", "requirements=requirements.txt"];
        let mut command = site.line(&options, &["python3", "-c", "import tiny"]);
        command
            .env("PIP_INDEX_URL", index)
            .env("PIP_CERT", site.place.work().join("ca.pem"))
            .env("PIP_RETRIES", "0")
            .env("PIP_NO_CACHE_DIR", "1");
        answer(&mut command)
    };
    let filled = fill("filled", "https://me:hunter2@example.test/simple", "tiny==1.0").expect(0).json();
    assert!(site.place.log("filled").ends_with(b"tiny is here\n"));
    assert_eq!(filled.pointer("/sandbox/network"), Some(&json!([])), "the command itself has none");
    let connections = site.connections("filled");
    assert!(
        !connections.is_empty() && connections.iter().all(|(host, outcome)| host == "example.test:443" && outcome["ok"].is_object()),
        "{connections:#?}"
    );

    // The index is configured elsewhere, and a requirement of the project does not open the network.
    fill("elsewhere", "https://index.test/simple", "tiny @ https://example.test/files/tiny-1.0-py3-none-any.whl").expect(14);
    let connections = site.connections("elsewhere");
    assert!(connections.iter().any(|(host, denial)| host == "example.test:443" && denial["rule"].is_string()), "{connections:#?}");
    assert!(connections.iter().all(|(host, outcome)| host != "example.test:443" || outcome["ok"].is_null()), "{connections:#?}");
}
