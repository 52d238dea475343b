//! The record of a run: every host call, every denial and every step, in order, as JSON lines in a hash chain.
//!
//! One line is one entry: `{"seq":7,"at":"2026-05-01T10:00:00.000Z","kind":"intent",...,"prev":"<64 hex>","hash":"<64 hex>"}`.
//! - `seq` counts from 0 without a gap.
//! - `hash` is the SHA-256 of the 32 bytes of `prev` followed by the bytes of the line without `,"hash":"..."`; that is the canonical form
//!   of the entry: the very bytes that were written, without white space.
//! - `prev` is the `hash` of the line before; for the first line it is the SHA-256 of `worldflux.record.v1`, a line feed and the run id.
//! - The first entry is of kind `begin` and names the run.
//!
//! So a changed, removed, inserted or moved line breaks the chain at a line that can be named; a record that was cut at its end is told by
//! the count and the hash of the last line, which the manifest keeps.
//!
//! Never: decides what is recorded. Callers: imports and run write it, cli and the manifest's verification read it.
//! Read in order: entry, hide, shorten, writer, reader, verify.

mod entry;
mod hide;
mod reader;
mod shorten;
mod verify;
mod writer;

pub use entry::{Body, Call, Entry};
pub use reader::{RecordReader, read_record};
pub use verify::{RecordError, RecordSummary, Torn, verify_record};
pub use writer::{Record, RecordHead, Ticket};
