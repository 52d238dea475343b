//! Speaks gRPC, with the server that people have.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{authority::Authority, http::request, lab::Report, origin::Origin};

/// The server of Google's own library for Python.
struct Server {
    child: Child,
    address: SocketAddr,
    _files: tempfile::TempDir,
}

impl Server {
    fn start(identity: Option<&crate::authority::Identity>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let mut command = Command::new(python());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kit/grpc_server.py"));
        if let Some(identity) = identity {
            let (certificate, key) = identity.pem();
            for (name, text) in [("certificate.pem", certificate), ("key.pem", key)] {
                fs::write(files.path().join(name), text).unwrap();
                command.arg(files.path().join(name));
            }
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = format!("127.0.0.1:{}", line.trim()).parse().expect("the server says its port");
        Self { child, address, _files: files }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An interpreter with grpcio, made once for this target folder.
fn python() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let venv = place.join("grpc");
    let lock = fs::File::create(place.join("grpc.lock")).unwrap();
    lock.lock().unwrap();
    if !venv.join("ready").exists() {
        let done = |command: &mut Command| {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        done(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", "grpcio>=1.60,<2"]));
        fs::write(venv.join("ready"), "").unwrap();
    }
    venv.join("bin/python")
}

/// One message, as it travels: not compressed, its length, its bytes.
fn message(text: &str) -> String {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let bytes = [&[0], &length[..], text.as_bytes()].concat();
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from_digit(half.into(), 16).unwrap()).collect()
}

const HEADERS: &str = "header=content-type: application/grpc|header=te: trailers";

fn check(call: impl Fn(&str) -> Report) {
    let unary = call("Unary");
    let said = unary.said();
    assert!(said.starts_with("ok: 200 ") && said.contains("one:hello"), "{said}");
    assert!(said.contains("trailers=[") && said.contains("grpc-status: 0") && said.contains("x-seen: 5"), "{said}");
    let stream = call("Stream");
    let said = stream.said();
    assert!(
        ["0:hello", "1:hello", "2:hello", "x-begun: yes", "grpc-status: 0", "x-count: 3"].iter().all(|part| said.contains(part)),
        "{said}"
    );
    let failure = call("Failure");
    let said = failure.said();
    assert!(said.contains("grpc-status: 5") && said.contains("grpc-message: nothing is here"), "{said}");
    let nobody = call("Nobody");
    assert!(nobody.said().contains("grpc-status: 12"), "{}", nobody.said());
}

#[test]
fn a_grpc_call_streams_and_ends_with_its_trailers_in_the_clear() {
    let server = Server::start(None);
    check(|method| {
        let line = format!("POST http://allowed.test/echo.Echo/{method}|{HEADERS}|hex={}", message("hello"));
        request(&line).at("allowed.test:80", server.address).run()
    });
}

#[test]
fn a_grpc_call_streams_and_ends_with_its_trailers_over_tls() {
    let authority = Authority::new();
    let server = Server::start(Some(&authority.issue("allowed.test")));
    let endpoint = format!("'allowed.test' = {{ at = '{}', ca = '{}' }}", server.address, authority.file().display());
    let call = |method: &str, more: &str| {
        let line = format!("POST https://allowed.test/echo.Echo/{method}|{HEADERS}|hex={}{more}", message("hello"));
        request(&line).endpoint(&endpoint).run()
    };
    check(|method| call(method, ""));
    let many = call("Stream", "|at-once=12");
    assert_eq!(many.said(), "ok: 12 of 12 ", "they share one connection");
}

#[test]
fn a_server_without_http_2_is_told_apart_from_one_that_does_not_answer() {
    let authority = Authority::new();
    let origin = Origin::start_tls(&authority.issue("allowed.test"), |_, stream| crate::origin::text(stream, "200 OK", "hello"));
    let endpoint = format!("'allowed.test' = {{ at = '{}', ca = '{}' }}", origin.address, authority.file().display());
    let report = request(&format!("POST https://allowed.test/x|{HEADERS}|hex={}", message("hello"))).endpoint(&endpoint).run();
    assert_eq!(report.said(), "denied: ErrorCode::TlsProtocolError");
    let (_, outcome) = crate::http::outcome(&report);
    let why = outcome["failed"]["message"].as_str().unwrap();
    assert!(why.contains("it does not speak HTTP/2, which gRPC needs"), "{why}");
}
