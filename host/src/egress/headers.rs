//! Which headers a request may have, and how many.

use http::{HeaderMap, HeaderName, header};

use super::{error::EgressError, limits::HttpLimits};

/// Headers that are about the connection, about where the request came from, or about how it travels: the host decides these. A plugin that
/// could set them could have a server read two requests in one, be taken for somebody else, or for a browser of the user.
const FORBIDDEN: &[&str] = &[
    "alt-svc",
    "alt-used",
    "connection",
    "cookie",
    "cookie2",
    "early-data",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// The same, for all that begins like this.
const FORBIDDEN_PREFIXES: &[&str] = &["proxy-", "sec-", "x-forwarded-"];

/// Whether a plugin may neither send nor see a header of this name.
#[must_use]
pub fn is_forbidden(name: &HeaderName) -> bool {
    let name = name.as_str();
    FORBIDDEN.contains(&name) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a request may have these headers, and how long its body is by its own word. That header is taken out: the host writes it anew, so
/// that there is one and that it is true.
pub(super) fn check_request(headers: &mut HeaderMap, limits: &HttpLimits) -> Result<Option<u64>, EgressError> {
    // Written by the host from what was decided.
    headers.remove(header::HOST);
    check_names(headers, limits)?;
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next().map(|value| read_length(value.as_bytes())).transpose()?;
    if lengths.next().is_some() {
        return Err(EgressError::Invalid("header `content-length` stands there twice".into()));
    }
    headers.remove(header::CONTENT_LENGTH);
    Ok(length)
}

/// Whether these may come after the body of a request.
pub(super) fn check_trailers(trailers: &HeaderMap, limits: &HttpLimits) -> Result<(), EgressError> {
    check_names(trailers, limits)?;
    let framing = [header::CONTENT_LENGTH, header::TE, header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING];
    match framing.iter().find(|name| trailers.contains_key(*name)) {
        Some(name) => Err(EgressError::Invalid(format!("header `{name}` cannot come after the body"))),
        None => Ok(()),
    }
}

/// Whether headers that came from a server are few and short enough.
pub(super) fn fits(headers: &HeaderMap, limits: &HttpLimits) -> bool {
    headers.len() <= limits.fields && size(headers) <= limits.headers.as_len()
}

fn check_names(headers: &HeaderMap, limits: &HttpLimits) -> Result<(), EgressError> {
    if let Some(name) = headers.keys().find(|name| is_forbidden(name)) {
        return Err(EgressError::Invalid(format!("header `{name}` is not for a plugin to set")));
    }
    // The only value with a meaning that does not need `connection` beside it; gRPC has it.
    if headers.get_all(header::TE).iter().any(|value| value != "trailers") {
        return Err(EgressError::Invalid("header `te` can only be `trailers`".into()));
    }
    if !fits(headers, limits) {
        let message = format!("the headers are more than {} or longer than {}", limits.fields, limits.headers);
        return Err(EgressError::Invalid(message));
    }
    Ok(())
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn read_length(value: &[u8]) -> Result<u64, EgressError> {
    let text = std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| EgressError::Invalid("header `content-length` is no number".into()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::HeaderName};

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())).collect()
    }

    /// NE16
    #[test]
    fn what_steers_a_connection_is_not_for_a_plugin() {
        let limits = HttpLimits::default();
        for name in [
            "connection",
            "proxy-authorization",
            "transfer-encoding",
            "upgrade",
            "expect",
            "via",
            "x-forwarded-for",
            "sec-websocket-key",
            "cookie",
            "trailer",
            "keep-alive",
        ] {
            assert!(check_request(&mut headers(&[(name, "x")]), &limits).is_err(), "{name}");
            assert!(check_trailers(&headers(&[(name, "x")]), &limits).is_err(), "{name}");
        }
        for name in ["content-length", "te", "authorization"] {
            assert!(check_trailers(&headers(&[(name, "trailers")]), &limits).is_err(), "{name}");
        }
        let good = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "1S"), ("host", "ignored")];
        assert_eq!(check_request(&mut headers(&good), &limits).unwrap(), None);
        assert!(check_request(&mut headers(&[("te", "gzip")]), &limits).is_err());
    }

    /// NE15
    #[test]
    fn the_length_of_a_body_is_said_once_and_is_a_number() {
        let limits = HttpLimits::default();
        let mut one = headers(&[("content-length", "12"), ("accept", "*/*")]);
        assert_eq!(check_request(&mut one, &limits).unwrap(), Some(12));
        assert!(!one.contains_key("content-length"));
        for bad in ["+1", "-1", "1, 1", "0x1", "", "99999999999999999999999"] {
            assert!(check_request(&mut headers(&[("content-length", bad)]), &limits).is_err(), "{bad}");
        }
        let mut twice = headers(&[("content-length", "1")]);
        twice.append("content-length", HeaderValue::from_static("1"));
        assert!(check_request(&mut twice, &limits).is_err());
    }

    #[test]
    fn headers_are_few_and_short() {
        let limits = HttpLimits::default();
        let many: Vec<_> = (0..101).map(|number| format!("x-{number}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
        assert!(check_request(&mut headers(&many), &limits).is_err());
        assert!(check_request(&mut headers(&many[..100]), &limits).is_ok());
        let long = "x".repeat(70 << 10);
        assert!(check_request(&mut headers(&[("x", &long)]), &limits).is_err());
    }
}
