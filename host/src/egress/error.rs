//! Why nothing, or not all, came over the network.

use std::{io, net::IpAddr, path::PathBuf, time::Duration};

use super::address::Forbidden;
use crate::{
    names::{Bytes, Cause, Failure},
    policy::{EndpointName, shell_word},
};

/// Why a connection or a request did not come about, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The name does not exist.
    #[error("`{0}` does not exist: no name server knows it")]
    NotFound(EndpointName),
    /// The name servers did not say.
    #[error("the address of `{host}` could not be found out: {cause}")]
    Lookup {
        /// Which host.
        host: EndpointName,
        /// What the system said.
        cause: io::Error,
    },
    /// The name resolves to an address that it may not have.
    #[error("`{host}` is at {address}, which {}", reason.reason())]
    Forbidden {
        /// Which host.
        host: EndpointName,
        /// The address.
        address: IpAddr,
        /// Why it may not.
        reason: Forbidden,
    },
    /// Nobody listens there.
    #[error("`{0}` refuses connections: nothing listens there")]
    Refused(EndpointName),
    /// Its socket belongs to somebody else.
    #[error("the socket of `{0}` may not be opened by this user: permission denied")]
    NotPermitted(EndpointName),
    /// There is no way there.
    #[error("`{host}` cannot be reached: {cause}")]
    Unreachable {
        /// Which host.
        host: EndpointName,
        /// What the system said.
        cause: io::Error,
    },
    /// The certificate is not that of the host.
    #[error("the certificate of `{host}` cannot be trusted: {why}")]
    Certificate {
        /// Which host.
        host: EndpointName,
        /// What is wrong with it.
        why: String,
    },
    /// It does not speak TLS as it should.
    #[error("no encrypted connection to `{host}` came about: {why}")]
    Tls {
        /// Which host.
        host: EndpointName,
        /// What went wrong.
        why: String,
    },
    /// The file with the authorities of an endpoint cannot be used.
    #[error("the authorities in `{}` cannot be used: {why}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Something took longer than it may.
    #[error("`{host}`: {what} took longer than {limit:?}")]
    TooLong {
        /// Which host.
        host: EndpointName,
        /// What.
        what: Wait,
        /// How long it may take.
        limit: Duration,
    },
    /// The answer comes drop by drop.
    #[error("`{host}` answers with less than {least} a second")]
    TooSlow {
        /// Which host.
        host: EndpointName,
        /// How much it has to be.
        least: Bytes,
    },
    /// A request that cannot be sent as it is.
    #[error("{0}")]
    Invalid(String),
    /// The body of the request is larger than it may be.
    #[error("the body of the request is larger than {0}")]
    RequestBody(Bytes),
    /// Whoever wrote the body of the request gave it up, or wrote more or less than was announced.
    #[error("the body of the request {0}")]
    RequestAborted(String),
    /// The body of the answer is larger than it may be.
    #[error("the answer of `{host}` is larger than {most}")]
    ResponseBody {
        /// Which host.
        host: EndpointName,
        /// How large it may be.
        most: Bytes,
        /// How large it says that it is, where it does.
        announced: Option<u64>,
    },
    /// The headers of the answer are too many or too long.
    #[error("the headers of the answer of `{0}` are too many or too long")]
    ResponseHeaders(EndpointName),
    /// The connection ended before the answer did.
    #[error("`{host}` closed the connection before its answer was whole: {why}")]
    Incomplete {
        /// Which host.
        host: EndpointName,
        /// What the library said.
        why: String,
    },
    /// What came back is no HTTP.
    #[error("`{host}` does not speak HTTP as it should: {why}")]
    Protocol {
        /// Which host.
        host: EndpointName,
        /// What the library said.
        why: String,
    },
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The address of a name.
    Lookup,
    /// A connection.
    Connect,
    /// The handshake of TLS, or of HTTP/2.
    Handshake,
    /// The first byte of the answer.
    FirstByte,
    /// The next byte of the answer.
    NextByte,
    /// The whole.
    Whole,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lookup => "finding out its address",
            Self::Connect => "the connection",
            Self::Handshake => "the handshake",
            Self::FirstByte => "the first byte of the answer",
            Self::NextByte => "the next byte of the answer",
            Self::Whole => "request and answer",
        })
    }
}

impl EgressError {
    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Forbidden { host, address, reason: Forbidden::NotPublic(_) } => {
                let bits = if address.is_ipv4() { 32 } else { 128 };
                Some(format!("worldflux endpoint add {} --private {address}/{bits}", typed(host)))
            }
            Self::Certificate { host, .. } => {
                Some(format!("if an authority of your own has signed it: worldflux endpoint add {} --ca FILE", typed(host)))
            }
            Self::Authorities { .. } => Some("give a file of certificates in PEM to `worldflux endpoint add HOST --ca FILE`".into()),
            _ => None,
        }
    }

    /// Whether the same request may be sent again without doing its work twice: nothing of it was sent.
    #[must_use]
    pub const fn sent_nothing(&self) -> bool {
        matches!(
            self,
            Self::NotFound(_)
                | Self::Lookup { .. }
                | Self::Forbidden { .. }
                | Self::Refused(_)
                | Self::NotPermitted(_)
                | Self::Unreachable { .. }
                | Self::Certificate { .. }
                | Self::Tls { .. }
                | Self::Authorities { .. }
                | Self::Invalid(_)
                | Self::TooLong { what: Wait::Lookup | Wait::Connect | Wait::Handshake, .. }
        )
    }

    fn cause(&self) -> Cause {
        match self {
            Self::Forbidden { host, .. } => {
                Cause::Denied { action: format!("connect to `{host}`"), rule: self.to_string(), cure: self.hint().unwrap_or_default() }
            }
            Self::NotFound(_) => Cause::NotFound,
            Self::Invalid(_) | Self::RequestAborted(_) => {
                Cause::Invalid { field: "request".into(), value: String::new(), expected: "a request that can be sent".into() }
            }
            Self::Lookup { .. } | Self::Refused(_) | Self::Unreachable { .. } => Cause::Unavailable { retry_after: None },
            Self::TooLong { .. } | Self::TooSlow { .. } => Cause::TimedOut,
            Self::RequestBody(_) | Self::ResponseBody { .. } | Self::ResponseHeaders(_) => Cause::Quota,
            Self::NotPermitted(_)
            | Self::Certificate { .. }
            | Self::Tls { .. }
            | Self::Authorities { .. }
            | Self::Incomplete { .. }
            | Self::Protocol { .. } => Cause::Other,
        }
    }
}

impl From<&EgressError> for Failure {
    fn from(error: &EgressError) -> Self {
        Self { cause: error.cause(), message: error.to_string(), repeatable: error.sent_nothing(), hint: error.hint() }
    }
}

fn typed(host: &EndpointName) -> String {
    shell_word(&host.to_string())
}
