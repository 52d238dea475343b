//! How a secret is used: put into requests to one place, or into one variable of the user's command.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{http::HttpTarget, secret::SecretName, variable};

/// A secret that the host puts into the requests of an ask, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Credential {
    /// Its name.
    pub secret: SecretName,
    /// Where in the request it goes.
    #[serde(flatten)]
    pub scheme: CredentialScheme,
}

/// Where in a request a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "lowercase", deny_unknown_fields)]
pub enum CredentialScheme {
    /// `authorization: Bearer SECRET` (RFC 6750, 2.1).
    Bearer,
    /// A header of its own, with the secret as its value.
    Header {
        /// Its name.
        name: HeaderName,
    },
    /// `authorization: Basic ...` with this user, and the secret as the password (RFC 7617).
    Basic {
        /// The user.
        user: Word,
    },
    /// A signature of the request (AWS Signature Version 4). The secret is `KEY_ID:SECRET_KEY`, or `KEY_ID:SECRET_KEY:SESSION_TOKEN`.
    Sigv4 {
        /// The service, as in the scope of the signature: `ec2`.
        service: Word,
        /// The region: `us-east-1`.
        region: Word,
    },
}

/// The name of a header that a credential may be put into, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderName(String);

/// A word without spaces, of at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(String);

/// One use of a secret, as it stands in a grant: `https://api.modal.com bearer`, or `variable HF_TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretUse {
    /// In requests to this place, whatever their path. The path is bound by the ask and by the grant of the request itself.
    Request(HttpTarget, CredentialScheme),
    /// In this variable of the command that the user typed.
    Variable(String),
}

/// Headers that decide where a request goes and how long it is, or that are the host's own. A credential in one of them would change that.
const NOT_FOR_CREDENTIALS: &[&str] =
    &["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect", "via"];

impl CredentialScheme {
    /// The headers that belong to the host where this is used. A request of a plugin that has one of them is refused.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        match self {
            Self::Bearer | Self::Basic { .. } => vec!["authorization"],
            Self::Header { name } => vec![name.as_str()],
            Self::Sigv4 { .. } => vec!["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"],
        }
    }
}

impl HeaderName {
    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Word {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Header { name } => write!(f, "header {}", name.0),
            Self::Basic { user } => write!(f, "basic {}", user.0),
            Self::Sigv4 { service, region } => write!(f, "sigv4 {} {}", service.0, region.0),
        }
    }
}

impl fmt::Display for SecretUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(target, scheme) => write!(f, "{target} {scheme}"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

impl FromStr for SecretUse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = || text.escape_debug().take(120).collect::<String>();
        let expected = || format!("`{}` is no use of a secret: expected one such as `https://api.modal.com bearer`", shown());
        let words: Vec<_> = text.split(' ').collect();
        match words.as_slice() {
            ["variable", name] => variable::grantable(name).map(|()| Self::Variable((*name).to_owned())),
            [target, scheme @ ..] => {
                let target: HttpTarget = target.parse()?;
                let scheme = match scheme {
                    ["bearer"] => CredentialScheme::Bearer,
                    ["header", name] => CredentialScheme::Header { name: name.parse()? },
                    ["basic", user] => CredentialScheme::Basic { user: user.parse()? },
                    ["sigv4", service, region] => CredentialScheme::Sigv4 { service: service.parse()?, region: region.parse()? },
                    _ => return Err(expected()),
                };
                Ok(Self::Request(target, scheme))
            }
            [] => Err(expected()),
        }
    }
}

impl FromStr for HeaderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let shown: String = text.escape_debug().take(80).collect();
        // The characters of a token (RFC 9110, 5.6.2).
        let token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if name.is_empty() || name.len() > 64 || !token {
            return Err(format!("`{shown}` is not the name of a header"));
        }
        if NOT_FOR_CREDENTIALS.contains(&name.as_str()) || name.starts_with("proxy-") || name.starts_with("sec-") {
            return Err(format!("header `{shown}` decides how a request travels; no secret goes there"));
        }
        Ok(Self(name))
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A colon would end the user of `Basic` early (RFC 7617, 2), a slash the scope of a signature.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b":/".contains(&byte));
        if plain && !text.is_empty() && text.len() <= 64 {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(format!("`{shown}` is no word: expected 1 to 64 printable characters of ASCII without space, `:` and `/`"))
    }
}

/// The conversions of a text that is read by its own parser and written by its own name.
macro_rules! by_text {
    ($($kind:ty: $write:expr;)*) => {$(
        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                $write(value)
            }
        }
    )*};
}

by_text! {
    HeaderName: |name: HeaderName| name.0;
    Word: |word: Word| word.0;
    SecretUse: |used: SecretUse| used.to_string();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_read_and_written_in_one_spelling() {
        for text in [
            "https://api.modal.com bearer",
            "https://*.modal.com:8443 header x-modal-token-id",
            "https://a.b basic ada",
            "https://ec2.us-east-1.amazonaws.com sigv4 ec2 us-east-1",
            "variable HF_TOKEN",
        ] {
            assert_eq!(text.parse::<SecretUse>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "variable",
            "variable LD_PRELOAD",
            "https://a.b",
            "https://a.b cookie",
            "https://a.b header host",
            "https://a.b header proxy-authorization",
            "https://a.b basic a:b",
            "a.b bearer",
        ] {
            assert!(bad.parse::<SecretUse>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_credential_says_where_in_the_request_it_goes() {
        let credential = |text: &str| toml::from_str::<Credential>(text).map_err(|error| error.message().to_owned());
        assert_eq!(credential("secret = 'x'\nas = 'bearer'").unwrap().scheme, CredentialScheme::Bearer);
        let header = credential("secret = 'x'\nas = 'header'\nname = 'X-Key'").unwrap();
        assert_eq!(header.scheme.headers(), ["x-key"]);
        for bad in ["secret = 'x'", "secret = 'x'\nas = 'cookie'", "secret = 'x'\nas = 'header'", "secret = ''\nas = 'bearer'"] {
            assert!(credential(bad).is_err(), "{bad}");
        }
    }
}
