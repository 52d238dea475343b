//! Connections: to where the user said that a host is, or to the very address that was checked.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, timeout},
};

use super::{
    address,
    download::Whereabouts,
    error::{EgressError, Wait},
    limits::CONNECT,
    resolve::resolve,
};
use crate::policy::{Connect, Endpoint, EndpointName, Endpoints, Permit, Place};

/// The least time that one address of several gets, so that a dead one in front of a living one is not tried in vain.
const ONE_ADDRESS: Duration = Duration::from_millis(250);

/// Opens connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Dialer {
    endpoints: Arc<Endpoints>,
}

/// A connection, and with whom. Bytes go in and come out as they are.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    place: Place,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Dialer {
    /// A dialer for whom hosts are where the user said, else where their names say.
    #[must_use]
    pub fn new(endpoints: Endpoints) -> Self {
        Self { endpoints: Arc::new(endpoints) }
    }

    /// Connect to the host and port of the permit. No proxy is used, whatever the environment says.
    pub async fn connect(&self, permit: Permit<Connect>) -> Result<Connection, EgressError> {
        self.connect_within(permit, CONNECT).await
    }

    /// The same, in this time at most.
    pub(super) async fn connect_within(&self, permit: Permit<Connect>, limit: Duration) -> Result<Connection, EgressError> {
        let Connect { host, port, at } = permit.into_action();
        let name = EndpointName { host, port };
        match self.whereabouts(&name, at.as_deref()).await? {
            Whereabouts::Socket(path) => unix(&name, &path, limit).await,
            Whereabouts::Addresses(addresses) => tcp(&name, &addresses, limit).await,
        }
    }

    /// The socket behind which a host is, as the user says, else `asked`, as the plugin asks for it. `None` where it is elsewhere.
    pub(super) fn socket(&self, name: &EndpointName, asked: Option<&Path>) -> Option<PathBuf> {
        match self.endpoint(name).and_then(|endpoint| endpoint.at.as_ref()) {
            Some(Place::Socket(path)) => Some(path.clone()),
            Some(Place::Address(_)) => None,
            None => asked.map(Path::to_owned),
        }
    }

    /// Where a host is, every address checked. `asked` is the socket where the plugin asks for it.
    pub(super) async fn whereabouts(&self, name: &EndpointName, asked: Option<&Path>) -> Result<Whereabouts, EgressError> {
        if let Some(path) = self.socket(name, asked) {
            return Ok(Whereabouts::Socket(path));
        }
        let endpoint = self.endpoint(name);
        let private = endpoint.map_or(&[][..], |endpoint| endpoint.private.as_slice());
        Ok(match endpoint.and_then(|endpoint| endpoint.at.as_ref()) {
            Some(Place::Address(address)) => {
                let forbidden = |reason| EgressError::Forbidden { host: name.clone(), address: address.ip(), reason };
                address::check_typed(address.ip()).map_err(forbidden)?;
                Whereabouts::Addresses(vec![*address])
            }
            Some(Place::Socket(_)) | None => Whereabouts::Addresses(resolve(name, private).await?),
        })
    }

    /// What the user said about a host.
    pub(super) fn endpoint(&self, name: &EndpointName) -> Option<&Endpoint> {
        self.endpoints.find(name)
    }
}

impl Connection {
    /// Where it goes: the address or the socket, not the name.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }
}

async fn unix(name: &EndpointName, path: &Path, limit: Duration) -> Result<Connection, EgressError> {
    let too_long = || EgressError::TooLong { host: name.clone(), what: Wait::Connect, limit };
    let stream = timeout(limit, UnixStream::connect(path)).await.map_err(|_| too_long())?.map_err(|cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => EgressError::NotPermitted(name.clone()),
        _ => failed(name, cause),
    })?;
    Ok(Connection { stream: Stream::Unix(stream), place: Place::Socket(path.to_owned()) })
}

/// The first of these that answers. The error is that of the last one.
async fn tcp(name: &EndpointName, addresses: &[SocketAddr], limit: Duration) -> Result<Connection, EgressError> {
    let end = Instant::now() + limit;
    let too_long = || EgressError::TooLong { host: name.clone(), what: Wait::Connect, limit };
    let mut error = None;
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let share = end.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        match timeout(share.max(ONE_ADDRESS), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are written in one piece; waiting for more only makes them late.
                let _ = stream.set_nodelay(true);
                return Ok(Connection { stream: Stream::Tcp(stream), place: Place::Address(*address) });
            }
            Ok(Err(cause)) => error = Some(failed(name, cause)),
            Err(_) => error = Some(too_long()),
        }
        if Instant::now() >= end {
            break;
        }
    }
    Err(error.unwrap_or_else(too_long))
}

fn failed(name: &EndpointName, cause: io::Error) -> EgressError {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => EgressError::Refused(name.clone()),
        _ => EgressError::Unreachable { host: name.clone(), cause },
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
