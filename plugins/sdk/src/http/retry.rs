//! Trying again, where that cannot do anything twice.

use std::{
    hash::{BuildHasher as _, RandomState},
    thread,
    time::{Duration, Instant},
};

use super::{request::Request, response::Response};
use crate::{Cause, Failure, log};

/// The first wait where the server names no time; it doubles with every try.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How long to go on trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    in_all: Duration,
}

impl Default for Retry {
    /// Four tries, waits of at most 30 s in all.
    fn default() -> Self {
        Self { attempts: 4, in_all: Duration::from_secs(30) }
    }
}

impl Retry {
    /// At most so many tries, with waits of at most `in_all` between them together.
    #[must_use]
    pub const fn new(attempts: u32, in_all: Duration) -> Self {
        Self { attempts, in_all }
    }

    /// How long to wait after try number `made`, from 1 on: what the server asked for, else twice as long each time and a little more or
    /// less, so that many who were refused at once do not come back at once.
    fn wait(asked: Option<Duration>, made: u32) -> Duration {
        asked.unwrap_or_else(|| {
            let wait = FIRST_WAIT * 2_u32.saturating_pow(made.saturating_sub(1)).min(64);
            let chance = u32::try_from(RandomState::new().hash_one(made) % 1000).unwrap_or_default();
            wait * (900 + chance / 5) / 1000
        })
    }
}

impl Request {
    /// [`Request::send`], and again after a while where the server could not answer: a status of 429, or for an idempotent request 503; a
    /// connection that could not be made, or for an idempotent request broke. As long as the server asks for (`Retry-After`), and within
    /// `retry`: a wait that is longer than what is left ends the tries, and what came last is the answer.
    pub fn send_patiently(&self, retry: &Retry) -> Result<Response, Failure> {
        let begin = Instant::now();
        let mut made = 1;
        loop {
            let answer = self.send();
            let wait = match &answer {
                Ok(response) if response.status() == 429 || (response.status() == 503 && self.is_idempotent()) => response.retry_after(),
                Err(Failure { cause: Cause::Unavailable { retry_after }, repeatable: true, .. }) => *retry_after,
                _ => return answer,
            };
            let wait = Retry::wait(wait, made);
            if made >= retry.attempts || begin.elapsed().saturating_add(wait) > retry.in_all {
                return answer;
            }
            log::debug(&format!("{}: trying again in {} ms", self.words(), wait.as_millis()));
            thread::sleep(wait);
            made += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_names_a_time_is_waited_for_and_else_the_wait_grows() {
        assert_eq!(Retry::wait(Some(Duration::from_secs(9)), 3), Duration::from_secs(9));
        for (made, about) in [(1, 250), (2, 500), (3, 1000), (90, 16_000)] {
            let wait = Retry::wait(None, made).as_millis();
            assert!((about * 9 / 10..=about * 11 / 10).contains(&wait), "{made}: {wait}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not_tried_again() {
        let begin = Instant::now();
        assert!(Request::get("https://a.test").send_patiently(&Retry::new(5, Duration::from_mins(1))).is_err());
        assert!(begin.elapsed() < Duration::from_millis(200));
    }
}
