//! Sends many requests, and leaves them when its call is over.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use serde_json::json;
use worldflux::{
    egress::{self, Answer, Client, Dialer, EgressError, Outbound, RequestBody},
    names::Digest,
    policy::{self, Limits, Rate, WantedRequest},
};

use crate::{
    http::request,
    lab::{attack, census, rogue_rights, run, until},
    origin::{Origin, text},
};

#[test]
fn a_connection_is_used_again() {
    let origin = Origin::hello();
    let report = request("GET http://allowed.test/|times=20").at("allowed.test:80", origin.address).run();
    assert!(report.said().starts_with("ok: 200 "), "{}", report.said());
    assert_eq!((origin.seen().len(), origin.connections()), (20, 1));
}

#[test]
fn an_answer_that_is_not_read_closes_its_connection() {
    let origin = Origin::start(|_, stream| text(stream, "200 OK", &"x".repeat(1 << 20)));
    let report = request("GET http://allowed.test/|unread|times=3").at("allowed.test:80", origin.address).run();
    assert_eq!(report.said(), "ok: 200 unread");
    assert_eq!(origin.connections(), 3);
    let outcomes: Vec<_> = report.effects("wasi:http/outgoing-handler.handle").into_iter().map(|(_, outcome)| outcome.unwrap()).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == json!({ "ok": { "status": 200, "bytes": 0, "whole": false } })), "{outcomes:?}");
}

#[test]
fn sixteen_requests_go_on_at_once_and_the_rest_wait() {
    let at_once = Arc::new(Mutex::new((0_usize, 0_usize)));
    let counted = at_once.clone();
    let origin = Origin::start(move |_, stream| {
        {
            let mut counted = counted.lock().unwrap();
            counted.0 += 1;
            counted.1 = counted.1.max(counted.0);
        }
        std::thread::sleep(Duration::from_millis(100));
        counted.lock().unwrap().0 -= 1;
        text(stream, "200 OK", "")
    });
    let report = request("GET http://allowed.test/|at-once=40").at("allowed.test:80", origin.address).run();
    assert_eq!(report.said(), "ok: 40 of 40 ");
    let (_, most) = *at_once.lock().unwrap();
    assert!((2..=16).contains(&most), "{most} at once");
}

#[test]
fn requests_that_wait_for_each_other_fail_with_a_code() {
    let origin = Origin::start(|_, stream| text(stream, "200 OK", &"x".repeat(1 << 20)));
    let limits = Limits { requests: 2, ..Limits::default() };
    let report = request("GET http://allowed.test/|at-once=4|connect=500").limits(limits).at("allowed.test:80", origin.address).run();
    // Two hold their places until their answers are read, which the plugin does one after the other, when all were begun.
    assert!(report.said().starts_with("ok: "), "{}", report.said());
    let limits = Limits { requests: 0, ..Limits::default() };
    let report = request("GET http://allowed.test/|connect=200").limits(limits).at("allowed.test:80", origin.address).run();
    assert_eq!(report.said(), "denied: ErrorCode::ConnectionLimitReached");
}

#[test]
fn requests_come_no_faster_than_they_may() {
    let origin = Origin::hello();
    let limits = Limits { request_rate: Rate { burst: 5, per_second: 20 }, ..Limits::default() };
    let begin = Instant::now();
    let report = request("GET http://allowed.test/|times=25").limits(limits).at("allowed.test:80", origin.address).run();
    assert!(report.said().starts_with("ok: 200 "));
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
}

/// NE22
#[test]
fn the_proxy_of_the_environment_is_not_asked() {
    let proxy = Origin::hello();
    let origin = Origin::hello();
    let url = format!("http://{}", proxy.address);
    // Another process: the environment of this one belongs to all tests.
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "http_runs::inside_an_environment_with_a_proxy", "--nocapture"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &url);
    }
    let output = command.env("WORLDFLUX_TEST_ORIGIN", origin.address.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((proxy.connections(), origin.seen().len()), (0, 1));
}

/// What the test before does in a process of its own; without a proxy in the environment it is one more request.
#[test]
fn inside_an_environment_with_a_proxy() {
    let own = Origin::hello();
    let address = std::env::var("WORLDFLUX_TEST_ORIGIN").map_or(own.address, |address| address.parse().unwrap());
    let report = request("GET http://allowed.test/").at("allowed.test:80", address).run();
    assert!(report.said().starts_with("ok: 200 "), "{}", report.said());
}

/// A client that finds `allowed.test` at this server, and one request of a plugin over it.
pub(crate) struct Sender(Client);

impl Sender {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let endpoints = toml::from_str(&format!("'allowed.test:80' = {{ at = '{address}' }}")).unwrap();
        Self(Client::new(Dialer::new(endpoints)))
    }

    async fn send(&self, plugin: &str) -> Result<String, EgressError> {
        text_of(self.answer(plugin, "GET", http::Request::new(egress::empty())).await?.into_body()).await
    }

    /// The answer, of whose body nothing was asked for yet.
    pub(crate) async fn answer(
        &self,
        plugin: &str,
        method: &str,
        request: http::Request<RequestBody>,
    ) -> Result<http::Response<Answer>, EgressError> {
        let wanted = WantedRequest { scheme: "http", authority: "allowed.test", method, path: "/" };
        let permit = policy::send_request(&rogue_rights(), &wanted).unwrap();
        self.0.send(Digest::of(plugin.as_bytes()), Outbound::new(permit, request, *self.0.limits())?).await
    }
}

pub(crate) async fn text_of(body: Answer) -> Result<String, EgressError> {
    Ok(String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap())
}

#[test]
fn no_connection_of_one_plugin_is_used_for_another() {
    let origin = Origin::hello();
    let sender = Sender::new(origin.address);
    run(async {
        for plugin in ["one", "two", "one", "two", "one"] {
            assert_eq!(sender.send(plugin).await.unwrap(), "hello");
        }
    });
    assert_eq!(origin.seen().into_iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 2, 1, 2, 1]);
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_is_replaced() {
    let closed = Arc::new(Mutex::new(0));
    let counted = closed.clone();
    let origin = Origin::start(move |_, stream| {
        text(stream, "200 OK", "hello")?;
        stream.flush()?;
        *counted.lock().unwrap() += 1;
        Err(std::io::Error::other("enough"))
    });
    let sender = Sender::new(origin.address);
    run(async {
        for round in 1..=5 {
            assert_eq!(sender.send("one").await.unwrap(), "hello");
            until("the server closes", || *closed.lock().unwrap() == round && sender.0.waiting() == 0).await;
        }
    });
    assert_eq!((origin.seen().len(), origin.connections()), (5, 5));
}

#[test]
fn an_answer_that_is_given_up_in_the_middle_closes_its_connection() {
    let origin = Origin::start(|_, stream| text(stream, "200 OK", &"x".repeat(8 << 20)));
    let sender = Sender::new(origin.address);
    run(async {
        for _ in 0..3 {
            let mut body = sender.answer("one", "GET", http::Request::new(egress::empty())).await.unwrap().into_body();
            assert!(body.frame().await.unwrap().unwrap().is_data());
        }
        assert_eq!(sender.0.waiting(), 0);
    });
    assert_eq!(origin.seen().into_iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_answer_that_comes_in_pieces_is_handed_on_piece_by_piece_and_gives_its_connection_back() {
    let (next, asked) = mpsc::channel();
    let asked = Mutex::new(asked);
    let origin = Origin::start(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for piece in ["one", "two", "six"] {
            stream.write_all(format!("3\r\n{piece}\r\n").as_bytes())?;
            stream.flush()?;
            // The next one only when this one has arrived.
            asked.lock().unwrap().recv().unwrap();
        }
        stream.write_all(b"0\r\n\r\n")
    });
    let sender = Sender::new(origin.address);
    run(async {
        for _ in 0..3 {
            let mut body = sender.answer("one", "GET", http::Request::new(egress::empty())).await.unwrap().into_body();
            for piece in ["one", "two", "six"] {
                assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
                next.send(()).unwrap();
            }
            assert!(body.frame().await.is_none());
        }
    });
    assert_eq!((origin.seen().len(), origin.connections()), (3, 1));
}

#[test]
fn a_call_that_ends_takes_its_requests_with_it() {
    let origin = Origin::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")?;
        stream.flush()?;
        std::thread::sleep(Duration::from_secs(30));
        Ok(())
    });
    let report = attack(worldflux::names::Export::Doctor, "http:GET http://allowed.test/")
        .at("allowed.test:80", origin.address)
        .within(Duration::from_secs(1))
        .run();
    assert!(report.fault().to_string().contains("did not answer within"), "{}", report.fault());
    let effects = report.effects("wasi:http/outgoing-handler.handle");
    let outcome = effects[0].1.clone().unwrap();
    assert_eq!(outcome["abandoned"], "the call was over before this was");
    assert_eq!(outcome["answer"], json!({ "status": 200, "bytes": 5, "whole": false }));
}

#[test]
fn requests_that_are_over_hold_no_handle() {
    let origin = Origin::hello();
    let limits = Limits { handles: 64, ..Limits::default() };
    let report = request("GET http://allowed.test/|times=200").limits(limits).at("allowed.test:80", origin.address).run();
    assert!(report.said().starts_with("ok: 200 "), "{}", report.said());
    assert_eq!(origin.seen().len(), 200);
}

#[test]
fn nothing_is_left_open_after_many_requests() {
    let origin = Origin::start(|_, stream| text(stream, "200 OK", &"x".repeat(200_000)));
    let go = || {
        let report = request("GET http://allowed.test/|at-once=16").at("allowed.test:80", origin.address).run();
        assert_eq!(report.said(), "ok: 16 of 16 ");
    };
    go();
    let (before, _) = census();
    (0..5).for_each(|_| go());
    let begin = Instant::now();
    // Both ends of every connection are in this process; those of the server notice a moment later.
    while census().0 > before + 32 {
        assert!(begin.elapsed() < Duration::from_secs(20), "{} descriptors before, {} now", before, census().0);
        std::thread::sleep(Duration::from_millis(10));
    }
}
