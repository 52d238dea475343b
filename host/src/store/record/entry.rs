//! One entry of a record, and its line.

use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    names::{Digest, Digester, Export, Moment, RunId},
    policy::Denial,
};

/// Bytes of one line, line feed included.
///
/// Stops a plugin from filling the disk and the memory of every reader with one call; longer values are shortened and marked.
pub(super) const LINE: usize = 64 << 10;

/// Names the form of the record.
pub(super) const FORMAT: &str = "worldflux.record.v1";

/// One thing that a plugin, or the host for itself, wants to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call<A = Value> {
    /// The export during which it was asked for; `None` for the host's own.
    pub export: Option<Export>,
    /// The import that was called: `process.launch-command`.
    pub import: String,
    /// What was asked, with no secret in it.
    pub action: A,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Body {
    /// The first entry.
    Begin {
        /// The form of the record.
        format: String,
        /// Whose record it is.
        run: RunId,
    },
    /// Something is about to be done.
    Intent(Call),
    /// What came of an intent.
    Result {
        /// `seq` of the intent.
        of: u64,
        /// What came of it, with no secret in it.
        outcome: Value,
    },
    /// Something was asked for and refused.
    Denial {
        /// What was asked.
        #[serde(flatten)]
        call: Call,
        /// Why not, and what would allow it.
        denial: Denial,
    },
    /// The run goes on to this step.
    Phase {
        /// Its name.
        step: String,
    },
    /// A line of the plugin's own log.
    Log {
        /// `error`, `warning`, `info` or `debug`.
        level: String,
        /// What it says.
        message: String,
        /// What belongs to it.
        fields: Value,
    },
    /// Something that a reader should know.
    Note {
        /// What.
        text: String,
        /// What belongs to it.
        details: Value,
    },
    /// The record is full; from here on what a plugin asks for is refused.
    Dropped {
        /// The most bytes that a record may have.
        limit: u64,
    },
}

/// What is said most often, as it is written: the words of [`Body`], with a value in whatever form there is one.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Said<'a, T> {
    Intent(&'a Call<T>),
    Result { of: u64, outcome: &'a T },
}

/// One entry, as read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was written.
    pub at: Moment,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// The line of an entry, line feed included, and its hash. `body` is a [`Body`] or what is written like one.
pub(super) fn line(seq: u64, at: Moment, body: &impl Serialize, prev: &Digest) -> serde_json::Result<(Vec<u8>, Digest)> {
    let mut line = Vec::with_capacity(512);
    write!(line, "{{\"seq\":{seq},\"at\":\"{at}\"").map_err(serde_json::Error::io)?;
    let begin = line.len();
    serde_json::to_writer(&mut line, body)?;
    // The fields of the body go on where the others are: a comma instead of its first brace, and none at its end.
    if let Some(brace) = line.get_mut(begin) {
        *brace = b',';
    }
    line.pop();
    line.extend_from_slice(b",\"prev\":\"");
    line.extend_from_slice(&prev.digits());
    line.extend_from_slice(b"\"}");
    let hash = chain(prev, &line);
    line.pop();
    line.extend_from_slice(HASH.as_bytes());
    line.extend_from_slice(&hash.digits());
    line.extend_from_slice(b"\"}\n");
    Ok((line, hash))
}

/// Take a line, without its line feed, apart: the entry's canonical form and the hash that it claims. `None` where it has another form.
pub(super) fn split(line: &[u8]) -> Option<(Vec<u8>, Digest)> {
    let (body, tail) = line.split_at_checked(line.len().checked_sub(HASH.len() + 64 + 2)?)?;
    let hex = tail.strip_prefix(HASH.as_bytes())?.strip_suffix(b"\"}")?;
    let hash = format!("sha256:{}", std::str::from_utf8(hex).ok()?).parse().ok()?;
    let mut canonical = body.to_vec();
    canonical.push(b'}');
    Some((canonical, hash))
}

impl<T: Serialize> Said<'_, T> {
    /// The same, to be looked through and taken apart.
    pub(super) fn body(&self) -> serde_json::Result<Body> {
        Ok(match self {
            Self::Intent(Call { export, import, action }) => {
                Body::Intent(Call { export: *export, import: import.clone(), action: serde_json::to_value(action)? })
            }
            Self::Result { of, outcome } => Body::Result { of: *of, outcome: serde_json::to_value(outcome)? },
        })
    }
}

/// The hash of an entry whose canonical form is `canonical` and that follows `prev`.
pub(super) fn chain(prev: &Digest, canonical: &[u8]) -> Digest {
    let mut digester = Digester::default();
    digester.update(prev.bytes());
    digester.update(canonical);
    digester.finish()
}

/// What stands in the place of the hash before the first line.
pub(super) fn genesis(run: &RunId) -> Digest {
    Digest::of(format!("{FORMAT}\n{run}").as_bytes())
}

const HASH: &str = ",\"hash\":\"";
