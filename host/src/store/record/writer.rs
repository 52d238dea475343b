//! Writes the record while the run goes on.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    entry::{Body, Call, FORMAT, LINE, Said, genesis, line},
    shorten::shorten,
    verify::verify_record,
};
use crate::{
    names::{Bytes, Digest, Export, Moment, RunId},
    policy::Denial,
    store::{error::StoreError, hide::Hide},
};

/// Bytes of a whole record.
///
/// Stops a plugin that calls in a loop from filling the disk: then one entry says so, and what is asked for is refused, since what cannot
/// be written down must not happen.
const WHOLE: u64 = 256 << 20;

/// Which parts of a whole record are there for what.
///
/// Stops a plugin from talking until it is not heard any more, and from asking until nobody can tell what came of it or release what it
/// made: lines of its log fill at most a half, what it asks for seven eighths, and what it asks for to end and release things fifteen
/// sixteenths. The rest is for results and for the host's own steps.
const SHARES: Shares = Shares { log: 8, asked: 14, release: 15, whole: 16 };

struct Shares {
    log: u64,
    asked: u64,
    release: u64,
    whole: u64,
}

/// The record of a run, being written. Several threads may write; each line goes out in one `write`.
///
/// A line is in the hands of the system when the call returns, so it survives the death of this process; `flush` makes it survive a power
/// cut.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    limit: u64,
    hide: Hide,
    pen: Mutex<Pen>,
}

#[derive(Debug)]
struct Pen {
    file: File,
    seq: u64,
    prev: Digest,
    bytes: u64,
    /// Whether an entry says already that the record is full.
    told: bool,
    dropped: u64,
}

/// Stands for an intent until its result is recorded.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an intent without a result reads as an effect that was cut off"]
pub struct Ticket(u64);

/// The end of a record: how many entries it has, and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecordHead {
    /// Number of entries.
    pub count: u64,
    /// Hash of the last one.
    pub hash: Digest,
}

impl Record {
    /// Begin the record of `run` in a new file, mode 0600.
    pub fn create(path: &Path, run: &RunId) -> Result<Self, StoreError> {
        Self::create_with(path, run, WHOLE)
    }

    /// Begin a record that nobody will read but this process: of a call that belongs to no run.
    pub fn in_memory(run: &RunId) -> Result<Self, StoreError> {
        let path = Path::new("memory");
        let file = rustix::fs::memfd_create("worldflux-record", rustix::fs::MemfdFlags::CLOEXEC);
        let record = Self::new(path, file.map_err(|error| StoreError::io("made", path, error))?.into(), WHOLE, 0, genesis(run), 0);
        record.write(Body::Begin { format: FORMAT.into(), run: run.clone() })?;
        Ok(record)
    }

    pub(super) fn create_with(path: &Path, run: &RunId, limit: u64) -> Result<Self, StoreError> {
        let file =
            OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(|error| StoreError::io("made", path, error))?;
        let record = Self::new(path, file, limit, 0, genesis(run), 0);
        record.write(Body::Begin { format: FORMAT.into(), run: run.clone() })?;
        Ok(record)
    }

    /// Go on with a record that a former host left. Verifies it first; a torn last line is removed, and a note says so.
    pub fn open_for_append(path: &Path) -> Result<Self, StoreError> {
        let summary = verify_record(path)?;
        let mut file = OpenOptions::new().append(true).read(true).open(path).map_err(|error| StoreError::io("opened", path, error))?;
        if let Some(torn) = &summary.torn {
            file.set_len(torn.offset).map_err(|error| StoreError::io("shortened", path, error))?;
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(|error| StoreError::io("read", path, error))?;
        let record = Self::new(path, file, WHOLE, summary.head.count, summary.head.hash, bytes);
        if let Some(torn) = summary.torn {
            record.note("the host was cut off while it wrote a line", json!({ "bytes": torn.bytes }))?;
        }
        Ok(record)
    }

    fn new(path: &Path, file: File, limit: u64, seq: u64, prev: Digest, bytes: u64) -> Self {
        let pen = Pen { file, seq, prev, bytes, told: false, dropped: 0 };
        Self { path: path.to_owned(), limit, hide: Hide::default(), pen: Mutex::new(pen) }
    }

    /// The same record, without what `hide` hides from here on: before an entry is shortened, hashed and written.
    #[must_use]
    pub fn hiding(mut self, hide: Hide) -> Self {
        self.hide = hide;
        self
    }

    /// Something is about to be done. An error means that it must not be.
    #[expect(clippy::needless_pass_by_value, reason = "what was asked is over with its entry")]
    pub fn intent<A: Serialize>(&self, call: Call<A>) -> Result<Ticket, StoreError> {
        let mut pen = self.pen();
        let written = self.say(&mut pen, &Said::Intent(&call), share_of(call.export))?;
        self.granted(&mut pen, written).map(Ticket)
    }

    /// What came of an intent.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up by its result")]
    pub fn result<T: Serialize>(&self, ticket: Ticket, outcome: T) -> Result<(), StoreError> {
        self.say(&mut self.pen(), &Said::Result { of: ticket.0, outcome: &outcome }, SHARES.whole).map(drop)
    }

    /// Something was asked for and refused.
    pub fn denied(&self, call: Call, denial: Denial) -> Result<(), StoreError> {
        let mut pen = self.pen();
        let share = share_of(call.export);
        let written = self.write_within(&mut pen, Body::Denial { call, denial }, share)?;
        self.granted(&mut pen, written).map(drop)
    }

    /// The run goes on to this step.
    pub fn phase(&self, step: &str) -> Result<(), StoreError> {
        self.write(Body::Phase { step: step.into() }).map(drop)
    }

    /// A line of the plugin's own log.
    pub fn log(&self, level: &str, message: &str, fields: Value) -> Result<(), StoreError> {
        let mut pen = self.pen();
        let body = Body::Log { level: level.into(), message: message.into(), fields };
        self.write_within(&mut pen, body, SHARES.log).map(drop)
    }

    /// Something that a reader should know.
    pub fn note(&self, text: &str, details: Value) -> Result<(), StoreError> {
        self.write(Body::Note { text: text.into(), details }).map(drop)
    }

    /// Everything written so far survives a power cut when this returns.
    pub fn flush(&self) -> Result<(), StoreError> {
        // A second descriptor, so that other threads go on writing while the disk works.
        let file = self.pen().file.try_clone().map_err(|error| StoreError::io("flushed", &self.path, error))?;
        file.sync_data().map_err(|error| StoreError::io("flushed", &self.path, error))
    }

    /// How many entries there are, and the hash of the last.
    #[must_use]
    pub fn head(&self) -> RecordHead {
        let pen = self.pen();
        RecordHead { count: pen.seq, hash: pen.prev }
    }

    /// How many entries were not written because the record was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.pen().dropped
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the entry; an error where the record had no place for it.
    fn granted(&self, pen: &mut Pen, written: Option<u64>) -> Result<u64, StoreError> {
        if let Some(seq) = written {
            return Ok(seq);
        }
        if !pen.told {
            self.write_within(pen, Body::Dropped { limit: self.limit }, SHARES.whole)?;
            pen.told = true;
        }
        Err(StoreError::RecordFull { path: self.path.clone(), limit: Bytes(self.limit) })
    }

    /// The number of the entry; `None` where the record is full.
    fn write(&self, body: Body) -> Result<Option<u64>, StoreError> {
        self.write_within(&mut self.pen(), body, SHARES.whole)
    }

    /// The same, for what is said often: it is not taken apart where there is nothing to hide and it is short enough.
    fn say<T: Serialize>(&self, pen: &mut Pen, said: &Said<'_, T>, share: u64) -> Result<Option<u64>, StoreError> {
        if self.hide.is_empty() {
            let (text, hash) = self.line(pen, said)?;
            if text.len() <= LINE {
                return self.put(pen, &text, hash, share);
            }
        }
        let body = said.body().map_err(|error| self.unwritable(error))?;
        self.write_within(pen, body, share)
    }

    /// The number of the entry; `None` where this share of the record is full.
    fn write_within(&self, pen: &mut Pen, body: Body, share: u64) -> Result<Option<u64>, StoreError> {
        let body = body.hidden(&self.hide);
        let (text, hash) = match self.line(pen, &body)? {
            fits if fits.0.len() <= LINE => fits,
            _ => self.line(pen, &shorten(body, LINE))?,
        };
        self.put(pen, &text, hash, share)
    }

    fn put(&self, pen: &mut Pen, text: &[u8], hash: Digest, share: u64) -> Result<Option<u64>, StoreError> {
        if pen.bytes + text.len() as u64 > self.limit / SHARES.whole * share {
            pen.dropped += 1;
            return Ok(None);
        }
        pen.append(&self.path, text, hash).map(Some)
    }

    fn line(&self, pen: &Pen, body: &impl Serialize) -> Result<(Vec<u8>, Digest), StoreError> {
        line(pen.seq, Moment::now(), body, &pen.prev).map_err(|error| self.unwritable(error))
    }

    fn unwritable(&self, error: serde_json::Error) -> StoreError {
        StoreError::io("written", &self.path, error)
    }

    fn pen(&self) -> MutexGuard<'_, Pen> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which share of the record an entry about a call in this export may use.
const fn share_of(export: Option<Export>) -> u64 {
    if matches!(export, Some(Export::Kill | Export::Teardown) | None) { SHARES.release } else { SHARES.asked }
}

impl Pen {
    fn append(&mut self, path: &Path, text: &[u8], hash: Digest) -> Result<u64, StoreError> {
        if let Err(error) = self.file.write_all(text) {
            // A disk that filled up in the middle of the line: without this the next line would stand behind half a line.
            let _ = self.file.set_len(self.bytes);
            return Err(StoreError::io("written", path, error));
        }
        let seq = self.seq;
        (self.seq, self.prev, self.bytes) = (seq + 1, hash, self.bytes + text.len() as u64);
        Ok(seq)
    }
}

#[cfg(test)]
impl Record {
    /// A record on something that is no ordinary file.
    pub(super) fn at_device(path: &Path) -> Self {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        Self::new(path, file, WHOLE, 0, genesis(&"run".parse().unwrap()), 0)
    }
}
