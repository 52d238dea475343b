//! TLS: the host has to be who it says, by the authorities of the web or by exactly those that the user named for it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    dial::Connection,
    error::{EgressError, Wait},
};
use crate::policy::{EndpointName, Host};

/// The versions of HTTP that are offered in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Offer {
    /// Both; the server chooses.
    Any,
    /// HTTP/2 alone, for what cannot do without: gRPC.
    Http2,
}

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The settings of TLS, made once for every set of authorities.
///
/// No certificate of this machine is ever shown, no early data is sent, and nothing of a session is kept: a server could know a plugin again
/// by it, and another plugin by the same.
#[derive(Debug, Default)]
pub(super) struct Tls {
    made: Mutex<BTreeMap<Key, Arc<ClientConfig>>>,
}

/// The file with the authorities, and what is offered.
type Key = (Option<PathBuf>, Offer);

impl Tls {
    /// Speak TLS with the host `name`, which has to have a certificate for exactly that name.
    pub(super) async fn handshake(
        &self,
        name: &EndpointName,
        authorities: Option<&Path>,
        offer: Offer,
        connection: Connection,
        limit: Duration,
    ) -> Result<(TlsStream<Connection>, Protocol), EgressError> {
        let config = self.config(authorities, offer)?;
        let failed = |why: String| EgressError::Tls { host: name.clone(), why };
        let server = server_name(&name.host).map_err(failed)?;
        let handshake = TlsConnector::from(config).connect(server, connection);
        let too_long = || EgressError::TooLong { host: name.clone(), what: Wait::Handshake, limit };
        let stream = timeout(limit, handshake).await.map_err(|_| too_long())?.map_err(|error| refused_offer(name, offer, &error))?;
        let protocol = match (stream.get_ref().1.alpn_protocol(), offer) {
            (Some(b"h2"), _) => Protocol::Http2,
            (_, Offer::Any) => Protocol::Http1,
            (_, Offer::Http2) => return Err(failed("it does not speak HTTP/2, which gRPC needs".into())),
        };
        Ok((stream, protocol))
    }

    pub(super) fn config(&self, authorities: Option<&Path>, offer: Offer) -> Result<Arc<ClientConfig>, EgressError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (authorities.map(Path::to_owned), offer);
        if let Some(config) = made.get(&key) {
            return Ok(config.clone());
        }
        let config = Arc::new(make(authorities, offer)?);
        made.insert(key, config.clone());
        Ok(config)
    }
}

/// Whether the authorities in this file can be used.
pub fn check_authorities(path: &Path) -> Result<(), EgressError> {
    read(path).map(drop).map_err(|why| EgressError::Authorities { path: path.to_owned(), why })
}

fn make(authorities: Option<&Path>, offer: Offer) -> Result<ClientConfig, EgressError> {
    let roots = match authorities {
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(path) => read(path).map_err(|why| EgressError::Authorities { path: path.to_owned(), why })?,
    };
    let unusable = |error: rustls::Error| EgressError::Invalid(format!("TLS cannot be used: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let mut config = builder.map_err(unusable)?.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = match offer {
        Offer::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Offer::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// The authorities in a file, all of them.
fn read(path: &Path) -> Result<RootCertStore, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("there is no certificate in it".into()) } else { Ok(roots) }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| format!("`{name}` is no name that a certificate can have")),
        Host::V4(address) => Ok(ServerName::from(*address)),
        Host::V6(address) => Ok(ServerName::from(*address)),
    }
}

/// What an error of a handshake means.
pub(super) fn refused(name: &EndpointName, error: &std::io::Error) -> EgressError {
    refused_offer(name, Offer::Any, error)
}

fn refused_offer(name: &EndpointName, offer: Offer, error: &std::io::Error) -> EgressError {
    let host = name.clone();
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(wrong)) => EgressError::Certificate { host, why: explained(wrong, &name.host) },
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) if offer == Offer::Http2 => {
            EgressError::Tls { host, why: "it does not speak HTTP/2, which gRPC needs".into() }
        }
        Some(error) => EgressError::Tls { host, why: error.to_string() },
        None => EgressError::Tls { host, why: error.to_string() },
    }
}

fn explained(wrong: &CertificateError, host: &Host) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".into(),
        // Two authorities can have the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "no authority that is trusted here has signed it".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!("it is not for `{host}`"),
        other => other.to_string(),
    }
}
