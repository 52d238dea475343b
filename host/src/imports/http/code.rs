//! What a plugin is told of a request that did not come about: the codes of `wasi:http/types.error-code`.

use wasmtime_wasi_http::{Error, p2::bindings::http::types::ErrorCode};

use crate::{
    egress::{EgressError, Forbidden, Wait},
    names::{Cause, Failure},
};

/// The code of a request that was not tried.
pub(super) fn of_refusal(failure: &Failure) -> Error {
    match &failure.cause {
        Cause::Denied { .. } => Error::HttpRequestDenied,
        Cause::Invalid { field, .. } if field == "method" => Error::HttpRequestMethodInvalid,
        Cause::Invalid { .. } => Error::HttpRequestUriInvalid,
        Cause::Quota => Error::ConnectionLimitReached,
        _ => Error::InternalError(Some(failure.message.clone())),
    }
}

/// The code of a request that was tried.
pub(super) fn of_egress(error: &EgressError) -> Error {
    let dns = |rcode: &str| Error::DnsError { rcode: Some(rcode.to_owned()), info_code: None };
    match error {
        EgressError::NotFound(_) => dns("NXDOMAIN"),
        EgressError::Lookup { .. } => dns("SERVFAIL"),
        EgressError::Forbidden { reason: Forbidden::Metadata | Forbidden::NotPublic(_), .. } => Error::DestinationIpProhibited,
        EgressError::Refused(_) => Error::ConnectionRefused,
        EgressError::Unreachable { .. } => Error::DestinationUnavailable,
        EgressError::Certificate { .. } => Error::TlsCertificateError,
        EgressError::Tls { .. } => Error::TlsProtocolError,
        EgressError::Authorities { .. } => Error::ConfigurationError,
        EgressError::TooLong { what, .. } => match what {
            Wait::Lookup => Error::DnsTimeout,
            Wait::Connect | Wait::Handshake => Error::ConnectionTimeout,
            Wait::FirstByte | Wait::Whole => Error::HttpResponseTimeout,
            Wait::NextByte => Error::ConnectionReadTimeout,
        },
        EgressError::TooSlow { .. } => Error::ConnectionReadTimeout,
        // There is no code for it, and who is told that nobody answers looks for a server that is there.
        EgressError::NotPermitted(_) => Error::InternalError(Some(error.to_string())),
        EgressError::Invalid(message) => Error::InternalError(Some(message.clone())),
        EgressError::RequestBody(most) => Error::HttpRequestBodySize(Some(most.0)),
        EgressError::ResponseBody { announced, .. } => Error::HttpResponseBodySize(*announced),
        EgressError::ResponseHeaders(_) => Error::HttpResponseHeaderSectionSize(None),
        EgressError::Incomplete { .. } => Error::HttpResponseIncomplete,
        EgressError::RequestAborted(_) | EgressError::Protocol { .. } => Error::HttpProtocolError,
    }
}

/// The code that a plugin is given for an error in the middle of an answer, where it has one.
///
/// `wasi:http/types.http-error-code` of the library knows codes only, and what comes out of a body is an [`Error`].
pub(in crate::imports) fn code_of(error: &Error) -> Option<ErrorCode> {
    Some(match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseHeaderSectionSize(size) => ErrorCode::HttpResponseHeaderSectionSize(*size),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::InternalError(message) => ErrorCode::InternalError(message.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_breaks_an_answer_off_has_a_code_for_the_plugin() {
        let host = || "a.b".parse().unwrap();
        let most = crate::names::Bytes(1);
        for error in [
            EgressError::TooLong { host: host(), what: Wait::NextByte, limit: std::time::Duration::ZERO },
            EgressError::TooLong { host: host(), what: Wait::Whole, limit: std::time::Duration::ZERO },
            EgressError::TooSlow { host: host(), least: most },
            EgressError::ResponseBody { host: host(), most, announced: None },
            EgressError::ResponseHeaders(host()),
            EgressError::Incomplete { host: host(), why: String::new() },
            EgressError::Protocol { host: host(), why: String::new() },
            EgressError::RequestBody(most),
            EgressError::RequestAborted(String::new()),
        ] {
            assert!(code_of(&of_egress(&error)).is_some(), "{error}");
        }
    }
}
