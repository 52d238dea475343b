//! A request as it will be sent.

use bytes::Bytes as Buffer;
use http::{HeaderValue, Method, Request, Uri, header, request::Parts, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full};

use super::{
    error::EgressError,
    headers::check_request,
    limits::HttpLimits,
    outgoing::{Outgoing, RequestBody},
};
use crate::policy::{EndpointName, Permit, Scheme, SendRequest};

/// A request that was allowed and can be sent: its address is what was decided, and its headers are those that a plugin may set.
///
/// What the host adds of its own, the secrets of the permit, is added here, and is not looked at again.
#[derive(Debug)]
pub struct Outbound(Box<Ready>);

/// What a request consists of. It lies apart, since it is handed from one to the next, and a future is as large as all that it holds.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) permit: Permit<SendRequest>,
    pub(super) parts: Parts,
    pub(super) body: RequestBody,
    pub(super) announced: Option<u64>,
    pub(super) limits: HttpLimits,
}

impl Outbound {
    /// Where it goes is what the permit says, whatever stands in `request`: of its address only the query is used.
    pub fn new(permit: Permit<SendRequest>, request: Request<RequestBody>, limits: HttpLimits) -> Result<Self, EgressError> {
        let (mut parts, body) = request.into_parts();
        let announced = check_request(&mut parts.headers, &limits)?;
        let action = permit.action();
        parts.method = Method::from_bytes(action.method.name().as_bytes()).map_err(|error| EgressError::Invalid(error.to_string()))?;
        parts.uri = address(action, parts.uri.query())?;
        parts.extensions = http::Extensions::new();
        Ok(Self(Box::new(Ready { permit, parts, body, announced, limits })))
    }

    /// What was allowed.
    #[must_use]
    pub const fn action(&self) -> &SendRequest {
        self.0.permit.action()
    }

    /// Method, whole address and headers, as they will be sent, with the permit that says what the host puts among them.
    pub const fn parts_mut(&mut self) -> (&Permit<SendRequest>, &mut Parts) {
        let ready = &mut *self.0;
        (&ready.permit, &mut ready.parts)
    }

    /// All of the body, for what has to be known before the first byte leaves: a signature.
    pub async fn whole_body(&mut self) -> Result<Buffer, EgressError> {
        let ready = &mut *self.0;
        let most = ready.limits.request_body;
        let mut body = std::mem::replace(&mut ready.body, empty());
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| EgressError::RequestAborted(format!("was given up: {error}")))?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if bytes.len() > most.as_len() {
                return Err(EgressError::RequestBody(most));
            }
        }
        let bytes = Buffer::from(bytes);
        if let Some(announced) = ready.announced.filter(|announced| *announced != bytes.len() as u64) {
            return Err(EgressError::RequestAborted(format!("has {} bytes, and {announced} were announced", bytes.len())));
        }
        ready.announced = Some(bytes.len() as u64);
        ready.body = Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync();
        Ok(bytes)
    }

    /// Whether it is gRPC, which needs HTTP/2: it ends with trailers.
    pub(super) fn is_grpc(&self) -> bool {
        self.0.parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    }

    pub(super) fn into_parts(self) -> Ready {
        *self.0
    }
}

/// The body of a request that has none.
#[must_use]
pub fn empty() -> RequestBody {
    Full::new(Buffer::new()).map_err(|never| match never {}).boxed_unsync()
}

/// HTTP/1.1 has the host in a header, and only path and query in the first line.
pub(super) fn into_origin_form(request: &mut Request<Outgoing>, name: &EndpointName, scheme: Scheme) {
    if let Ok(value) = HeaderValue::try_from(authority(name, scheme)) {
        request.headers_mut().insert(header::HOST, value);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
}

/// The way back, for a request that was not sent.
pub(super) fn into_absolute_form(request: &mut Request<Outgoing>, name: &EndpointName, scheme: Scheme) {
    request.headers_mut().remove(header::HOST);
    let Some(path) = request.uri().path_and_query().cloned() else { return };
    if let Ok(uri) = Uri::builder().scheme(scheme.name()).authority(authority(name, scheme)).path_and_query(path).build() {
        *request.uri_mut() = uri;
    }
}

fn address(action: &SendRequest, query: Option<&str>) -> Result<Uri, EgressError> {
    let SendRequest { scheme, host, port, path, .. } = action;
    let path = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let invalid = |error: http::Error| EgressError::Invalid(format!("the address of the request cannot be sent: {error}"));
    let path = PathAndQuery::try_from(path).map_err(|error| invalid(error.into()))?;
    let authority = authority(&EndpointName { host: host.clone(), port: *port }, *scheme);
    Uri::builder().scheme(scheme.name()).authority(authority).path_and_query(path).build().map_err(invalid)
}

/// Host and port, the port only where it is not the usual one.
pub(super) fn authority(name: &EndpointName, scheme: Scheme) -> String {
    let EndpointName { host, port } = name;
    if *port == scheme.default_port() { host.to_string() } else { format!("{host}:{port}") }
}
