//! The proxy's own answers: each with one line for a person.

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::ext::ReasonPhrase;

use crate::{names::Failure, policy::Refused};

/// Characters of a line: what a person still reads.
const LINE: usize = 600;

/// What an answer is made of.
pub(super) type Body = BoxBody<bytes::Bytes, hyper::Error>;

/// An answer of the proxy itself.
pub(super) fn say(status: StatusCode, line: &str) -> Response<Body> {
    let plain = |c: char| if c.is_control() { c.escape_debug().collect::<Vec<_>>() } else { vec![c] };
    let text: String = line.chars().flat_map(plain).take(LINE).collect();
    let mut answer = Response::new(Full::new(format!("worldflux: {text}\n").into()).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    // Of an answer to `CONNECT` most programs show nothing but this.
    if let Ok(reason) = ReasonPhrase::try_from(text.as_bytes()) {
        answer.extensions_mut().insert(reason);
    }
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

/// Nothing to say: a tunnel is open.
pub(super) fn open() -> Response<Body> {
    Response::new(Full::default().map_err(|never| match never {}).boxed())
}

/// It does not say that it comes from this child.
pub(super) fn who_are_you() -> Response<Body> {
    let mut answer = say(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "this proxy is for another program, or the password is missing");
    answer.headers_mut().insert(header::PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"worldflux\""));
    answer
}

/// It is not allowed, or nobody can mean it.
pub(super) fn refuse(refused: &Refused) -> Response<Body> {
    match refused {
        Refused::Denied(denial) => {
            let cure = if denial.cure.is_empty() { String::new() } else { format!("; to allow it: {}", denial.cure) };
            say(StatusCode::FORBIDDEN, &format!("this program may not {}: {}{cure}", denial.action, denial.rule))
        }
        Refused::Invalid(Failure { message, .. }) => say(StatusCode::BAD_REQUEST, message),
    }
}
