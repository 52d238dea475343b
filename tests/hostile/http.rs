//! Sends requests to where it may not.

use std::net::TcpListener;

use serde_json::{Value, json};
use worldflux::{
    engine::CallError,
    names::{Cause, Export},
};

use crate::{
    authority::{Authority, Identity},
    lab::{Attack, Report, attack},
    origin::{Origin, text},
};

const IMPORT: &str = "wasi:http/outgoing-handler.handle";

/// One request of `rogue`: `GET https://allowed.test/`, with what comes after each `|`.
pub(crate) fn request(line: &str) -> Attack {
    attack(Export::Doctor, &format!("http:{line}"))
}

/// What came of the only request, as the record says.
#[track_caller]
pub(crate) fn outcome(report: &Report) -> (Value, Value) {
    let mut effects = report.effects(IMPORT);
    assert_eq!(effects.len(), 1, "{effects:?}");
    let (action, outcome) = effects.remove(0);
    (action, outcome.expect("what came of it is written down"))
}

#[test]
fn a_granted_request_is_sent_and_written_down_without_its_query() {
    let origin = Origin::start(|_, stream| text(stream, "201 Created", "hello there"));
    let report =
        request("POST http://Allowed.Test./v1/things?token=hunter2|header=x-own: 1|body=what").at("allowed.test:80", origin.address).run();
    assert!(report.said().starts_with("ok: 201 ") && report.said().contains("body=hello there"), "{}", report.said());
    let seen = origin.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].head.starts_with("POST /v1/things?token=hunter2 HTTP/1.1\r\n"), "{}", seen[0].head);
    assert_eq!((seen[0].header("host"), seen[0].header("x-own")), (Some("allowed.test"), Some("1")));
    assert_eq!(seen[0].body, b"what");
    let (action, outcome) = outcome(&report);
    let asked = json!({ "method": "POST", "scheme": "http", "host": "allowed.test", "port": 80, "path": "/v1/things", "secrets": [] });
    assert_eq!((action, outcome), (asked, json!({ "ok": { "status": 201, "bytes": 11, "whole": true } })));
}

/// NE01
#[test]
fn a_host_that_was_not_granted_is_denied_with_the_line_that_grants_it() {
    let origin = Origin::hello();
    let report = request("GET https://allowed.test/x").granted("").at("allowed.test", origin.address).run();
    assert_eq!(report.said(), "denied: ErrorCode::HttpRequestDenied");
    assert_eq!(report.denials(), [(IMPORT.to_owned(), "it is not granted".to_owned())]);
    assert_eq!(report.cures(), ["worldflux plugin grant rogue --http https://allowed.test"]);
    let other = request("GET https://other.test/").run();
    assert_eq!(other.said(), "denied: ErrorCode::HttpRequestDenied");
    assert_eq!(other.denials(), [(IMPORT.to_owned(), "its plugin.toml does not ask for it".to_owned())]);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn whoever_runs_the_plugin_is_told_what_it_was_denied_although_it_cannot_say_so() {
    let report = attack(Export::Plan, "http:GET https://allowed.test/v1").granted("").run();
    let Err(CallError::Refused(failure)) = &report.answer else { panic!("{:?}", report.answer) };
    assert!(matches!(failure.cause, Cause::Denied { .. }), "{failure:?}");
    assert_eq!(failure.hint.as_deref(), Some("worldflux plugin grant rogue --http https://allowed.test"));
    assert_eq!(failure.message, "the service cannot be reached: plugin `rogue` may not GET https://allowed.test/v1: it is not granted");
    let gone = attack(Export::Plan, "http:GET http://localhost/").run();
    let Err(CallError::Refused(failure)) = &gone.answer else { panic!("{:?}", gone.answer) };
    assert!(failure.hint.as_deref().is_some_and(|hint| hint.starts_with("worldflux endpoint add localhost:80 --private ")), "{failure:?}");
}

/// NE02
#[test]
fn a_granted_host_is_denied_at_another_port_scheme_method_and_path() {
    let origin = Origin::hello();
    for line in [
        "GET https://allowed.test:444/",
        "GET http://allowed.test:443/",
        "GET http://allowed.test:8080/",
        "OPTIONS http://allowed.test/",
        "DELETE http://allowed.test/",
        "GET http://paths.test/",
        "GET http://paths.test/other",
        "GET http://paths.test/allowedx",
        "POST http://paths.test/allowed",
    ] {
        let mut attack = request(line);
        for name in ["allowed.test:80", "allowed.test:443", "allowed.test:444", "allowed.test:8080", "paths.test:80"] {
            attack = attack.at(name, origin.address);
        }
        assert_eq!(attack.run().said(), "denied: ErrorCode::HttpRequestDenied", "{line}");
    }
    let narrow =
        request("POST http://allowed.test/").granted("http = ['GET http://allowed.test']").at("allowed.test:80", origin.address).run();
    assert_eq!(narrow.said(), "denied: ErrorCode::HttpRequestDenied");
    assert_eq!(origin.connections(), 0);
}

/// NE03
#[test]
fn a_name_that_only_looks_granted_is_denied() {
    for name in
        ["allowed.test.evil.test", "evilallowed.test", "wild.test", "evilwild.test", "a.wild.test.evil.test", "a-wild.test", "allowed.tes"]
    {
        assert_eq!(request(&format!("GET https://{name}/")).run().said(), "denied: ErrorCode::HttpRequestDenied", "{name}");
    }
}

/// NE04, NE05, NE13, NE14
#[test]
fn a_host_that_two_readers_read_in_two_ways_is_invalid() {
    let canary = TcpListener::bind("127.0.0.1:80").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
    canary.set_nonblocking(true).unwrap();
    for authority in [
        "allowed.test@127.0.0.1",
        "user:password@allowed.test",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "0177.1",
        "0",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "allowed..test",
        ".allowed.test",
        "-allowed.test",
        "allowed.test:",
        "allowed.test:0",
        "allowed.test:65536",
        "allowed.test:80:80",
        "allowed%2etest",
        "allowed.test%00.evil.test",
        "allowed.test%0a",
        "allowed.test\\.evil.test",
        "\u{430}llowed.test",
        "\u{ff41}llowed.test",
        "allowed\u{3002}test",
        "",
    ] {
        let report = request(&format!("GET http://{authority}/")).run();
        // Some are no authority to begin with, and never reach the host.
        let said = report.said();
        assert!(
            said == "invalid: authority"
                || said == "denied: ErrorCode::HttpRequestUriInvalid"
                || said == "denied: ErrorCode::HttpProtocolError",
            "{authority}: {said}"
        );
        assert!(canary.accept().is_err(), "{authority}");
    }
}

/// NE13
#[test]
fn a_granted_host_has_one_name_however_it_is_written() {
    let origin = Origin::hello();
    for authority in ["ALLOWED.test", "allowed.test.", "Allowed.TEST.:80"] {
        let report = request(&format!("GET http://{authority}/")).at("allowed.test:80", origin.address).run();
        assert!(report.said().starts_with("ok: 200 "), "{authority}: {}", report.said());
    }
    assert!(origin.seen().iter().all(|seen| seen.header("host") == Some("allowed.test")));
}

/// NE06, NE09
#[test]
fn what_is_not_on_the_public_internet_is_not_connected_to() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    for authority in ["127.0.0.1", "[::1]", "localhost"] {
        let report = request(&format!("GET http://{authority}/")).run();
        assert_eq!(report.said(), "denied: ErrorCode::DestinationIpProhibited", "{authority}");
        let (_, outcome) = outcome(&report);
        let cure = outcome["failed"]["cure"].as_str().unwrap();
        assert!(
            cure.starts_with("worldflux endpoint add ") && cure.contains(&format!("{authority}:80")) && cure.contains(" --private "),
            "{cure}"
        );
    }
}

/// NE08
#[test]
fn the_credentials_of_a_cloud_machine_are_out_of_reach_whatever_is_opened() {
    for endpoint in [
        "",
        "'169.254.169.254:80' = { private = ['169.254.0.0/16', '128.0.0.0/1'] }",
        "'169.254.169.254:80' = { at = '169.254.169.254:80' }",
        "'169.254.169.254:80' = { at = '[::ffff:169.254.169.254]:80' }",
    ] {
        let report = request("GET http://169.254.169.254/latest/meta-data/").endpoint(endpoint).run();
        assert_eq!(report.said(), "denied: ErrorCode::DestinationIpProhibited", "{endpoint}");
    }
}

/// NE17
#[test]
fn a_path_that_a_server_could_read_as_another_is_refused() {
    let origin = Origin::hello();
    for path in [
        "/allowed/../admin",
        "/allowed/%2e%2e/admin",
        "/allowed/%2E%2e%2fadmin",
        "/allowed%2f..%2fadmin",
        "/allowed/..%5cadmin",
        "//allowed",
        "/allowed//../admin",
        "/allowed;/../admin",
        "/allowed;x",
        "/allowed/%252e%252e/admin",
        "/./allowed",
    ] {
        let report = request(&format!("GET http://paths.test{path}")).at("paths.test:80", origin.address).run();
        assert!(
            report.said().starts_with("denied: ErrorCode::HttpRequest") || report.said() == "invalid: path",
            "{path}: {}",
            report.said()
        );
    }
    assert_eq!(origin.connections(), 0);
    let fine = request("GET http://paths.test/allowed/a%20b?/../x").at("paths.test:80", origin.address).run();
    assert!(fine.said().starts_with("ok: 200 "), "{}", fine.said());
    assert_eq!(origin.seen()[0].path(), "/allowed/a%20b?/../x");
}

/// NE11
#[test]
fn a_redirect_is_handed_back_and_nobody_follows_it() {
    let elsewhere = Origin::hello();
    for target in
        [format!("http://{}/", elsewhere.address), "http://169.254.169.254/".into(), "file:///etc/passwd".into(), "//other.test/".into()]
    {
        let location = target.clone();
        let origin = Origin::start(move |_, stream| {
            write!(stream, "HTTP/1.1 302 Found\r\nlocation: {location}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        });
        let report = request("GET http://allowed.test/|times=2").at("allowed.test:80", origin.address).run();
        assert!(report.said().starts_with("ok: 302 ") && report.said().contains(&format!("location: {target}")), "{}", report.said());
        assert!(origin.seen().iter().all(|seen| seen.header("cookie").is_none()), "the host keeps no cookies");
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// NE23
#[test]
fn a_server_that_cannot_prove_its_name_is_not_spoken_to() {
    let (own, other) = (Authority::new(), Authority::new());
    let said = |identity: &Identity, authorities: &Authority| {
        let origin = Origin::start_tls(identity, |_, stream| text(stream, "200 OK", "hello"));
        let line = format!("'allowed.test' = {{ at = '{}', ca = '{}' }}", origin.address, authorities.file().display());
        let report = request("GET https://allowed.test/").endpoint(&line).run();
        let why = report.effects(IMPORT)[0].1.clone().unwrap()["failed"]["message"].as_str().unwrap_or_default().to_owned();
        (report.said().to_owned(), why, origin.seen().len())
    };
    let (good, _, seen) = said(&own.issue("allowed.test"), &own);
    assert!(good.starts_with("ok: 200 ") && seen == 1, "{good}");
    for (identity, why) in [
        (own.issue("other.test"), "it is not for `allowed.test`"),
        (own.issue("*.allowed.test"), "it is not for `allowed.test`"),
        (own.issue_until("allowed.test", 2_020), "it has expired"),
        (other.issue("allowed.test"), "no authority that is trusted here has signed it"),
        (Identity::self_signed("allowed.test"), "it"),
    ] {
        let (said, told, seen) = said(&identity, &own);
        assert_eq!((said.as_str(), seen), ("denied: ErrorCode::TlsCertificateError", 0), "{told}");
        assert!(told.starts_with("the certificate of `allowed.test` cannot be trusted: ") && told.contains(why), "{told}");
    }
    // The authorities of the web do not count where others were named, nor the other way round.
    let origin = Origin::start_tls(&own.issue("allowed.test"), |_, stream| text(stream, "200 OK", "hello"));
    assert_eq!(
        request("GET https://allowed.test/").at("allowed.test", origin.address).run().said(),
        "denied: ErrorCode::TlsCertificateError"
    );
}

/// NE28
#[test]
fn nothing_but_requests_comes_through() {
    let origin =
        Origin::start(|_, stream| write!(stream, "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nwild"));
    for (line, said) in [
        ("CONNECT http://allowed.test/", "denied: ErrorCode::HttpRequestMethodInvalid"),
        ("TRACE http://allowed.test/", "denied: ErrorCode::HttpRequestMethodInvalid"),
        ("PROPFIND http://allowed.test/", "denied: ErrorCode::HttpRequestMethodInvalid"),
        ("GET ws://allowed.test/", "denied: ErrorCode::HttpRequestUriInvalid"),
        ("GET ftp://allowed.test/", "denied: ErrorCode::HttpRequestUriInvalid"),
        ("GET file://allowed.test/etc/passwd", "denied: ErrorCode::HttpRequestUriInvalid"),
        ("GET http://allowed.test/|header=upgrade: websocket", "invalid: header upgrade: HeaderError::Forbidden"),
        ("GET http://allowed.test/|header=sec-websocket-key: x", "invalid: header sec-websocket-key: HeaderError::Forbidden"),
        ("GET http://allowed.test/", "denied: ErrorCode::HttpProtocolError"),
    ] {
        assert_eq!(request(line).at("allowed.test:80", origin.address).run().said(), said, "{line}");
    }
    assert_eq!(origin.seen().len(), 1, "only the last one left the host");
}

#[test]
fn what_cannot_be_reached_has_a_code_that_a_plugin_can_act_on() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = request("GET http://allowed.test/").at("allowed.test:80", free).run();
    assert_eq!(refused.said(), "denied: ErrorCode::ConnectionRefused");
    let (_, outcome) = outcome(&refused);
    assert_eq!(outcome["failed"]["message"], "`allowed.test:80` refuses connections: nothing listens there");
    assert_eq!(outcome["failed"]["repeatable"], true);
    let no_socket = request("GET http://allowed.test/").endpoint("'allowed.test:80' = { at = 'unix:/nowhere/x.sock' }").run();
    assert_eq!(no_socket.said(), "denied: ErrorCode::DestinationUnavailable");
    let clear = Origin::hello();
    let no_tls = request("GET https://allowed.test/").at("allowed.test", clear.address).run();
    assert_eq!(no_tls.said(), "denied: ErrorCode::TlsProtocolError");
}
