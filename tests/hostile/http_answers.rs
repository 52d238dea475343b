//! Is answered without end, byte by byte, or with nonsense.

use std::{
    io::{self, Write},
    thread::sleep,
    time::{Duration, Instant},
};

use worldflux::{egress::HttpLimits, names::Bytes};

use crate::{
    http::{outcome, request},
    lab::Report,
    origin::Origin,
};

fn chunk(stream: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    write!(stream, "{:x}\r\n", bytes.len())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")?;
    stream.flush()
}

/// One request to a server that answers like this, under these limits.
fn answered(limits: HttpLimits, options: &str, answer: impl crate::origin::Answer) -> Report {
    let origin = Origin::start(answer);
    request(&format!("GET http://allowed.test/{options}")).http_limits(limits).at("allowed.test:80", origin.address).run()
}

fn mebibyte() -> HttpLimits {
    HttpLimits { response_body: Bytes::mebi(1), ..HttpLimits::default() }
}

/// NE18
#[test]
fn an_answer_without_end_breaks_off_at_its_limit() {
    let endless = answered(mebibyte(), "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let piece = vec![b'x'; 64 << 10];
        loop {
            chunk(stream, &piece)?;
        }
    });
    assert!(
        endless.said().starts_with("broken off after ") && endless.said().ends_with("HttpResponseBodySize(None)"),
        "{}",
        endless.said()
    );
    let (_, outcome) = outcome(&endless);
    assert_eq!(outcome["failed"]["message"], "the answer of `allowed.test:80` is larger than 1.0 MiB");
    let until_the_end_of_the_connection = answered(mebibyte(), "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 4096])?;
        }
    });
    assert!(until_the_end_of_the_connection.said().ends_with("HttpResponseBodySize(None)"));
}

/// NE18
#[test]
fn an_answer_that_says_that_it_is_too_large_is_not_begun() {
    let report = answered(mebibyte(), "", |_, stream| write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n"));
    assert_eq!(report.said(), "denied: ErrorCode::HttpResponseBodySize(Some(10737418240))");
}

/// NE18
#[test]
fn a_byte_now_and_then_is_too_slow() {
    let limits = HttpLimits { slow_after: Duration::from_secs(2), ..HttpLimits::default() };
    let begin = Instant::now();
    let report = answered(limits, "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            chunk(stream, b"x")?;
            sleep(Duration::from_millis(200));
        }
    });
    assert!(report.said().ends_with("ErrorCode::ConnectionReadTimeout"), "{}", report.said());
    assert!(begin.elapsed() < Duration::from_secs(6));
}

/// NE18
#[test]
fn silence_before_and_in_the_middle_of_an_answer_ends_it() {
    let limits = HttpLimits { first_byte: Duration::from_millis(300), idle: Duration::from_millis(300), ..HttpLimits::default() };
    let before = answered(limits, "", |_, _| {
        sleep(Duration::from_secs(5));
        Ok(())
    });
    assert_eq!(before.said(), "denied: ErrorCode::HttpResponseTimeout");
    let half_a_head = answered(limits, "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nx: ")?;
        stream.flush()?;
        sleep(Duration::from_secs(5));
        Ok(())
    });
    assert_eq!(half_a_head.said(), "denied: ErrorCode::HttpResponseTimeout");
    let middle = answered(limits, "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")?;
        stream.flush()?;
        sleep(Duration::from_secs(5));
        Ok(())
    });
    assert_eq!(middle.said(), "broken off after 5: ErrorCode::ConnectionReadTimeout");
}

/// NE18
#[test]
fn what_keeps_to_every_other_limit_ends_at_the_whole_time() {
    let limits = HttpLimits { whole: Duration::from_secs(1), ..HttpLimits::default() };
    let begin = Instant::now();
    let report = answered(limits, "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            chunk(stream, &[b'x'; 1000])?;
            sleep(Duration::from_millis(20));
        }
    });
    assert!(report.said().ends_with("ErrorCode::HttpResponseTimeout"), "{}", report.said());
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_plugin_can_ask_for_less_time_and_not_for_more() {
    let slow = |_: &crate::origin::Seen, stream: &mut dyn Write| {
        sleep(Duration::from_millis(700));
        crate::origin::text(stream, "200 OK", "late")
    };
    let short = HttpLimits { first_byte: Duration::from_millis(300), ..HttpLimits::default() };
    assert_eq!(answered(HttpLimits::default(), "|first=200", slow).said(), "denied: ErrorCode::HttpResponseTimeout");
    assert_eq!(answered(short, "|first=600000", slow).said(), "denied: ErrorCode::HttpResponseTimeout");
    assert!(answered(HttpLimits::default(), "|first=600000", slow).said().starts_with("ok: 200 "));
}

/// NE19
#[test]
fn what_is_compressed_stays_compressed() {
    // A kilobyte that gzip makes a megabyte of would be one here: nobody unpacks it.
    let report = answered(HttpLimits::default(), "|header=accept-encoding: gzip", |seen, stream| {
        assert_eq!(seen.header("accept-encoding"), Some("gzip"));
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x7f\x08x")
    });
    assert!(report.said().contains("length=4 ") && report.said().contains("content-encoding: gzip"), "{}", report.said());
}

/// NE20
#[test]
fn headers_without_end_end_the_answer() {
    let too_many = "denied: ErrorCode::HttpResponseHeaderSectionSize(None)";
    let many = answered(HttpLimits::default(), "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
        (0..65_536).try_for_each(|number| write!(stream, "x-{number}: 1\r\n"))?;
        write!(stream, "content-length: 0\r\n\r\n")
    });
    assert_eq!(many.said(), too_many);
    let long = answered(HttpLimits::default(), "", |_, stream| write!(stream, "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)));
    assert_eq!(long.said(), too_many);
    let endless = answered(HttpLimits::default(), "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nx: ")?;
        loop {
            stream.write_all(&[b'y'; 4096])?;
        }
    });
    assert_eq!(endless.said(), too_many);
    let fine = answered(HttpLimits::default(), "", |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n")?;
        (0..90).try_for_each(|number| write!(stream, "x-{number}: {}\r\n", "y".repeat(500)))?;
        write!(stream, "\r\n")
    });
    assert!(fine.said().starts_with("ok: 200 "), "{}", fine.said());
}

#[test]
fn an_answer_that_is_none_has_a_code() {
    for (answer, said) in [
        ("", "HttpResponseIncomplete"),
        ("nonsense\r\n\r\n", "HttpProtocolError"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "HttpProtocolError"),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "HttpProtocolError"),
        ("HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n", "HttpProtocolError"),
        ("HTTP/0.9 200\r\n\r\n", "HttpProtocolError"),
    ] {
        let report = answered(HttpLimits::default(), "", move |_, stream| {
            stream.write_all(answer.as_bytes())?;
            stream.flush()?;
            Err(io::Error::other("that is all"))
        });
        assert_eq!(report.said(), format!("denied: ErrorCode::{said}"), "{answer:?}");
    }
    for answer in
        ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"]
    {
        let report = answered(HttpLimits::default(), "", move |_, stream| {
            stream.write_all(answer.as_bytes())?;
            stream.flush()?;
            Err(io::Error::other("that is all"))
        });
        assert_eq!(report.said(), "broken off after 5: ErrorCode::HttpResponseIncomplete", "{answer:?}");
    }
}
