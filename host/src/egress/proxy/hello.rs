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

#[cfg(test)]
mod tests {
    use std::{io::Cursor, sync::Arc};

    use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName};

    use super::*;

    /// The first message of a client that wants `name`.
    fn hello(name: &str) -> Vec<u8> {
        let builder =
            ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
        let mut bytes = vec![];
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// The same with one extension more.
    fn with_extension(mut hello: Vec<u8>, number: u16, content: &[u8]) -> Vec<u8> {
        let extension = [&number.to_be_bytes()[..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat();
        // The length of all extensions stands behind the session, the ciphers and the compressions.
        let mut at = 5 + 4 + 2 + 32;
        at += 1 + usize::from(hello[at]);
        at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        at += 1 + usize::from(hello[at]);
        let grow = |hello: &mut Vec<u8>, at: usize| {
            let length = u16::from_be_bytes([hello[at], hello[at + 1]]) + u16::try_from(extension.len()).unwrap();
            hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
        };
        for length in [3, 7, at] {
            grow(&mut hello, length);
        }
        hello.splice(at + 2..at + 2, extension.iter().copied());
        hello
    }

    /// The same message in records of `size` bytes.
    fn in_pieces(hello: &[u8], size: usize) -> Vec<u8> {
        hello[5..]
            .chunks(size)
            .flat_map(|piece| [&[22, 3, 1], &u16::try_from(piece.len()).unwrap().to_be_bytes()[..], piece].concat())
            .collect()
    }

    fn read(bytes: &[u8], host: &str) -> Result<Seen, NoHello> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(read_hello(&mut Cursor::new(bytes.to_vec()), &host.parse().unwrap()))
    }

    #[test]
    fn a_message_for_the_host_goes_on_as_it_came_however_it_is_cut() {
        let whole = hello("Example.test");
        assert_eq!(read(&whole, "example.test").unwrap(), whole);
        for size in [1, 7, 100] {
            let pieces = in_pieces(&whole, size);
            assert_eq!(read(&pieces, "example.test").unwrap(), pieces, "{size}");
        }
        assert!(read(&hello("192.0.2.1"), "192.0.2.1").is_ok(), "nobody says an address there");
        assert!(read(&with_extension(whole, 0x1234, b"x"), "example.test").is_ok(), "what nobody knows is no harm");
    }

    #[test]
    fn a_message_for_another_host_or_for_a_hidden_one_does_not_go_on() {
        assert!(matches!(read(&hello("other.test"), "example.test"), Err(NoHello::AnotherHost { .. })));
        assert!(matches!(read(&hello("sub.example.test"), "example.test"), Err(NoHello::AnotherHost { .. })));
        assert!(matches!(read(&hello("192.0.2.1"), "example.test"), Err(NoHello::NoName(_))));
        assert!(matches!(read(&hello("example.test"), "192.0.2.1"), Err(NoHello::AnotherHost { .. })));
        // The outer kind, as a browser sends it.
        let hidden = [&[0, 0, 1, 0, 1, 7, 0, 4][..], b"1234", &[0, 8], b"12345678"].concat();
        let hidden = with_extension(hello("example.test"), HIDDEN_NAME, &hidden);
        assert_eq!(read(&hidden, "example.test"), Err(NoHello::Hidden));
        assert_eq!(read(&in_pieces(&hidden, 50), "example.test"), Err(NoHello::Hidden));
    }

    #[test]
    fn what_is_no_such_message_does_not_go_on() {
        assert_eq!(read(b"", "example.test"), Err(NoHello::Closed));
        assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n", "example.test"), Err(NoHello::Plain));
        let whole = hello("example.test");
        assert_eq!(read(&whole[..whole.len() - 1], "example.test"), Err(NoHello::Closed));
        let twice = with_extension(whole.clone(), 0, &[0, 8, 0, 0, 5, b'a', b'.', b'b', b'c', b'd']);
        assert!(matches!(read(&twice, "example.test"), Err(NoHello::Broken(_))), "two names");
        for at in 5..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            // Whatever comes of it, it is an answer.
            let _ = read(&broken, "example.test");
        }
        let long = [&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[0; 0x3ffc]].concat();
        let rest = [&[22, 3, 1, 0x40, 0][..], &[0; 0x4000]].concat();
        assert!(matches!(read(&[long, rest.clone(), rest].concat(), "example.test"), Err(NoHello::TooLarge | NoHello::Broken(_))));
    }
}
