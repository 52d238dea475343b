//! The answer of `poll`.

use std::time::Duration;

use super::{
    check::{Refused, TEXT, count, handle, refuse, text},
    environment::patience,
};
use crate::{
    imports::{answers, wire},
    names::{Bytes, Channel, Ending},
};

/// Output of one answer.
const OUTPUT: (usize, Bytes) = (4_096, Bytes::mebi(1));

/// What was seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Where the execution is in its life.
    pub phase: Phase,
    /// How this is known.
    pub evidence: String,
    /// New output, in order within a channel.
    pub output: Vec<(Channel, Vec<u8>)>,
    /// Where to read on.
    pub next: String,
    /// At least so long until the next poll.
    pub ask_again_after: Duration,
}

/// Where an execution is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Accepted, not yet running.
    Pending,
    /// Running.
    Running,
    /// Over.
    Ended(Ending),
    /// Nobody can say now.
    Unknown,
}

impl Observation {
    pub(in crate::engine) fn checked(answer: answers::Observation) -> Result<Self, Refused> {
        let bytes: usize = answer.output.iter().map(|chunk| chunk.bytes.len()).sum();
        count("output", answer.output.len(), OUTPUT.0)?;
        if bytes > OUTPUT.1.as_len() {
            return refuse("output", format!("{} of output, at most {} are taken at once", Bytes(bytes as u64), OUTPUT.1));
        }
        Ok(Self {
            phase: match answer.phase {
                answers::Phase::Pending => Phase::Pending,
                answers::Phase::Running => Phase::Running,
                answers::Phase::Ended(ended) => Phase::Ended(ending(ended)?),
                answers::Phase::Unknown => Phase::Unknown,
            },
            evidence: text("evidence", answer.evidence, TEXT)?,
            output: answer.output.into_iter().map(|chunk| (channel(chunk.channel), chunk.bytes)).collect(),
            next: handle("next", answer.next)?,
            ask_again_after: patience(answer.ask_again_after),
        })
    }
}

/// An ending that a plugin reports.
pub(super) fn ending(answer: wire::Ending) -> Result<Ending, Refused> {
    let mut ending = Ending::from(answer);
    ending.evidence = text("ending.evidence", ending.evidence, TEXT)?;
    if let (Some(started), Some(ended)) = (ending.started_at, ending.ended_at)
        && started > ended
    {
        return refuse("ending", format!("it ended at {ended}, before it started at {started}"));
    }
    Ok(ending)
}

const fn channel(channel: wire::Channel) -> Channel {
    match channel {
        wire::Channel::Stdout => Channel::Stdout,
        wire::Channel::Stderr => Channel::Stderr,
    }
}
