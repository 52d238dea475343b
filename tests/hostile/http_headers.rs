//! Sends headers that a server could take for something else.

use crate::{
    http::request,
    origin::{Origin, text},
};

/// NE16
#[test]
fn headers_that_are_the_hosts_business_cannot_be_set() {
    let origin = Origin::hello();
    for name in [
        "host",
        "connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "proxy-anything",
        "transfer-encoding",
        "upgrade",
        "trailer",
        "expect",
        "via",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "cookie",
        "sec-fetch-site",
        "alt-svc",
        "http2-settings",
    ] {
        let report = request(&format!("GET http://allowed.test/|header={name}: x")).at("allowed.test:80", origin.address).run();
        assert_eq!(report.said(), format!("invalid: header {name}: HeaderError::Forbidden"));
        let trailer = request(&format!("POST http://allowed.test/|body=x|trailer={name}: x")).at("allowed.test:80", origin.address).run();
        assert_eq!(trailer.said(), format!("invalid: trailer {name}: HeaderError::Forbidden"));
    }
    let te = request("GET http://allowed.test/|header=te: gzip").at("allowed.test:80", origin.address).run();
    assert!(te.said().contains("header `te` can only be `trailers`"), "{}", te.said());
    for name in ["authorization", "content-length", "te"] {
        let trailer = request(&format!("POST http://allowed.test/|body=x|trailer={name}: 1")).at("allowed.test:80", origin.address).run();
        assert!(!trailer.said().starts_with("ok"), "{name}: {}", trailer.said());
    }
    assert!(origin.seen().iter().all(|seen| seen.header("host") == Some("allowed.test")));
}

/// NE15
#[test]
fn no_text_of_a_plugin_becomes_a_second_request() {
    let origin = Origin::hello();
    for line in [
        "GET http://allowed.test/|header=x: a%0d%0aevil: 1",
        "GET http://allowed.test/|header=x: a%0aevil: 1",
        "GET http://allowed.test/|header=x: a%00",
        "GET http://allowed.test/|header=x y: 1",
        "GET http://allowed.test/|header=x%0aevil: 1",
        "GET http://allowed.test/|header=: 1",
        "GET%0aevil http://allowed.test/",
        "GET http://allowed.test/%0aevil",
        "GET http://allowed.test/ HTTP/1.1%0aevil: 1",
        "GET http://allowed.test%0aevil/",
        "POST http://allowed.test/|length=1|length=2|body=x",
        "POST http://allowed.test/|length=+1|body=x",
        "POST http://allowed.test/|length=1, 1|body=x",
        "GET http://allowed.test/|length=5",
        "POST http://allowed.test/|header=transfer-encoding: chunked|body=x",
    ] {
        let report = request(line).at("allowed.test:80", origin.address).run();
        assert!(!report.said().starts_with("ok"), "{line}: {}", report.said());
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}

/// NE15
#[test]
fn the_length_of_a_body_is_what_was_sent_or_the_request_breaks_off() {
    let origin = Origin::start(|seen, stream| text(stream, "200 OK", &seen.body.len().to_string()));
    for (line, answer) in
        [("length=5|body=12345", "5"), ("body=12345", "5"), ("fill=100000", "100000"), ("length=100000|fill=100000", "100000")]
    {
        let report = request(&format!("POST http://allowed.test/|{line}")).at("allowed.test:80", origin.address).run();
        assert!(report.said().contains(&format!("body={answer} ")), "{line}: {}", report.said());
    }
    let whole = origin.seen().len();
    for line in ["length=4|body=12345", "length=6|body=12345", "length=6|body=12345|unfinished", "body=12345|unfinished"] {
        let report = request(&format!("POST http://allowed.test/|{line}|first=2000"))
            .at("allowed.test:80", origin.address)
            .within(std::time::Duration::from_secs(10))
            .run();
        assert!(!report.said().starts_with("ok"), "{line}: {}", report.said());
    }
    assert_eq!(origin.seen().len(), whole, "no half a request was taken for a whole one");
    for seen in origin.seen() {
        let framing = seen.head.to_ascii_lowercase();
        assert_eq!(framing.matches("content-length").count() + framing.matches("transfer-encoding").count(), 1, "{}", seen.head);
    }
}

#[test]
fn a_body_larger_than_it_may_be_breaks_the_request_off() {
    let origin = Origin::start(|seen, stream| text(stream, "200 OK", &seen.body.len().to_string()));
    let limits = worldflux::egress::HttpLimits { request_body: worldflux::names::Bytes::kibi(64), ..Default::default() };
    let report = request("POST http://allowed.test/|fill=100000").http_limits(limits).at("allowed.test:80", origin.address).run();
    assert_eq!(report.said(), "denied: ErrorCode::HttpRequestBodySize(Some(65536))");
    assert!(origin.seen().is_empty());
}
