//! One request and its answer, from the line that says what was asked to the line that says what came of it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU16, AtomicU64, Ordering},
};

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::{imports::gate::Open, names::Failure};

/// A request that was begun, and how far its answer has come.
pub(super) struct Exchange {
    open: Mutex<Option<Open>>,
    status: AtomicU16,
    received: AtomicU64,
}

/// What is written down of an answer that came.
#[derive(Serialize)]
struct Ended {
    ok: Told,
}

/// How far an answer has come, in the order of the alphabet.
#[derive(Serialize)]
struct Told {
    bytes: u64,
    status: u16,
    whole: bool,
}

impl Exchange {
    pub(super) const fn new(open: Open) -> Self {
        Self { open: Mutex::new(Some(open)), status: AtomicU16::new(0), received: AtomicU64::new(0) }
    }

    /// The head of the answer is there.
    pub(super) fn answered(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// More of its body is there.
    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All of it is there.
    pub(super) fn end(&self) -> Result<(), Failure> {
        self.write(Ended { ok: self.told(true) })
    }

    /// The plugin wants no more of it.
    pub(super) fn stop(&self) {
        // Nobody is left to be told that this cannot be written.
        let _ = self.write(Ended { ok: self.told(false) });
    }

    /// It did not come about, or broke off.
    pub(super) fn fail(&self, failure: &Failure) {
        let _ = self.write(if self.status() == 0 {
            json!({ "failed": failure })
        } else {
            json!({ "failed": failure, "answer": self.told(false) })
        });
    }

    /// The call of the plugin is over.
    pub(super) fn give_up(&self) {
        let reason = "the call was over before this was";
        let _ = self.write(if self.status() == 0 {
            json!({ "abandoned": reason })
        } else {
            json!({ "abandoned": reason, "answer": self.told(false) })
        });
    }

    fn status(&self) -> u16 {
        self.status.load(Ordering::Relaxed)
    }

    fn told(&self, is_whole: bool) -> Told {
        Told { bytes: self.received.load(Ordering::Relaxed), status: self.status(), whole: is_whole }
    }

    /// Once only: what comes later is no news.
    fn write(&self, outcome: impl Serialize) -> Result<(), Failure> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        open.map_or(Ok(()), |open| open.end(outcome))
    }
}
