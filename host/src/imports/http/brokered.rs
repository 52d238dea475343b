//! Puts the secrets of a permit into its request.

use std::time::SystemTime;

use bytes::Bytes as Buffer;
use http::HeaderMap;

use crate::{
    egress::{EgressError, Outbound},
    policy::{CredentialScheme, EndpointName, SendRequest},
    secrets::{self, Held},
};

/// The last thing before a request leaves. A signature is made of all of it, so its body is read to the end first.
///
/// Answers what has to be asked about the answer: `None` where the request has no secret.
pub(in crate::imports) async fn put_secrets(held: &Held, request: &mut Outbound) -> Result<Option<Brokered>, EgressError> {
    let SendRequest { host, port, credentials, .. } = request.action();
    if credentials.is_empty() {
        return Ok(None);
    }
    let brokered = Brokered(EndpointName { host: host.clone(), port: *port });
    let is_signed = credentials.iter().any(|credential| matches!(credential.scheme, CredentialScheme::Sigv4 { .. }));
    // Seldom needed, and large.
    let body = if is_signed { Box::pin(request.whole_body()).await? } else { Buffer::new() };
    let (permit, parts) = request.parts_mut();
    let put = held.inject(permit, parts, &body, SystemTime::now());
    put.map_err(|error| EgressError::Invalid(error.to_string()))?;
    Ok(Some(brokered))
}

/// A request in which there is a secret, by where it goes.
pub(in crate::imports) struct Brokered(EndpointName);

impl Brokered {
    /// Whether its answer can be looked through for what came back.
    pub(in crate::imports) fn check(self, headers: &HeaderMap) -> Result<(), EgressError> {
        if secrets::is_readable(headers) {
            return Ok(());
        }
        let why = "its answer is compressed though it was asked not to be, and cannot be looked through for the secrets of the request";
        Err(EgressError::Protocol { host: self.0, why: why.into() })
    }
}
