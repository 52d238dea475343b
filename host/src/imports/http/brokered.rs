//! The secrets of a request: in just before it leaves, and out of what comes back.

use std::time::SystemTime;

use bytes::Bytes as Buffer;
use http::HeaderMap;

use crate::{
    egress::{EgressError, Outbound},
    policy::{CredentialScheme, EndpointName, SendRequest},
    secrets::{self, Held},
};

/// What has to be known about the answer to a request into which secrets were put.
pub(in crate::imports) struct Brokered {
    name: EndpointName,
    has_secrets: bool,
}

impl Brokered {
    /// The last thing before a request leaves. A signature is made of all of it, so its body is read to the end first.
    pub(in crate::imports) async fn put(held: &Held, request: &mut Outbound) -> Result<Self, EgressError> {
        let SendRequest { host, port, credentials, .. } = request.action();
        let brokered = Self { name: EndpointName { host: host.clone(), port: *port }, has_secrets: !credentials.is_empty() };
        if !brokered.has_secrets {
            return Ok(brokered);
        }
        let is_signed = credentials.iter().any(|credential| matches!(credential.scheme, CredentialScheme::Sigv4 { .. }));
        let body = if is_signed { request.whole_body().await? } else { Buffer::new() };
        let (permit, parts) = request.parts_mut();
        held.inject(permit, parts, &body, SystemTime::now()).map_err(|error| EgressError::Invalid(error.to_string()))?;
        Ok(brokered)
    }

    /// Whether the secrets would be found in an answer with these headers.
    pub(in crate::imports) fn check(self, headers: &HeaderMap) -> Result<(), EgressError> {
        if self.has_secrets && !secrets::is_readable(headers) {
            let why = "its answer is compressed though it was asked not to be, and cannot be looked through for the secrets of the request";
            return Err(EgressError::Protocol { host: self.name, why: why.into() });
        }
        Ok(())
    }
}
