//! How much of anything there may be at once.

use crate::names::Bytes;

/// The longest line that is read. What is beyond is thrown away as it comes, so that no line fills the memory; the answer names the limit,
/// and the next line is read as if nothing had been. Larger contents are handed over as the path of a file, or in pieces.
pub(super) const LONGEST_LINE: Bytes = Bytes::mebi(16);

/// Requests at work. One that waits for a command counts. Stops a client that only asks from filling the memory with its questions.
pub(super) const REQUESTS: usize = 256;

/// The lines of requests at work, together.
pub(super) const REQUEST_BYTES: u64 = 64 << 20;

/// Answers that are waiting for the client to read. At this many nothing more is read from the client until it reads.
pub(super) const ANSWERS: usize = 2 * REQUESTS;

/// Lines that wait to be written, of all sessions together. Each is one piece of output, escaped, or one answer. When they are not
/// read, commands that are watched wait as they do at a pipe that is full.
pub(super) const OUTBOX: usize = 8;

/// Buffers that are kept to be filled again.
pub(super) const SPARE_BUFFERS: usize = OUTBOX + 2;

/// The largest buffer that is kept to be filled again: a piece of output, escaped.
pub(super) const SPARE_BYTES: usize = 1 << 20;

/// Reads of files, comparisons and archives that are made at once: each may hold what it answers with in memory.
pub(super) const HEAVY: usize = 4;

/// Executions of one session that were started and whose result nobody has fetched.
pub(super) const STARTED: usize = 1_024;

/// Executions of one session that have ended and whose ending is remembered, without output.
pub(super) const ENDED: usize = 1_024;

/// Sessions at once.
pub(super) const SESSIONS: usize = 1_024;

/// What one read of files may answer with, and what is read where the client does not say how much it wants.
pub(super) const CONTENTS: Bytes = Bytes::mebi(64);
