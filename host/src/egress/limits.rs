//! How much of the network a request may take, and how much is kept open. Each number says what it stops.

use std::time::Duration;

use crate::names::Bytes;

/// The limits of one request and its answer. A plugin can ask for shorter times, never for longer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until there is a connection. Stops an address that swallows packets from holding a call; nothing was sent then.
    pub connect: Duration,
    /// Until TLS is agreed on, and HTTP/2. Stops a server that accepts and says nothing; nothing was sent then.
    pub handshake: Duration,
    /// From the end of the request to the first byte of its answer. Stops a server that takes the request and never answers.
    pub first_byte: Duration,
    /// From one piece of the answer to the next. Stops a server that falls silent in the middle.
    pub idle: Duration,
    /// From the beginning to the last byte. Stops whatever keeps to all other limits and never ends.
    pub whole: Duration,
    /// After this time an answer has to have come faster than `slow`. Stops a server that sends a byte just before it is given up.
    pub slow_after: Duration,
    /// Bytes a second on average that are too few.
    pub slow: Bytes,
    /// Bytes of all headers of a request or an answer. Stops headers without end, which cannot be handed on piece by piece.
    pub headers: Bytes,
    /// Their number. Stops many short ones, each of which costs more than its bytes.
    pub fields: usize,
    /// Bytes of the body of a request. Stops a plugin from sending away all that it can read; beyond it the request breaks off.
    pub request_body: Bytes,
    /// Bytes of the body of an answer. Stops an answer without end; beyond it the answer breaks off.
    pub response_body: Bytes,
}

impl HttpLimits {
    /// Those of a service of this machine that the user granted by its socket. It may work for long before it answers, say nothing for
    /// minutes, and be sent and send much: nobody else is on the way, and the call has its own end.
    #[must_use]
    pub fn of_this_machine(self) -> Self {
        let patience = Duration::from_hours(1);
        Self {
            first_byte: patience,
            idle: patience,
            whole: patience,
            slow: Bytes(0),
            request_body: Bytes::gibi(8),
            response_body: Bytes::gibi(8),
            ..self
        }
    }

    /// These, with times that are no longer than what a plugin asks for.
    #[must_use]
    pub fn within(self, connect: Option<Duration>, first_byte: Option<Duration>, idle: Option<Duration>) -> Self {
        let shorter = |own: Duration, asked: Option<Duration>| asked.map_or(own, |asked| asked.min(own));
        Self {
            connect: shorter(self.connect, connect),
            handshake: shorter(self.handshake, connect),
            first_byte: shorter(self.first_byte, first_byte),
            idle: shorter(self.idle, idle),
            ..self
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            whole: Duration::from_mins(5),
            slow_after: Duration::from_mins(1),
            slow: Bytes(32),
            headers: Bytes::kibi(64),
            fields: 100,
            request_body: Bytes::mebi(64),
            response_body: Bytes::mebi(64),
        }
    }
}

/// The answer of the name servers. Stops a server that never answers from holding a call; beyond it the request fails.
pub(super) const LOOKUP: Duration = Duration::from_secs(10);

/// A connection to one of the addresses of a host, all tried one after the other. Stops an address that swallows packets; beyond it the request
/// fails, and nothing was sent.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection waits for its next request. Stops connections of a plugin that has long ended from being held; then it is closed.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// Connections that wait at once, of all plugins. Stops a plugin that may reach all hosts below a name from filling the descriptors of the host
/// with one connection to each; beyond it the one that waited longest is closed.
pub(super) const IDLE_AT_ONCE: usize = 64;

/// Bytes of one answer over HTTP/2 that a server may send before the plugin has read them. Stops it from filling the host's memory; then it
/// has to wait.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;

/// The same for all answers of one connection together.
pub(super) const CONNECTION_WINDOW: u32 = 4 << 20;

/// The most that is buffered of one connection over HTTP/1.1. Stops a server that sends faster than the plugin reads; then it has to wait.
pub(super) const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_this_machine_may_take_as_long_as_the_call() {
        let (own, patient) = (HttpLimits::default(), HttpLimits::default().of_this_machine());
        assert!(patient.whole > own.whole && patient.idle > own.idle && patient.request_body > own.request_body);
        assert_eq!((patient.headers, patient.fields, patient.connect), (own.headers, own.fields, own.connect));
        assert_eq!(patient.within(None, None, Some(Duration::from_secs(1))).idle, Duration::from_secs(1));
    }

    #[test]
    fn a_plugin_can_only_shorten_the_times() {
        let own = HttpLimits::default();
        let second = Some(Duration::from_secs(1));
        let short = own.within(second, second, second);
        assert_eq!(
            (short.connect, short.handshake, short.first_byte, short.idle),
            (Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(1))
        );
        let hour = Some(Duration::from_hours(1));
        assert_eq!(own.within(hour, hour, None), own);
    }
}
