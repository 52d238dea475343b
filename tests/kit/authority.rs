//! Certificates, made for a test by an authority of its own.

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority that nobody knows who was not told.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    place: tempfile::TempDir,
}

/// A certificate of a server, and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A certificate of which subject and issuer have one name counts as signed by itself for OpenSSL.
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), place }
    }

    /// The file with its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.place.path().join("ca.pem")
    }

    /// A certificate for `name`.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, 2_099)
    }

    /// A certificate for `name` that is good to the end of this year.
    pub(crate) fn issue_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2_000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.der().clone(), key: key.serialize_der() }
    }
}

impl Identity {
    /// A certificate for `name` that signs itself.
    pub(crate) fn self_signed(name: &str) -> Self {
        let signed = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Self { certificate: signed.cert.der().clone(), key: signed.signing_key.serialize_der() }
    }

    /// The settings of a server that speaks these protocols.
    pub(crate) fn server(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let builder =
            ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }

    /// The certificate and the key as a server in another language reads them.
    pub(crate) fn pem(&self) -> (String, String) {
        let encode = |kind: &str, der: &[u8]| {
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
            let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
        };
        (encode("CERTIFICATE", &self.certificate), encode("PRIVATE KEY", &self.key))
    }
}
