//! What went wrong on the way, as a failure that a plugin can act on.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "nothing goes wrong on a way that is not taken"))]

use crate::{
    Cause, Failure,
    bindings::wasi::http::types::{DnsErrorPayload, ErrorCode},
};

/// The failure of a request to `host`, for which `words` stand in a message.
pub(super) fn of(code: ErrorCode, words: &str, host: &str, idempotent: bool) -> Failure {
    let failure = |cause, what: &str| Failure::new(cause, format!("{words}: {what}"));
    // It never left, or was refused at the door.
    let not_sent = |what: &str| failure(Cause::Unavailable { retry_after: None }, what).repeatable();
    // It may have left, and what it should do may have been done.
    let perhaps = |cause, what: &str| Failure { repeatable: idempotent, ..failure(cause, what) };
    let unavailable = Cause::Unavailable { retry_after: None };
    match code {
        ErrorCode::HttpRequestDenied => denied(words, host),
        ErrorCode::DestinationIpProhibited => {
            let rule = format!("the name `{host}` leads to an address that may not be reached");
            failure(Cause::Denied { action: format!("reach `{host}`"), rule: rule.clone(), cure: String::new() }, &rule)
        }
        ErrorCode::DnsTimeout => not_sent(&format!("looking up the name `{host}` took too long")),
        ErrorCode::DnsError(DnsErrorPayload { rcode, .. }) => {
            let why = rcode.map(|why| format!(": {why}")).unwrap_or_default();
            not_sent(&format!("the name `{host}` cannot be looked up{why}"))
        }
        ErrorCode::DestinationNotFound => failure(Cause::NotFound, &format!("there is no host `{host}`")).repeatable(),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => not_sent(&format!("`{host}` cannot be reached")),
        ErrorCode::ConnectionRefused => not_sent(&format!("`{host}` refuses connections")),
        ErrorCode::ConnectionTimeout => not_sent(&format!("connecting to `{host}` took too long")),
        ErrorCode::ConnectionLimitReached => not_sent("too many connections are open"),
        ErrorCode::TlsCertificateError => {
            let hint = "if the server is yours, tell worldflux who signs it: `worldflux endpoint add HOST --ca FILE`";
            failure(Cause::Other, &format!("the certificate of `{host}` cannot be trusted")).repeatable().hint(hint)
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            failure(Cause::Other, &format!("no secure connection to `{host}` came about")).repeatable()
        }
        ErrorCode::ConnectionTerminated => perhaps(unavailable, &format!("`{host}` ended the connection")),
        ErrorCode::HttpResponseIncomplete => perhaps(unavailable, "the answer broke off"),
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            perhaps(Cause::TimedOut, &format!("`{host}` did not answer in time"))
        }
        ErrorCode::HttpRequestMethodInvalid => invalid(words, "method"),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestUriTooLong => invalid(words, "url"),
        ErrorCode::HttpRequestHeaderSize(_) | ErrorCode::HttpRequestHeaderSectionSize(_) => {
            failure(Cause::Quota, "the headers of the request are longer than allowed")
        }
        ErrorCode::HttpRequestBodySize(_) => failure(Cause::Quota, "the body of the request is longer than allowed"),
        ErrorCode::HttpResponseBodySize(_) => perhaps(Cause::Quota, "the answer is longer than allowed"),
        ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_) => perhaps(Cause::Quota, "the headers of the answer are longer than allowed"),
        ErrorCode::InternalError(Some(why)) => perhaps(Cause::Other, &why),
        ErrorCode::HttpProtocolError => perhaps(unavailable, &format!("`{host}` does not answer as HTTP is spoken")),
        other => perhaps(Cause::Other, &format!("the request failed: {other:?}")),
    }
}

/// The failure of a request that the host refused before anything was sent.
fn denied(words: &str, host: &str) -> Failure {
    let rule = "the plugin was not granted this request";
    let cause = Cause::Denied { action: format!("send `{words}`"), rule: rule.into(), cure: String::new() };
    let hint = format!(
        "`worldflux plugin audit` tells what was refused and why; a right is given with `worldflux plugin grant NAME --http https://{host}`"
    );
    Failure::new(cause, format!("{words}: {rule}")).hint(hint)
}

fn invalid(words: &str, field: &str) -> Failure {
    Failure::invalid(format!("request.{field}"), words, "a request that can be sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_left_or_does_the_same_twice_may_be_repeated() {
        let again = |code, idempotent| of(code, "POST https://a.test/x", "a.test", idempotent).repeatable;
        assert!(again(ErrorCode::ConnectionRefused, false) && again(ErrorCode::ConnectionTimeout, false));
        for code in [ErrorCode::ConnectionTerminated, ErrorCode::HttpResponseTimeout, ErrorCode::HttpResponseIncomplete] {
            assert!(!again(code.clone(), false) && again(code, true));
        }
        assert!(!again(ErrorCode::HttpRequestDenied, true));
    }

    #[test]
    fn each_failure_names_the_request_and_its_kind() {
        let cause = |code| of(code, "GET https://a.test/x", "a.test", true).cause;
        assert!(matches!(cause(ErrorCode::HttpRequestDenied), Cause::Denied { .. }));
        assert!(matches!(cause(ErrorCode::DestinationIpProhibited), Cause::Denied { .. }));
        assert_eq!(cause(ErrorCode::DestinationNotFound), Cause::NotFound);
        assert_eq!(cause(ErrorCode::HttpResponseTimeout), Cause::TimedOut);
        assert_eq!(cause(ErrorCode::HttpResponseBodySize(None)), Cause::Quota);
        let failure = of(ErrorCode::TlsCertificateError, "GET https://a.test/x", "a.test", true);
        assert_eq!(failure.message, "GET https://a.test/x: the certificate of `a.test` cannot be trusted");
        assert!(failure.hint.is_some());
    }
}
