//! A request, as it is put together.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{multipart::Multipart, response::Response, url, wire};
use crate::Failure;

/// The longest that a request may take, answer included, unless it is said. The host has its own limits, which are not lengthened by this.
const IN_ALL: Duration = Duration::from_mins(1);

/// The longest that connecting, and then the first byte of the answer, may take unless it is said.
const CONNECT: Duration = Duration::from_secs(10);
const FIRST_BYTE: Duration = Duration::from_secs(30);

/// A request to the outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Vec<Content>,
    pub(super) connect: Duration,
    pub(super) first_byte: Duration,
    pub(super) in_all: Duration,
    broken: Option<Failure>,
}

/// A part of the body, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file of one of the folders, which is sent without ever being whole in memory.
    File(PathBuf),
}

impl Request {
    /// A request with this method. `url` is absolute, `https://` unless the user granted plain `http`.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            content: Vec::new(),
            connect: CONNECT,
            first_byte: FIRST_BYTE,
            in_all: IN_ALL,
            broken: None,
        }
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// One more header. The host refuses those that are its own: `host`, `content-length`, `connection` and the like, and every header that a
    /// granted secret is put into.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// One more `name=value` behind the `?`, encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{joint}{}={}", self.url, url::encode(name), url::encode(value));
        self
    }

    /// This value as JSON.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(error) => {
                self.broken = Some(Failure::other(format!("the body of the request cannot be written as JSON: {error}")));
                self
            }
        }
    }

    /// These bytes.
    #[must_use]
    pub fn body(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.content = vec![Content::Bytes(bytes.into())];
        self.header("content-type", media_type)
    }

    /// These parts, one behind the other, as an archive is made of heads and files.
    #[must_use]
    pub fn parts(mut self, media_type: &str, content: Vec<Content>) -> Self {
        self.content = content;
        self.header("content-type", media_type)
    }

    /// A form with files. They are read while they are sent.
    #[must_use]
    pub fn multipart(mut self, form: Multipart) -> Self {
        let (media_type, content) = form.into_parts();
        self.content = content;
        self.header("content-type", media_type)
    }

    /// The longest that connecting may take: 10 s unless it is said.
    #[must_use]
    pub const fn connect_within(mut self, longest: Duration) -> Self {
        self.connect = longest;
        self
    }

    /// The longest that the first byte of the answer may take: 30 s unless it is said.
    #[must_use]
    pub const fn answer_within(mut self, longest: Duration) -> Self {
        self.first_byte = longest;
        self
    }

    /// The longest that all of it may take, reading the answer included: 1 min unless it is said.
    #[must_use]
    pub const fn within(mut self, longest: Duration) -> Self {
        self.in_all = longest;
        self
    }

    /// Whether sending it twice does the same as sending it once (RFC 9110, 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
    }

    /// Bytes of the body, where that is known and to be told: of one that is in memory, and of none where the method usually has one.
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "nothing is sent outside of a component"))]
    pub(super) fn length(&self) -> Option<usize> {
        let has_own = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let is_usual = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if has_own || (self.content.is_empty() && !is_usual) {
            return None;
        }
        let part = |part: &Content| match part {
            Content::Bytes(bytes) => Some(bytes.len()),
            Content::File(_) => None,
        };
        self.content.iter().map(part).sum()
    }

    /// Send it, and wait for status and headers of the answer. A status of 400 and above is an answer here: see [`Response::checked`].
    ///
    /// A failure is `repeatable` where the request is known not to have been sent, or does the same twice. Where it is neither, what it should
    /// do may have been done: look before trying again.
    pub fn send(&self) -> Result<Response, Failure> {
        if let Some(failure) = &self.broken {
            return Err(failure.clone());
        }
        let now = Instant::now();
        let until = now.checked_add(self.in_all).unwrap_or(now + IN_ALL);
        let (status, headers, body) = wire::send(self, until)?;
        Ok(Response::new(self, status, headers, body))
    }

    /// What is requested, for a message: method and URL without its query, which may hold what must not be written down.
    #[must_use]
    pub fn words(&self) -> String {
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        format!("{} {}", self.method, self.url.get(..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_not_part_of_a_message() {
        let request = Request::get("https://a.test/x").query("cursor", "a b&c").query("n", "1");
        assert_eq!(request.url, "https://a.test/x?cursor=a%20b%26c&n=1");
        assert_eq!(request.words(), "GET https://a.test/x");
    }

    #[test]
    fn the_length_of_a_body_is_told_where_it_is_known() {
        assert_eq!(Request::get("https://a.test").length(), None);
        assert_eq!(Request::post("https://a.test").length(), Some(0));
        assert_eq!(Request::post("https://a.test").body("text/plain", "abc").length(), Some(3));
        let file = vec![Content::Bytes(vec![1]), Content::File("/workspace/x".into())];
        assert_eq!(Request::post("https://a.test").parts("application/x-tar", file).length(), None);
    }

    #[test]
    fn outside_of_a_component_a_request_fails_and_says_so() {
        let failure = Request::get("https://a.test").send().unwrap_err();
        assert!(failure.message.contains("only inside a component"), "{failure}");
        assert!(!failure.repeatable);
    }

    #[test]
    fn only_methods_that_do_the_same_twice_are_idempotent() {
        assert!(Request::get("https://a.test").is_idempotent() && Request::delete("https://a.test").is_idempotent());
        assert!(!Request::post("https://a.test").is_idempotent() && !Request::new("PATCH", "https://a.test").is_idempotent());
    }
}
