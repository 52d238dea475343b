//! Requests: one out, one answer back.

use std::{
    future::poll_fn,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    answer::{Answer, broken},
    dial::{Connection, Dialer},
    error::{EgressError, Wait},
    headers::fits,
    limits::{BUFFER, CONNECTION_WINDOW, HttpLimits, STREAM_WINDOW},
    link::{Driver, Link, Single},
    outgoing::{Outgoing, Upload},
    pool::{Key, Pool},
    request::{Outbound, Ready, into_absolute_form, into_origin_form},
    tls::{Offer, Protocol, Tls},
    wire::Wire,
};
use crate::{
    names::Digest,
    policy::{self, EndpointName, Permit, Scheme},
};

/// Sends requests, and keeps connections for the next one.
#[derive(Debug, Default)]
pub struct Client {
    dialer: Dialer,
    limits: HttpLimits,
    tls: Tls,
    pool: Arc<Pool>,
}

impl Client {
    /// A client that connects like `dialer`, with the usual limits.
    #[must_use]
    pub fn new(dialer: Dialer) -> Self {
        Self::within(dialer, HttpLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn within(dialer: Dialer, limits: HttpLimits) -> Self {
        Self { dialer, limits, ..Self::default() }
    }

    /// The limits of every request.
    #[must_use]
    pub const fn limits(&self) -> &HttpLimits {
        &self.limits
    }

    /// The socket of this machine behind which a host is: as the user says, else `asked`, as the plugin asks for it.
    #[must_use]
    pub fn socket(&self, name: &EndpointName, asked: Option<&Path>) -> Option<PathBuf> {
        self.dialer.socket(name, asked)
    }

    /// Connections that wait for a next request.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// Send a request of the plugin with this digest, and give the answer as it comes.
    ///
    /// A redirect is an answer like any other, and nothing of a body is decoded.
    pub async fn send(&self, plugin: Digest, request: Outbound) -> Result<Response<Answer>, EgressError> {
        let begin = Instant::now();
        let only_http2 = request.is_grpc();
        let Ready { permit, parts, body, announced, limits } = request.into_parts();
        let key = Key::new(plugin, permit.action());
        let (body, upload) = Outgoing::new(body, announced, limits);
        let mut waiting = Waiting { upload: &upload, begin, answer_by: None, name: &key.name };
        let mut request = Box::new(Request::from_parts(parts, body));

        let mut waited = self.pool.take(&key, only_http2).await;
        let (response, mut link) = loop {
            let is_used = waited.is_some();
            let mut link = if let Some(link) = waited.take() {
                link
            } else {
                // Seldom needed, and large.
                let mut opening = Box::pin(self.open(&key, policy::connection_of(&permit), only_http2, &upload.limits));
                waiting.at_most(opening.as_mut()).await??
            };
            let sent = {
                let sending = pin!(link.send(request, &key));
                waiting.at_most(sending).await?
            };
            match sent {
                Ok(response) => break (response, link),
                // The server closed a connection that had waited, and nothing was written to it: once more, over a new one.
                Err(Unsent { request: Some(unsent), .. }) if is_used => request = unsent,
                Err(Unsent { error, .. }) => return Err(upload.failure().unwrap_or_else(|| broken(&key.name, &error))),
            }
        };
        check(&response, &key.name, &upload.limits)?;
        link.answered(&upload);
        if let Some(shared) = link.shared() {
            self.pool.put(&key, shared);
        }
        Ok(response.map(|body| Answer::new(body, key, link, &self.pool, upload, begin)))
    }

    pub(super) const fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The settings of TLS with a host, without an offer of versions.
    pub(super) fn tls_of(&self, name: &EndpointName) -> Result<rustls::ClientConfig, EgressError> {
        let authorities = self.dialer.endpoint(name).and_then(|endpoint| endpoint.ca.as_deref());
        Ok((*self.tls.config(authorities, Offer::Any)?).clone())
    }

    /// A new connection, with the version of HTTP that is agreed on.
    async fn open(&self, key: &Key, permit: Permit<policy::Connect>, only_http2: bool, limits: &HttpLimits) -> Result<Link, EgressError> {
        let connection: Connection = self.dialer.connect_within(permit, limits.connect).await?;
        let limit = limits.handshake;
        if key.scheme == Scheme::Http {
            let protocol = if only_http2 { Protocol::Http2 } else { Protocol::Http1 };
            return speak(connection, protocol, &key.name, limits).await;
        }
        let authorities = self.dialer.endpoint(&key.name).and_then(|endpoint| endpoint.ca.as_deref());
        let offer = if only_http2 { Offer::Http2 } else { Offer::Any };
        let (stream, protocol) = self.tls.handshake(&key.name, authorities, offer, connection, limit).await?;
        speak(stream, protocol, &key.name, limits).await
    }
}

/// A request that was not answered, and the request itself where nothing of it was written.
struct Unsent {
    error: hyper::Error,
    request: Option<Box<Request<Outgoing>>>,
}

impl Link {
    async fn send(&mut self, mut request: Box<Request<Outgoing>>, key: &Key) -> Result<Response<Incoming>, Unsent> {
        let answer = match self {
            Self::Http1(single) => {
                into_origin_form(&mut request, &key.name, key.scheme);
                single.send(request).await
            }
            Self::Http2(sender, _) => sender.try_send_request(*request).await,
        };
        answer.map_err(|mut error| {
            let mut request = error.take_message().map(Box::new);
            if let Some(request) = &mut request {
                into_absolute_form(request, &key.name, key.scheme);
            }
            Unsent { request, error: error.into_error() }
        })
    }
}

/// The clocks of a request that has no answer yet.
struct Waiting<'a> {
    upload: &'a Upload,
    begin: Instant,
    /// When the first byte of the answer has to be there: known once all was sent.
    answer_by: Option<Instant>,
    name: &'a EndpointName,
}

impl Waiting<'_> {
    /// Wait for `step`, as long as all may take together, and as long as the first byte may take from when all was sent.
    async fn at_most<T>(&mut self, mut step: Pin<&mut impl Future<Output = T>>) -> Result<T, EgressError> {
        // One for both, which does not run before there is something to wait for.
        let mut clock = pin!(None::<Sleep>);
        poll_fn(|context| {
            if let Poll::Ready(done) = step.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            // It is over as well where it was given up, which the step tells.
            let is_news = self.answer_by.is_none() && self.upload.poll_over(context).is_ready();
            if is_news {
                self.answer_by = Some(Instant::now() + self.upload.limits.first_byte);
            }
            if is_news || clock.is_none() {
                clock.set(Some(sleep_until(self.end())));
            }
            match clock.as_mut().as_pin_mut() {
                Some(clock) => clock.poll(context).map(|()| Err(self.too_long())),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn end(&self) -> Instant {
        let whole = self.begin + self.upload.limits.whole;
        self.answer_by.map_or(whole, |answer_by| answer_by.min(whole))
    }

    fn too_long(&self) -> EgressError {
        let HttpLimits { whole, first_byte, .. } = self.upload.limits;
        let (what, limit) = if self.answer_by == Some(self.end()) { (Wait::FirstByte, first_byte) } else { (Wait::Whole, whole) };
        EgressError::TooLong { host: self.name.clone(), what, limit }
    }
}

async fn speak<S>(stream: S, protocol: Protocol, name: &EndpointName, limits: &HttpLimits) -> Result<Link, EgressError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limit: Duration = limits.handshake;
    let too_long = || EgressError::TooLong { host: name.clone(), what: Wait::Handshake, limit };
    match protocol {
        Protocol::Http1 => {
            let mut builder = conn::http1::Builder::new();
            builder.max_headers(limits.fields).max_header_size(limits.headers.as_len()).max_buf_size(BUFFER);
            let (wire, rest) = Wire::new(stream);
            let (sender, connection) = builder.handshake(wire).await.map_err(|error| broken(name, &error))?;
            Ok(Link::Http1(Single::new(sender, connection, rest)))
        }
        Protocol::Http2 => {
            let mut builder = conn::http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(u32::try_from(limits.headers.0).unwrap_or(u32::MAX));
            builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
            let handshake = timeout(limit, builder.handshake(TokioIo::new(stream))).await.map_err(|_| too_long())?;
            let (sender, connection) = handshake.map_err(|error| broken(name, &error))?;
            let driver = Driver::start(async {
                // Its errors are told to whoever sent a request.
                let _ = connection.await;
            });
            Ok(Link::Http2(sender, Arc::new(driver)))
        }
    }
}

/// Whether an answer can be handed on.
fn check(response: &Response<Incoming>, name: &EndpointName, limits: &HttpLimits) -> Result<(), EgressError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(EgressError::Protocol { host: name.clone(), why: "it changes to another protocol, for which nobody asked".into() });
    }
    if !fits(response.headers(), limits) {
        return Err(EgressError::ResponseHeaders(name.clone()));
    }
    match http_body::Body::size_hint(response.body()).exact() {
        Some(announced) if announced > limits.response_body.0 => {
            Err(EgressError::ResponseBody { host: name.clone(), most: limits.response_body, announced: Some(announced) })
        }
        _ => Ok(()),
    }
}
