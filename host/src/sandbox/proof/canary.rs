//! The program that attacks: this one, started inside.

use std::{env, os::unix::ffi::OsStrExt, process::ExitCode};

use serde::{Deserialize, Serialize};

use super::{attacks::ATTEMPTS, bait::Targets, report::Outcome};
use crate::policy::Level;

/// The second argument of a canary.
pub(in crate::sandbox) const CANARY_ARGUMENT: &str = "__canary";

/// What a canary is to do: its third argument, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) level: Level,
    pub(super) targets: Targets,
}

/// How one attempt went: one line of JSON on the standard output each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) was: Outcome,
    pub(super) detail: String,
}

/// Try everything that the level promises to refuse or to allow. Without orders, do nothing, which shows that this program can be executed.
pub(in crate::sandbox) fn be_a_canary() -> ExitCode {
    let Some(orders) = env::args_os().nth(2) else { return ExitCode::SUCCESS };
    let Ok(Orders { level, targets }) = serde_json::from_slice(orders.as_bytes()) else { return ExitCode::from(2) };
    for attempt in ATTEMPTS.iter().filter(|attempt| level >= attempt.from) {
        let (was, detail) = match (attempt.act)(&targets) {
            Ok(()) => (Outcome::Allowed, "it worked".to_owned()),
            Err(error) => (Outcome::Blocked, error.to_string()),
        };
        let line = serde_json::to_string(&Line { name: attempt.name.to_owned(), was, detail }).unwrap_or_default() + "\n";
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                // Nobody listens.
                Err(_) => return ExitCode::FAILURE,
            }
        }
    }
    ExitCode::SUCCESS
}
