//! Between the words of the host and those of the wire.

use super::bindings::worldflux::runtime::types as wire;
use crate::names::{Bytes, Cause, EndKind, Ending, Failure, Moment};

/// A refusal of the host, for the plugin.
pub(super) fn to_wire_failure(failure: Failure) -> wire::Failure {
    let cause = match failure.cause {
        Cause::Denied { action, rule, cure } => wire::Cause::Denied(wire::Denial { action, rule, cure }),
        Cause::Invalid { field, value, expected } => wire::Cause::Invalid(wire::InvalidValue { field, value, expected }),
        Cause::Unavailable { retry_after } => {
            wire::Cause::Unavailable(retry_after.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        }
        Cause::NotFound => wire::Cause::NotFound,
        Cause::Conflict => wire::Cause::Conflict,
        Cause::Quota => wire::Cause::Quota,
        Cause::Auth => wire::Cause::Auth,
        Cause::TimedOut => wire::Cause::TimedOut,
        Cause::Other => wire::Cause::Other,
    };
    wire::Failure { cause, message: failure.message, repeatable: failure.repeatable, hint: failure.hint, details: vec![] }
}

/// An ending that the host knows, for the plugin.
pub(super) fn to_wire_ending(ending: &Ending) -> wire::Ending {
    wire::Ending {
        kind: match ending.kind {
            EndKind::Exited { code } => wire::EndKind::Exited(code),
            EndKind::Signalled { signal } => wire::EndKind::Signalled(signal),
            EndKind::TimedOut => wire::EndKind::TimedOut,
            EndKind::Killed => wire::EndKind::Killed,
            EndKind::Preempted => wire::EndKind::Preempted,
            EndKind::Lost => wire::EndKind::Lost,
        },
        evidence: ending.evidence.clone(),
        started_at: ending.started_at.map(unix_millis),
        ended_at: ending.ended_at.map(unix_millis),
        stdout_bytes: ending.stdout_bytes.0,
        stderr_bytes: ending.stderr_bytes.0,
        truncated: ending.truncated,
    }
}

impl From<&Ending> for wire::Ending {
    fn from(ending: &Ending) -> Self {
        to_wire_ending(ending)
    }
}

impl From<wire::EndKind> for EndKind {
    fn from(kind: wire::EndKind) -> Self {
        match kind {
            wire::EndKind::Exited(code) => Self::Exited { code },
            wire::EndKind::Signalled(signal) => Self::Signalled { signal },
            wire::EndKind::TimedOut => Self::TimedOut,
            wire::EndKind::Killed => Self::Killed,
            wire::EndKind::Preempted => Self::Preempted,
            wire::EndKind::Lost => Self::Lost,
        }
    }
}

impl From<wire::Ending> for Ending {
    fn from(ending: wire::Ending) -> Self {
        let moment = |millis: u64| Moment::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        Self {
            kind: ending.kind.into(),
            evidence: ending.evidence,
            started_at: ending.started_at.map(moment),
            ended_at: ending.ended_at.map(moment),
            stdout_bytes: Bytes(ending.stdout_bytes),
            stderr_bytes: Bytes(ending.stderr_bytes),
            truncated: ending.truncated,
        }
    }
}

fn unix_millis(moment: Moment) -> u64 {
    u64::try_from(moment.unix_millis()).unwrap_or(0)
}
