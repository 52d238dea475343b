//! Goes after the secrets that are used for it.

use std::{fs, io::Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use worldflux::{imports::Talk, names::Export, policy::Asks};

use crate::{
    authority::Authority,
    lab::{Attack, Report, attack},
    origin::{Origin, Seen, text},
};

const SECRET: &str = "canary-4b1d90aa";

const ASKS: &str = "
    [[secret]]
    name = 'token'
    purpose = 'x'
    [[http]]
    host = 'secret.test'
    methods = ['GET', 'POST']
    credentials = [{ secret = 'token', as = 'bearer' }]
    purpose = 'x'";

/// One request of `rogue` to a host with this certificate, into which the secret goes.
fn request(line: &str, authority: &Authority, origin: &Origin) -> Attack {
    let endpoint = format!("'secret.test' = {{ at = '{}', ca = '{}' }}", origin.address, authority.file().display());
    attack(Export::Doctor, &format!("http:{line}")).asking(ASKS).secret("token", SECRET).endpoint(&endpoint)
}

fn server(answer: impl Fn(&Seen, &mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static) -> (Authority, Origin) {
    let authority = Authority::new();
    let origin = Origin::start_tls(&authority.issue("secret.test"), answer);
    (authority, origin)
}

/// Whatever the plugin, the record and whoever listened know of it: nothing.
#[track_caller]
fn nowhere(report: &Report, secret: &str) {
    let answer = match &report.answer {
        Ok(said) => said.clone(),
        Err(error) => format!("{error} {error:?}"),
    };
    let talk = report.talk.iter().map(|talk| format!("{talk:?}")).collect::<Vec<_>>().concat();
    let record = fs::read_to_string(report.place.path().join("record.jsonl")).unwrap();
    for (place, said) in [("the plugin", &answer), ("who listens", &talk), ("the record", &record)] {
        assert!(!said.contains(secret), "{place} has it: {said}");
    }
}

#[test]
fn a_secret_reaches_the_server_and_the_plugin_knows_only_its_name() {
    let (authority, origin) = server(|_, stream| text(stream, "200 OK", "welcome"));
    let report = request("GET https://secret.test/v1", &authority, &origin).run();
    assert!(report.said().starts_with("ok: 200 ") && report.said().contains("body=welcome"), "{}", report.said());
    let seen = origin.seen();
    assert_eq!(seen[0].header("authorization"), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));
    let (action, _) = report.effects("wasi:http/outgoing-handler.handle").remove(0);
    assert_eq!(action["secrets"], json!(["token"]));
    nowhere(&report, SECRET);
    let available = attack(Export::Doctor, "secrets").asking(ASKS).secret("token", SECRET).run();
    assert_eq!(available.said(), "ok: token");
    assert_eq!(attack(Export::Doctor, "secrets").asking(ASKS).run().said(), "ok: ", "it has no value");
    assert_eq!(attack(Export::Doctor, "secrets").asking(ASKS).secret("token", SECRET).granted("").run().said(), "ok: ");
}

/// SE01
#[test]
fn no_export_finds_a_secret_in_its_variables_or_arguments() {
    for export in [Export::Doctor, Export::Plan, Export::BuildEnv, Export::Collect, Export::Teardown] {
        let report = attack(export, "environment").asking(ASKS).secret("token", SECRET).run();
        assert_eq!(report.said(), "denied: no variables and no arguments", "{export}");
    }
}

/// SE02
#[test]
fn a_plugin_that_sets_the_header_of_a_secret_sends_nothing() {
    let (authority, origin) = server(|_, stream| text(stream, "200 OK", ""));
    for header in ["authorization: Bearer mine", "Authorization: x", "AUTHORIZATION: "] {
        let report = request(&format!("GET https://secret.test/|header={header}"), &authority, &origin).run();
        assert_eq!(report.said(), "denied: ErrorCode::HttpRequestDenied", "{header}");
        let rule = "the host puts secret `token` there".to_owned();
        assert_eq!(report.denials(), [("wasi:http/outgoing-handler.handle".to_owned(), rule)]);
    }
    let trailer = request("POST https://secret.test/|body=x|trailer=authorization: Bearer mine", &authority, &origin).run();
    assert!(!trailer.said().starts_with("ok: 200"), "{}", trailer.said());
    assert!(origin.seen().iter().all(|seen| seen.header("authorization") == Some(&*format!("Bearer {SECRET}"))));
}

/// SE03
#[test]
fn what_a_server_repeats_of_a_request_the_plugin_reads_without_the_secret() {
    let (authority, origin) = server(|seen, stream| {
        let authorization = seen.header("authorization").unwrap_or_default().to_owned();
        write!(stream, "HTTP/1.1 200 OK\r\nx-echo: {authorization}\r\ntransfer-encoding: chunked\r\ntrailer: x-last\r\n\r\n")?;
        let encoded = BASE64_STANDARD.encode(format!("me:{authorization}"));
        let body = format!("{{\"authorization\":\"{authorization}\"}} {encoded} and the rest");
        for byte in body.bytes() {
            write!(stream, "1\r\n{}\r\n", char::from(byte))?;
            stream.flush()?;
        }
        write!(stream, "0\r\nx-last: {authorization}\r\n\r\n")
    });
    let report = request("GET https://secret.test/echo", &authority, &origin).run();
    let (said, hidden) = (report.said(), "*".repeat(SECRET.len()));
    assert!(said.contains(&format!("x-echo: Bearer {hidden}")), "{said}");
    assert!(said.contains(&format!("body={{\"authorization\":\"Bearer {hidden}\"}} ")) && said.contains(" and the rest"), "{said}");
    assert!(said.contains(&format!("x-last: Bearer {hidden}")), "{said}");
    nowhere(&report, SECRET);
    let encoded = BASE64_STANDARD.encode(format!("me:Bearer {SECRET}"));
    nowhere(&report, &encoded[16..encoded.len() - 4]);
}

/// SE03
#[test]
fn a_compressed_answer_that_nobody_asked_for_cannot_hide_a_secret() {
    let (authority, origin) =
        server(|_, stream| write!(stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"));
    let report = request("GET https://secret.test/|header=accept-encoding: gzip", &authority, &origin).run();
    assert!(report.said().starts_with("denied: ErrorCode::HttpProtocolError"), "{}", report.said());
    let (_, outcome) = report.effects("wasi:http/outgoing-handler.handle").remove(0);
    assert!(outcome.unwrap()["failed"]["message"].as_str().unwrap().contains("compressed"));
    assert_eq!(origin.seen()[0].header("accept-encoding"), Some("identity"));
}

/// SE04
#[test]
fn whatever_goes_wrong_with_a_request_no_error_says_the_secret() {
    let (authority, origin) = server(|seen, stream| match seen.path() {
        "/close" => Err(std::io::ErrorKind::ConnectionReset.into()),
        "/odd" => write!(stream, "HTTP/1.1 {SECRET} {SECRET}\r\n\r\n"),
        "/header" => write!(stream, "HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n"),
        "/short" => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{SECRET}").and(Err(std::io::ErrorKind::Other.into())),
        "/away" => write!(stream, "HTTP/1.1 302 Found\r\nlocation: https://secret.test/?token={SECRET}\r\ncontent-length: 0\r\n\r\n"),
        _ => text(stream, "401 Unauthorized", &format!("{SECRET} is wrong")),
    });
    for path in ["/close", "/odd", "/header", "/short", "/away", "/else"] {
        let report = request(&format!("GET https://secret.test{path}"), &authority, &origin).run();
        nowhere(&report, SECRET);
    }
    // Where it cannot even be put into the request.
    let unusable = request("GET https://secret.test/", &authority, &origin).secret("token", "canary with spaces").run();
    assert!(unusable.said().contains("the value of secret `token` cannot be used as bearer"), "{}", unusable.said());
    nowhere(&unusable, "with spaces");
}

/// SE04
#[test]
fn what_a_plugin_says_is_heard_without_the_secret_that_it_may_have_found_elsewhere() {
    let attack = attack(Export::Doctor, "tell:/workspace/found").asking(ASKS).secret("token", SECRET);
    fs::write(attack.folder(worldflux::policy::Folder::Workspace).join("found"), format!("it is {SECRET}")).unwrap();
    let report = attack.run();
    let lines = report.talk.iter().filter_map(|talk| match talk {
        Talk::Line { message, .. } => Some(message.as_str()),
        Talk::Progress { .. } => None,
    });
    let said: Vec<_> = lines.collect();
    let hidden = format!("it is {}", "*".repeat(SECRET.len()));
    assert!(said.iter().any(|line| line.contains(&hidden)) && report.lines().iter().any(|line| line.contains(&hidden)), "{said:?}");
    assert!(said.iter().all(|line| !line.contains(SECRET)));
}

/// SE07
#[test]
fn a_reference_to_a_secret_in_an_argument_is_a_text_like_any_other() {
    for argument in ["{{secret:token}}", "$TOKEN", "${secret.token}", "secret://token"] {
        let report = attack(Export::Doctor, &format!("output-with:echo {argument}")).asking(ASKS).secret("token", SECRET).run();
        let (action, outcome) = report.effects("process.output").remove(0);
        assert_eq!(action["arguments"], json!([argument]));
        assert_eq!(outcome.unwrap()["ok"]["stdout_bytes"], argument.len() + 1, "it printed what it was given");
        nowhere(&report, SECRET);
    }
}

/// SE10
#[test]
fn a_secret_is_not_sent_in_the_clear_and_cannot_be_asked_for_there() {
    let in_the_clear = ASKS.replace("host = 'secret.test'", "scheme = 'http'\nhost = 'secret.test'");
    let error = toml::from_str::<Asks>(&in_the_clear).unwrap_err();
    assert!(error.message().contains("over http, which everybody on the way can read"), "{error}");
    let origin = Origin::hello();
    let both = format!("{ASKS}\n[[http]]\nscheme = 'http'\nhost = 'secret.test'\nmethods = ['GET']\npurpose = 'x'");
    let attack = attack(Export::Doctor, "http:GET http://secret.test/").asking(&both).secret("token", SECRET);
    let report = attack.at("secret.test:80", origin.address).run();
    assert!(report.said().starts_with("ok: 200 "), "{}", report.said());
    assert!(origin.seen().iter().all(|seen| !seen.head.contains(SECRET)), "{:?}", origin.seen());
}

#[test]
fn a_secret_without_a_value_is_named_and_nothing_is_sent() {
    let (authority, origin) = server(|_, stream| text(stream, "200 OK", ""));
    let endpoint = format!("'secret.test' = {{ at = '{}', ca = '{}' }}", origin.address, authority.file().display());
    let report = attack(Export::Doctor, "http:GET https://secret.test/").asking(ASKS).endpoint(&endpoint).run();
    assert!(report.said().contains("secret `token` has no value"), "{}", report.said());
    assert_eq!(origin.seen().len(), 0);
}
