//! What came back.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{body::Body, date::parse_date, request::Request};
use crate::{Cause, Failure};

/// The largest answer that is read whole unless it is said, in bytes. It is kept in the memory of the plugin.
const LARGEST: usize = 16 << 20;

/// The longest explanation of a server that is repeated in a message, in characters.
const SHOWN: usize = 500;

/// The beginning of an answer: its status, its headers, and its body, which is still to be read.
pub(super) type Head = (u16, Vec<(String, String)>, Body);

/// An answer: its status and headers, and its body, which is still to be read.
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    words: String,
    idempotent: bool,
}

impl Response {
    pub(super) fn new(request: &Request, status: u16, headers: Vec<(String, String)>, body: Body) -> Self {
        Self { status, headers, body, words: request.words(), idempotent: request.is_idempotent() }
    }

    /// An answer to `request` that came from nowhere, for tests.
    pub fn made_up(request: &Request, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::new(request, status, headers, Body::of(body.into()))
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is from 200 to 299.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of this name, in any case of letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers, in their order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// When the server says it answered.
    #[must_use]
    pub fn date(&self) -> Option<SystemTime> {
        parse_date(self.header("date")?)
    }

    /// How long the server asks to wait before the next try: seconds, or a date as its own clock goes.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let now = self.date().unwrap_or_else(SystemTime::now);
        Some(parse_date(text)?.duration_since(now).unwrap_or_default())
    }

    /// The same answer if its status is from 200 to 299, else a failure that says `what` failed, and why as far as the server tells.
    pub fn checked(self, what: &str) -> Result<Self, Failure> {
        if self.succeeded() { Ok(self) } else { Err(self.into_failure(what)) }
    }

    /// The failure that this answer is.
    #[must_use]
    pub fn into_failure(self, what: &str) -> Failure {
        let (status, retry_after, idempotent) = (self.status, self.retry_after(), self.idempotent);
        let location = self.header("location").map(|place| format!("redirected to {place}"));
        let told = location.or_else(|| self.explanation()).map(|told| format!(": {told}")).unwrap_or_default();
        let message = format!("{what} failed with status {status}{told}");
        let cause = match status {
            401 | 403 => Cause::Auth,
            402 => Cause::Quota,
            404 | 410 => Cause::NotFound,
            409 => Cause::Conflict,
            408 => Cause::TimedOut,
            429 | 500..=599 => Cause::Unavailable { retry_after },
            _ => Cause::Other,
        };
        // A request that was refused for coming too soon has done nothing; one that failed inside of the server may have.
        let repeatable = status == 429 || (idempotent && matches!(cause, Cause::Unavailable { .. } | Cause::TimedOut));
        Failure { repeatable, ..Failure::new(cause, message) }
    }

    /// What the server says about a refusal: `detail`, `message`, `error` or `title` of a JSON answer (RFC 9457), else its first line.
    fn explanation(self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes_up_to(64 << 10).ok()?).into_owned();
        let told = match serde_json::from_str::<Value>(&text) {
            Ok(value) => ["detail", "message", "error", "title"].iter().find_map(|key| match value.get(key)? {
                Value::String(told) => Some(told.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            })?,
            Err(_) if text.trim_start().starts_with('<') => return None,
            Err(_) => text.lines().map(str::trim).find(|line| !line.is_empty())?.to_owned(),
        };
        Some(told.trim().chars().take(SHOWN).collect())
    }

    /// The whole body, at most 16 MiB.
    pub fn bytes(self) -> Result<Vec<u8>, Failure> {
        self.bytes_up_to(LARGEST)
    }

    /// The whole body, at most `most` bytes; a longer one fails with `quota`.
    pub fn bytes_up_to(mut self, most: usize) -> Result<Vec<u8>, Failure> {
        self.body.read_all(most).map_err(|failure| self.in_the_middle(failure))
    }

    /// The whole body as text.
    pub fn text(self) -> Result<String, Failure> {
        let words = self.words.clone();
        String::from_utf8(self.bytes()?).map_err(|_| Failure::other(format!("the answer to {words} is not UTF-8")))
    }

    /// The whole body as JSON of this type.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let words = self.words.clone();
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes).map_err(|error| Failure::other(format!("the answer to {words} cannot be read: {error}")))
    }

    /// The body, to be read piece by piece.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    fn in_the_middle(&self, failure: Failure) -> Failure {
        let message = format!("{}: {}", self.words, failure.message);
        Failure { message, repeatable: failure.repeatable || self.idempotent, ..failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response::made_up(&Request::new(method, "https://a.test/x?token=s"), status, headers, body)
    }

    #[test]
    fn a_status_becomes_the_cause_that_it_means() {
        let cause = |status| answer("GET", status, &[], "").checked("x").unwrap_err().cause;
        assert_eq!([401, 402, 404, 409, 408].map(cause), [Cause::Auth, Cause::Quota, Cause::NotFound, Cause::Conflict, Cause::TimedOut]);
        assert_eq!(cause(500), Cause::Unavailable { retry_after: None });
        assert_eq!(cause(422), Cause::Other);
        assert!(answer("GET", 204, &[], "").checked("x").is_ok());
    }

    #[test]
    fn what_the_server_says_stands_in_the_message() {
        let told = |body: &str| answer("GET", 422, &[], body).checked("making it").unwrap_err().message;
        assert_eq!(told(r#"{"title":"Bad","detail":"input.text is missing"}"#), "making it failed with status 422: input.text is missing");
        assert_eq!(told("no\nway"), "making it failed with status 422: no");
        assert_eq!(told("<html>x</html>"), "making it failed with status 422");
        assert_eq!(told(""), "making it failed with status 422");
        let moved = answer("GET", 302, &[("Location", "https://b.test")], "").checked("x").unwrap_err();
        assert_eq!(moved.message, "x failed with status 302: redirected to https://b.test");
    }

    #[test]
    fn only_a_request_that_did_nothing_may_be_made_again() {
        let again = |method, status| answer(method, status, &[], "").checked("x").unwrap_err().repeatable;
        assert!(again("POST", 429) && again("GET", 429) && again("GET", 503));
        assert!(!again("POST", 503) && !again("POST", 500) && !again("GET", 404));
    }

    #[test]
    fn the_time_to_wait_is_read_as_seconds_and_as_a_date() {
        let date = ("Date", "Tue, 15 Nov 1994 08:12:31 GMT");
        assert_eq!(answer("GET", 429, &[("Retry-After", " 7 ")], "").retry_after(), Some(Duration::from_secs(7)));
        let later = answer("GET", 429, &[date, ("retry-after", "Tue, 15 Nov 1994 08:13:01 GMT")], "");
        assert_eq!(later.retry_after(), Some(Duration::from_secs(30)));
        let past = answer("GET", 429, &[date, ("retry-after", "Tue, 15 Nov 1994 08:00:00 GMT")], "");
        assert_eq!(past.retry_after(), Some(Duration::ZERO));
        assert_eq!(answer("GET", 429, &[("Retry-After", "soon")], "").retry_after(), None);
    }

    #[test]
    fn an_answer_longer_than_asked_for_is_refused() {
        assert_eq!(answer("GET", 200, &[], "12345").bytes_up_to(4).unwrap_err().cause, Cause::Quota);
        assert_eq!(answer("GET", 200, &[], "12345").bytes_up_to(5).unwrap(), b"12345");
        assert!(answer("GET", 200, &[], "{").json::<Value>().unwrap_err().message.starts_with("the answer to GET https://a.test/x cannot"));
    }
}
