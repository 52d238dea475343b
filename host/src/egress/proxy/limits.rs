//! How much of the host one child may use up through its proxy.

use std::time::Duration;

use crate::names::Bytes;

/// Connections at once. Stops a child from taking all descriptors of the host; beyond it a connection waits until another one ends.
pub(super) const AT_ONCE: usize = 256;

/// How fast connections may come in the long run, and how many at once before that holds. Stops a child from keeping a core of the host
/// busy with connections that are each refused, and from filling the record with them; beyond it each waits.
pub(super) const A_SECOND: u64 = 200;
pub(super) const BURST: u32 = 1_000;

/// Bytes of the head of a request, and its fields. Stops a head without end; beyond it the answer is 431.
pub(super) const HEAD: Bytes = Bytes::kibi(64);
pub(super) const FIELDS: usize = 100;

/// Time for the whole head of a request. Stops a child from holding a connection with a head that comes byte by byte; beyond it the
/// connection is closed.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(10);

/// Bytes of the first message of a TLS connection. The longest in use, with keys against quantum computers and a ticket, have a fifth of it.
pub(super) const HELLO: Bytes = Bytes::kibi(32);

/// Time for that message. Stops a tunnel that is opened and never used.
pub(super) const HELLO_TIME: Duration = Duration::from_secs(10);

/// Time without a byte in either direction. Stops a child from collecting connections at hosts that were named; beyond it the connection is
/// closed. Long enough for a server that works on an answer.
pub(super) const IDLE: Duration = Duration::from_mins(10);

/// Time for what a child has written to reach its host after the child has ended. Stops a host that never closes from holding up the run.
pub(super) const LAST_BYTES: Duration = Duration::from_secs(1);

/// Bytes that are on their way through a tunnel, in each direction.
pub(super) const BUFFER: Bytes = Bytes::kibi(64);
