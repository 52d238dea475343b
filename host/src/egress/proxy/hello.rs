//! The first message of a TLS connection, looked at without answering it.

use std::io;

use rustls::server::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::limits::{HELLO, HELLO_TIME};
use crate::policy::Host;

/// The first byte of every TLS connection: a record of the handshake.
const HANDSHAKE: u8 = 22;

/// The number of the extension that hides the name of the host from everybody on the way (RFC 9849).
const HIDDEN_NAME: u16 = 0xfe0d;

/// Bytes that go on after they were looked at.
pub(super) type Seen = Vec<u8>;

/// Why a tunnel is closed before anything was let through.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoHello {
    /// The child closed it.
    #[error("it was closed before its first message")]
    Closed,
    /// The message did not come, or not to its end.
    #[error("its first message took longer than {HELLO_TIME:?}")]
    TooLong,
    /// It is longer than any.
    #[error("its first message is longer than {HELLO}")]
    TooLarge,
    /// Something other than TLS.
    #[error("it does not begin as an encrypted connection does")]
    Plain,
    /// No TLS that anybody understands.
    #[error("its first message is broken: {0}")]
    Broken(String),
    /// The name of another host.
    #[error("it leads to `{asked}`, and asks there for `{named}`")]
    AnotherHost {
        /// What the tunnel was for.
        asked: Host,
        /// What is asked for in it.
        named: String,
    },
    /// No name at all.
    #[error("it leads to `{0}`, and does not say there that it wants it")]
    NoName(Host),
    /// A name that is hidden.
    #[error("it hides the name of the host that it wants (Encrypted Client Hello)")]
    Hidden,
}

impl NoHello {
    /// The alert that says so in TLS, to whoever speaks it.
    pub(super) const fn alert(&self) -> Option<[u8; 7]> {
        /// `unrecognized_name`, `access_denied`, `illegal_parameter` (RFC 8446, 6).
        const fn fatal(number: u8) -> [u8; 7] {
            [21, 3, 3, 0, 2, 2, number]
        }
        match self {
            Self::AnotherHost { .. } | Self::NoName(_) => Some(fatal(112)),
            Self::Hidden => Some(fatal(49)),
            Self::Broken(_) | Self::TooLarge => Some(fatal(47)),
            Self::Closed | Self::TooLong | Self::Plain => None,
        }
    }
}

/// Read until the first message is whole, and check that it asks for `host` and nothing else. What was read comes back, to be passed on.
pub(super) async fn read_hello(stream: &mut (impl AsyncRead + Unpin), host: &Host) -> Result<Seen, NoHello> {
    timeout(HELLO_TIME, read(stream, host)).await.unwrap_or(Err(NoHello::TooLong))
}

async fn read(stream: &mut (impl AsyncRead + Unpin), host: &Host) -> Result<Seen, NoHello> {
    let mut acceptor = Acceptor::default();
    let mut seen = Seen::new();
    loop {
        let before = seen.len();
        let room = HELLO.as_len().saturating_sub(before);
        if room == 0 {
            return Err(NoHello::TooLarge);
        }
        let mut piece = stream.take(room as u64);
        let read = piece.read_buf(&mut seen).await.map_err(|_| NoHello::Closed)?;
        if read == 0 {
            return Err(NoHello::Closed);
        }
        if seen.first() != Some(&HANDSHAKE) {
            return Err(NoHello::Plain);
        }
        let mut new = seen.get(before..).unwrap_or_default();
        while !new.is_empty() {
            acceptor.read_tls(&mut new).map_err(|error: io::Error| NoHello::Broken(error.to_string()))?;
        }
        let accepted = acceptor.accept().map_err(|(error, _)| NoHello::Broken(error.to_string()))?;
        if let Some(accepted) = accepted {
            check(accepted.client_hello().server_name(), &seen, host)?;
            return Ok(seen);
        }
    }
}

fn check(name: Option<&str>, seen: &[u8], host: &Host) -> Result<(), NoHello> {
    match extensions(seen) {
        Some(extensions) if extensions.contains(&HIDDEN_NAME) => return Err(NoHello::Hidden),
        Some(_) => {}
        None => return Err(NoHello::Broken("its extensions cannot be read".into())),
    }
    match (name, host) {
        (Some(name), host) if name.parse::<Host>().is_ok_and(|name| name == *host) => Ok(()),
        (Some(name), host) => Err(NoHello::AnotherHost { asked: host.clone(), named: name.to_owned() }),
        // Nobody says an address there: only names share one.
        (None, Host::V4(_) | Host::V6(_)) => Ok(()),
        (None, Host::Name(_)) => Err(NoHello::NoName(host.clone())),
    }
}

/// The numbers of the extensions of a client's first message, which is whole.
///
/// The library has read the same bytes, strictly; it does not tell of this one extension.
fn extensions(records: &[u8]) -> Option<Vec<u16>> {
    let message = message(records)?;
    let mut rest = Bytes(&message);
    // Kind and length of the message, version, random bytes.
    rest.skip(1 + 3 + 2 + 32)?;
    let session = rest.number(1)?;
    rest.skip(session)?;
    let ciphers = rest.number(2)?;
    rest.skip(ciphers)?;
    let compressions = rest.number(1)?;
    rest.skip(compressions)?;
    if rest.0.is_empty() {
        return Some(vec![]);
    }
    let length = rest.number(2)?;
    let mut rest = Bytes(rest.0.get(..length)?);
    let mut numbers = vec![];
    while !rest.0.is_empty() {
        numbers.push(u16::try_from(rest.number(2)?).ok()?);
        let length = rest.number(2)?;
        rest.skip(length)?;
    }
    Some(numbers)
}

/// The first message of the handshake, put together from the records that it came in.
fn message(records: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Bytes(records);
    let mut message = vec![];
    loop {
        if let Some(length) = message.get(1..4).and_then(|length| Bytes(length).number(3))
            && message.len() >= 4 + length
        {
            message.truncate(4 + length);
            return Some(message);
        }
        if rest.number(1)? != usize::from(HANDSHAKE) {
            return None;
        }
        rest.skip(2)?;
        let length = rest.number(2)?;
        message.extend_from_slice(rest.skip(length)?);
    }
}

/// Bytes that are read from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn skip(&mut self, count: usize) -> Option<&'b [u8]> {
        let (skipped, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(skipped)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.skip(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}
