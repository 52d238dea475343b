//! Puts secrets into a request, as the last thing before it leaves.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING},
    request::Parts,
    uri::Scheme,
};
use zeroize::Zeroizing;

use super::{SecretError, value::SecretValue};
use crate::policy::{Credential, CredentialScheme, SecretName};

/// Headers that are part of a signature beside those of the service itself: what decides how the body is read.
const SIGNED: [&str; 2] = ["content-type", "content-md5"];

/// Put each credential into the request, those that sign it last. `body` is all of its body; `at` is now.
///
/// The answer is asked for as it is: what is compressed cannot be looked through for what came back. A request that has one of the headers
/// already is refused, so that nobody finds out what the host does with two.
pub(super) fn inject(
    parts: &mut Parts,
    credentials: &[(&Credential, &SecretValue)],
    body: &[u8],
    at: SystemTime,
) -> Result<(), SecretError> {
    for (credential, _) in credentials {
        if parts.uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(SecretError::Clear { name: credential.secret.clone() });
        }
    }
    let (signing, plain): (Vec<_>, Vec<_>) =
        credentials.iter().copied().partition(|(credential, _)| matches!(credential.scheme, CredentialScheme::Sigv4 { .. }));
    for (credential, value) in plain.into_iter().chain(signing) {
        let name = &credential.secret;
        if let Some(header) = credential.scheme.headers().into_iter().find(|header| parts.headers.contains_key(*header)) {
            return Err(SecretError::Taken { name: name.clone(), header: header.to_owned() });
        }
        match &credential.scheme {
            CredentialScheme::Bearer => set(&mut parts.headers, AUTHORIZATION, &bearer(name, value)?),
            CredentialScheme::Basic { user } => set(&mut parts.headers, AUTHORIZATION, &basic(name, user.as_str(), value)?),
            CredentialScheme::Header { name: header } => {
                let form = || SecretError::Form { name: name.clone(), scheme: "a header", expected: "printable characters of ASCII" };
                let header = HeaderName::from_bytes(header.as_str().as_bytes()).map_err(|_| form())?;
                let printable = value.reveal().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
                let text = HeaderValue::from_str(value.reveal()).ok().filter(|_| printable).ok_or_else(form)?;
                set(&mut parts.headers, header, &text);
            }
            CredentialScheme::Sigv4 { service, region } => sign_request(parts, name, value, (service.as_str(), region.as_str()), body, at)?,
        }
        parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(())
}

/// Whether an answer to a request with secrets can be looked through for them.
#[must_use]
pub fn is_readable(headers: &HeaderMap) -> bool {
    let plain = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity") || value.is_empty();
    headers.get_all(CONTENT_ENCODING).iter().all(plain)
}

/// Nothing prints it, and HTTP/2 does not keep it for the next request.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &HeaderValue) {
    let mut value = value.clone();
    value.set_sensitive(true);
    headers.insert(name, value);
}

fn bearer(name: &SecretName, value: &SecretValue) -> Result<HeaderValue, SecretError> {
    let form = || SecretError::Form { name: name.clone(), scheme: "bearer", expected: "printable characters of ASCII without spaces" };
    if !value.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(form());
    }
    let text = Zeroizing::new(format!("Bearer {}", value.reveal()));
    HeaderValue::from_str(&text).map_err(|_| form())
}

fn basic(name: &SecretName, user: &str, value: &SecretValue) -> Result<HeaderValue, SecretError> {
    let form = || SecretError::Form { name: name.clone(), scheme: "basic", expected: "a password without control characters" };
    if value.reveal().chars().any(char::is_control) {
        return Err(form());
    }
    let pair = Zeroizing::new(format!("{user}:{}", value.reveal()));
    let text = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
    HeaderValue::from_str(&text).map_err(|_| form())
}

/// AWS Signature Version 4 over the whole request, its body included.
fn sign_request(
    parts: &mut Parts,
    name: &SecretName,
    value: &SecretValue,
    (service, region): (&str, &str),
    body: &[u8],
    at: SystemTime,
) -> Result<(), SecretError> {
    let unsigned = |why| SecretError::Unsigned { name: name.clone(), why };
    let identity = credentials(name, value)?.into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        // S3 takes names as they are, dots and double slashes included, and wants the digest of the body said.
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder().identity(&identity).region(region).name(service).time(at).settings(settings).build();
    let params = params.map_err(|_| unsigned("a part of the signature is missing"))?.into();
    let headers = parts.headers.iter().filter(|(header, _)| SIGNED.contains(&header.as_str()) || header.as_str().starts_with("x-amz-"));
    let headers: Result<Vec<_>, _> = headers.map(|(header, value)| Ok((header.as_str(), value.to_str()?))).collect();
    let headers = headers.map_err(|_: http::header::ToStrError| unsigned("a header of it is no ASCII"))?;
    let request = SignableRequest::new(parts.method.as_str(), parts.uri.to_string(), headers.into_iter(), SignableBody::Bytes(body));
    let request = request.map_err(|_| unsigned("its URL is not understood"))?;
    let signed = sign(request, &params).map_err(|_| unsigned("the signature could not be made"))?;
    let (headers, _) = signed.into_parts().0.into_parts();
    for header in headers {
        let value = HeaderValue::from_str(header.value()).map_err(|_| unsigned("the signature is no header"))?;
        set(&mut parts.headers, HeaderName::from_static(header.name()), &value);
    }
    Ok(())
}

fn credentials(name: &SecretName, value: &SecretValue) -> Result<Credentials, SecretError> {
    let form =
        || SecretError::Form { name: name.clone(), scheme: "sigv4", expected: "`KEY_ID:SECRET_KEY` or `KEY_ID:SECRET_KEY:SESSION_TOKEN`" };
    let parts: Vec<_> = value.reveal().split(':').collect();
    let (id, key, token) = match parts.as_slice() {
        [id, key] => (*id, *key, None),
        [id, key, token] => (*id, *key, Some(*token)),
        _ => return Err(form()),
    };
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    // Shorter ones could not be hidden for themselves.
    let is_hidden = |part: &str| part.len() >= super::SHORTEST;
    if ![Some(id), Some(key), token].into_iter().flatten().all(is_word) || ![Some(key), token].into_iter().flatten().all(is_hidden) {
        return Err(form());
    }
    Ok(Credentials::new(id, key, token.map(str::to_owned), None, "worldflux"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;

    fn credential(text: &str) -> Credential {
        toml::from_str(&format!("secret = 'x'\n{text}")).unwrap()
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::new(&"x".parse().unwrap(), text.into()).unwrap()
    }

    fn request(url: &str) -> Parts {
        Request::builder().method("GET").uri(url).body(()).unwrap().into_parts().0
    }

    fn injected(scheme: &str, secret: &str) -> Result<Parts, SecretError> {
        let mut parts = request("https://a.b/v1");
        inject(&mut parts, &[(&credential(scheme), &value(secret))], b"", SystemTime::now()).map(|()| parts)
    }

    #[test]
    fn a_secret_goes_where_its_scheme_says_and_nothing_prints_it() {
        for (scheme, secret, header, expected) in [
            ("as = 'bearer'", "canary-value", "authorization", "Bearer canary-value"),
            ("as = 'header'\nname = 'X-Token'", "a canary", "x-token", "a canary"),
            ("as = 'basic'\nuser = 'Aladdin'", "open sesame", "authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            let parts = injected(scheme, secret).unwrap();
            assert_eq!(parts.headers[header], expected);
            assert_eq!(parts.headers["accept-encoding"], "identity");
            let shown = format!("{parts:?}");
            assert!(parts.headers[header].is_sensitive() && !shown.contains(expected), "{shown}");
        }
    }

    /// SE04
    #[test]
    fn a_value_of_another_form_is_named_by_its_secret_and_not_repeated() {
        for (scheme, secret) in [
            ("as = 'bearer'", "canary value"),
            ("as = 'bearer'", "canary\r\nx-evil: 1"),
            ("as = 'header'\nname = 'x'", "canary\nvalue"),
            ("as = 'header'\nname = 'x'", "canary-välue"),
            ("as = 'basic'\nuser = 'me'", "canary\nvalue"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "canary-without-key"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "canary:"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", ":canary-key"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "canary:a:b:canary"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "canary-id:short"),
        ] {
            let error = injected(scheme, secret).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(told.contains("secret `x`") && !told.contains("canary") && !told.contains("evil"), "{told}");
            assert_eq!(error.hint().unwrap(), "worldflux secret set x");
        }
    }

    /// SE10
    #[test]
    fn a_secret_is_never_put_into_a_request_that_everybody_can_read() {
        for url in ["http://a.b/v1", "/v1", "ftp://a.b/"] {
            let mut parts = request(url);
            let put = inject(&mut parts, &[(&credential("as = 'bearer'"), &value("canary-value"))], b"", SystemTime::now());
            assert!(matches!(put, Err(SecretError::Clear { .. })) && parts.headers.is_empty(), "{url}");
        }
    }

    /// SE02
    #[test]
    fn a_header_that_is_there_already_is_not_replaced_and_not_doubled() {
        for (scheme, header) in [
            ("as = 'bearer'", "authorization"),
            ("as = 'basic'\nuser = 'me'", "authorization"),
            ("as = 'header'\nname = 'x-token'", "x-token"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "authorization"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "x-amz-security-token"),
            ("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'", "x-amz-date"),
        ] {
            let mut parts = request("https://a.b");
            parts.headers.insert(header, HeaderValue::from_static("the guest's"));
            let put = inject(&mut parts, &[(&credential(scheme), &value("canary-id:canary-key"))], b"", SystemTime::now());
            assert!(matches!(put, Err(SecretError::Taken { header: taken, .. }) if taken == header), "{scheme}");
        }
    }

    // The example of AWS's own test suite for Signature Version 4, `get-vanilla-query-order-key-case`.
    #[test]
    fn a_signature_is_that_of_the_published_example() {
        let mut parts = request("https://example.amazonaws.com/?Param2=value2&Param1=value1");
        let scheme = credential("as = 'sigv4'\nservice = 'service'\nregion = 'us-east-1'");
        let key = value("AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let at = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
        inject(&mut parts, &[(&scheme, &key)], b"", at).unwrap();
        assert_eq!(parts.headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            parts.headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }

    #[test]
    fn the_body_the_session_and_the_headers_of_the_service_are_signed() {
        let scheme = credential("as = 'sigv4'\nservice = 's3'\nregion = 'us-east-1'");
        let signed = |key: &str, body: &[u8], header: &'static str| {
            let mut parts = request("https://bucket.example.com/a//b");
            parts.headers.insert("x-amz-meta-x", HeaderValue::from_static(header));
            let at = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
            inject(&mut parts, &[(&scheme, &value(key))], body, at).unwrap();
            parts.headers
        };
        let first = signed("AKIDEXAMPLE:very-secret-key", b"body", "1");
        assert!(first["authorization"].to_str().unwrap().contains("host;x-amz-content-sha256;x-amz-date;x-amz-meta-x"));
        for other in [
            signed("AKIDEXAMPLE:very-secret-key", b"another", "1"),
            signed("AKIDEXAMPLE:very-secret-key", b"body", "2"),
            signed("AKIDEXAMPLE:very-secret-key:session-token", b"body", "1"),
        ] {
            assert_ne!(other["authorization"], first["authorization"]);
        }
        assert_eq!(signed("AKIDEXAMPLE:very-secret-key:session-token", b"", "1")["x-amz-security-token"], "session-token");
    }

    #[test]
    fn two_credentials_go_into_one_request_and_what_signs_comes_last() {
        let mut parts = request("https://a.b");
        let (sign, header) =
            (credential("as = 'sigv4'\nservice = 'ec2'\nregion = 'us-east-1'"), credential("as = 'header'\nname = 'x-amz-key'"));
        let (key, token) = (value("AKIDEXAMPLE:very-secret-key"), value("canary-value"));
        inject(&mut parts, &[(&sign, &key), (&header, &token)], b"", SystemTime::now()).unwrap();
        assert!(parts.headers["authorization"].to_str().unwrap().contains("x-amz-key"));
    }

    #[test]
    fn an_answer_that_is_compressed_cannot_be_looked_through() {
        let with = |value: &'static str| HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(value))]);
        assert!(is_readable(&HeaderMap::new()) && is_readable(&with("identity")) && !is_readable(&with("gzip")));
    }
}
