//! A plain request, passed on.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::{
    answer::{Body, say},
    limits::{FIELDS, HEAD},
    meter::{Meter, Metered, Report},
};
use crate::egress::Connection;

/// What is between two neighbours on the way, and not for the one behind (RFC 9110, 7.6.1), and the password of this proxy.
const FOR_THE_NEIGHBOUR: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Send `request` over a new connection, and answer with what comes back. `authority` is the host in its one spelling, and the port where
/// it is not 80.
pub(super) async fn forward(
    request: Request<Incoming>,
    authority: &str,
    there: Metered<Connection>,
    meter: std::sync::Arc<Meter>,
    report: Report,
) -> Response<Body> {
    let Ok(request) = prepare(request, authority) else {
        report.fail("the request cannot be passed on");
        return say(StatusCode::BAD_REQUEST, "the request cannot be passed on");
    };
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(HEAD.as_len()).max_headers(FIELDS);
    let (mut sender, connection) = match builder.handshake(TokioIo::new(there)).await {
        Ok(both) => both,
        Err(error) => return broken(authority, &error, &report),
    };
    let driver = Driver(tokio::spawn(async move {
        tokio::select! {
            // Its error shows where the answer is read.
            _ = connection => {}
            () = meter.idle() => {}
        }
    }));
    match sender.send_request(request).await {
        Ok(mut answer) => {
            clean(answer.headers_mut());
            answer.map(|body| Passed { body, _driver: driver, report }.boxed())
        }
        Err(error) => broken(authority, &error, &report),
    }
}

fn broken(authority: &str, error: &hyper::Error, report: &Report) -> Response<Body> {
    let why = format!("`{authority}` does not answer as HTTP does: {error}");
    report.fail(&*why);
    say(StatusCode::BAD_GATEWAY, &why)
}

/// The request as its host gets it.
fn prepare(mut request: Request<Incoming>, authority: &str) -> Result<Request<Incoming>, http::Error> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::builder().path_and_query(path).build()?;
    *request.version_mut() = http::Version::HTTP_11;
    clean(request.headers_mut());
    request.headers_mut().remove(header::EXPECT);
    // Whatever the program said there: this is the host that was checked.
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority)?);
    Ok(request)
}

/// Take out what is for a neighbour, also where a request names it as such.
fn clean(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A length that is taken out would make one message of two.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in FOR_THE_NEIGHBOUR {
        headers.remove(name);
    }
}

/// Ends the work on a connection when the answer is read, or when nobody wants the rest of it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer, with what belongs to its connection.
struct Passed {
    body: Incoming,
    _driver: Driver,
    report: Report,
}

impl hyper::body::Body for Passed {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Err(error))) = &frame {
            this.report.fail(error.to_string());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
