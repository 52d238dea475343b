//! Files that the host fetches itself.
//!
//! With reqwest, which is told everything that policy has decided: the address that was checked, the authorities of this host, and that it
//! follows nothing, decodes nothing, and asks no environment for a proxy.

use std::{
    error::Error as _,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes as Buffer;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Response, redirect};
use tokio::time::timeout;

use super::{
    client::Client,
    error::{EgressError, Wait},
    headers::fits,
    limits::HttpLimits,
    request::{Outbound, Ready, authority},
    tls,
};
use crate::policy::{EndpointName, Host, Scheme};

/// Where a host is: the addresses that were checked, or the socket that the user named.
pub(super) enum Whereabouts {
    Addresses(Vec<SocketAddr>),
    Socket(PathBuf),
}

/// The answer to a request for a file, as it comes; bounded in size and time.
#[derive(Debug)]
pub struct Download {
    response: Response,
    name: EndpointName,
    limits: HttpLimits,
    begin: Instant,
    received: u64,
}

impl Client {
    /// Ask for a file. One connection, over HTTP/1.1: there is nothing to be done beside it.
    pub async fn fetch(&self, request: Outbound) -> Result<Download, EgressError> {
        let begin = Instant::now();
        let Ready { permit, parts, limits, .. } = request.into_parts();
        let action = permit.into_action();
        let (scheme, at, name) = (action.scheme, action.at, EndpointName { host: action.host, port: action.port });
        let client = self.downloader(&name, at.as_deref(), scheme, &limits).await?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // The port is that of the addresses. One that stands in the URL would take its place.
        let in_url = if matches!(name.host, Host::Name(_)) { name.host.to_string() } else { authority(&name, scheme) };
        let mut headers = parts.headers;
        let host = HeaderValue::try_from(authority(&name, scheme)).map_err(|error| EgressError::Invalid(error.to_string()))?;
        headers.insert(header::HOST, host);
        let send = client.request(parts.method, format!("{}://{in_url}{path}", scheme.name())).headers(headers).send();
        let patience = limits.connect + limits.handshake + limits.first_byte;
        let too_long = || EgressError::TooLong { host: name.clone(), what: Wait::FirstByte, limit: patience };
        let response = timeout(patience, send).await.map_err(|_| too_long())?.map_err(|error| explained(&name, error, &limits))?;
        if !fits(response.headers(), &limits) {
            return Err(EgressError::ResponseHeaders(name));
        }
        let announced = response.content_length();
        if announced.is_some_and(|announced| announced > limits.response_body.0) {
            return Err(EgressError::ResponseBody { host: name, most: limits.response_body, announced });
        }
        Ok(Download { response, name, limits, begin, received: 0 })
    }

    async fn downloader(
        &self,
        name: &EndpointName,
        at: Option<&Path>,
        scheme: Scheme,
        limits: &HttpLimits,
    ) -> Result<reqwest::Client, EgressError> {
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .http1_max_headers(limits.fields)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect + limits.handshake);
        // Also where nothing is encrypted: left to itself, the library looks for settings of its own.
        builder = builder.https_only(scheme == Scheme::Https).tls_backend_preconfigured(self.tls_of(name)?);
        builder = match (self.dialer().whereabouts(name, at).await?, &name.host) {
            (Whereabouts::Socket(path), _) => builder.unix_socket(path),
            (Whereabouts::Addresses(addresses), Host::Name(text)) => builder.resolve_to_addrs(text, &addresses),
            (Whereabouts::Addresses(addresses), Host::V4(_) | Host::V6(_)) => {
                // Addresses are not looked up, and so cannot be anywhere else.
                let elsewhere = addresses.iter().any(|address| !is_at(&name.host, *address) || address.port() != name.port.number());
                if elsewhere {
                    return Err(EgressError::Invalid(format!("`{name}` is an address; a file cannot be fetched for it from another one")));
                }
                builder
            }
        };
        builder.build().map_err(|error| explained(name, error, limits))
    }
}

impl Download {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// How long the file is, where the server says so.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece of it; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Buffer>, EgressError> {
        let HttpLimits { idle, response_body, slow, slow_after, .. } = self.limits;
        let too_long = || EgressError::TooLong { host: self.name.clone(), what: Wait::NextByte, limit: idle };
        let piece = timeout(idle, self.response.chunk()).await.map_err(|_| too_long())?;
        let piece = piece.map_err(|error| explained(&self.name, error, &self.limits))?;
        self.received += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.received > response_body.0 {
            return Err(EgressError::ResponseBody { host: self.name.clone(), most: response_body, announced: None });
        }
        let seconds = self.begin.elapsed().as_secs();
        if seconds >= slow_after.as_secs().max(1) && self.received / seconds < slow.0 {
            return Err(EgressError::TooSlow { host: self.name.clone(), least: slow });
        }
        Ok(piece)
    }
}

/// The error of TLS inside of errors inside of each other.
fn of_tls(mut error: &io::Error) -> Option<&io::Error> {
    loop {
        let inner = error.get_ref()?;
        if inner.is::<rustls::Error>() {
            return Some(error);
        }
        error = inner.downcast_ref::<io::Error>()?;
    }
}

fn is_at(host: &Host, address: SocketAddr) -> bool {
    match host {
        Host::V4(own) => address.ip() == *own,
        Host::V6(own) => address.ip() == *own,
        Host::Name(_) => false,
    }
}

/// What an error of the library means: it lies at the bottom of a chain.
fn explained(name: &EndpointName, error: reqwest::Error, limits: &HttpLimits) -> EgressError {
    let host = name.clone();
    // The address in it can hold what must not be written down.
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if let Some(refusal) = of_tls(io) {
                return tls::refused(name, refusal);
            }
            if io.kind() == io::ErrorKind::ConnectionRefused {
                return EgressError::Refused(host);
            }
        }
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    if error.is_connect() && error.is_timeout() {
        let limit: Duration = limits.connect + limits.handshake;
        return EgressError::TooLong { host, what: Wait::Connect, limit };
    }
    if error.is_connect() {
        return EgressError::Unreachable { host, cause: io::Error::other(words) };
    }
    if error.is_body() || error.is_decode() || error.is_request() {
        return EgressError::Incomplete { host, why: words };
    }
    EgressError::Protocol { host, why: words }
}
