//! Requests that the user allows.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    host::HostPattern,
    http::{HttpTarget, Method, PathPrefix},
};

/// Where requests may go, and with which methods: `https://api.modal.com/v1`, or `GET,HEAD https://api.modal.com/v1`. Without methods they
/// are those of the ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpGrant {
    /// Where to.
    pub target: HttpTarget,
    /// What may be done there; `None` leaves it to the ask.
    pub methods: Option<BTreeSet<Method>>,
}

impl HttpGrant {
    /// Whether `method` is among those that it allows, as far as the grant goes.
    #[must_use]
    pub fn allows(&self, method: Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    /// What both allow, if there is any such request.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        let (own, their) = (&self.target, &other.target);
        if own.scheme != their.scheme || own.port != their.port {
            return None;
        }
        let host = narrower_host(&own.host, &their.host)?.clone();
        let path = narrower_path(&own.path, &their.path)?.clone();
        let methods = match (&self.methods, &other.methods) {
            (Some(own), Some(their)) => Some(own & their),
            (methods, None) | (None, methods) => methods.clone(),
        };
        let target = HttpTarget { scheme: own.scheme, host, port: own.port, path };
        methods.as_ref().is_none_or(|methods| !methods.is_empty()).then_some(Self { target, methods })
    }
}

/// What is in both lists.
pub(super) fn common(own: &BTreeSet<HttpGrant>, other: &BTreeSet<HttpGrant>) -> BTreeSet<HttpGrant> {
    own.iter().flat_map(|own| other.iter().filter_map(move |other| own.and(other))).collect()
}

fn narrower_host<'a>(own: &'a HostPattern, other: &'a HostPattern) -> Option<&'a HostPattern> {
    match (own, other) {
        (HostPattern::Exact(host), pattern) if pattern.matches(host) => Some(own),
        (pattern, HostPattern::Exact(host)) if pattern.matches(host) => Some(other),
        (HostPattern::Below(suffix), HostPattern::Below(longer)) if is_below(longer, suffix) => Some(other),
        (HostPattern::Below(longer), HostPattern::Below(suffix)) if is_below(longer, suffix) => Some(own),
        _ => None,
    }
}

fn is_below(longer: &str, suffix: &str) -> bool {
    longer.strip_suffix(suffix).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

fn narrower_path<'a>(own: &'a PathPrefix, other: &'a PathPrefix) -> Option<&'a PathPrefix> {
    if own.covers(other) {
        return Some(other);
    }
    other.covers(own).then_some(own)
}

impl From<HttpTarget> for HttpGrant {
    fn from(target: HttpTarget) -> Self {
        Self { target, methods: None }
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(methods) = &self.methods {
            write!(f, "{} ", methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(","))?;
        }
        self.target.fmt(f)
    }
}

impl FromStr for HttpGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((methods, target)) = text.split_once(' ') else { return Ok(Self::from(text.parse::<HttpTarget>()?)) };
        let methods: Result<_, _> = methods.split(',').map(str::parse).collect();
        Ok(Self { target: target.parse()?, methods: Some(methods?) })
    }
}

impl TryFrom<String> for HttpGrant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HttpGrant> for String {
    fn from(grant: HttpGrant) -> Self {
        grant.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> HttpGrant {
        text.parse().unwrap()
    }

    #[test]
    fn what_both_allow_is_the_narrower_of_each_part() {
        for (one, other, both) in [
            ("https://a.b", "https://a.b/v1", Some("https://a.b/v1")),
            ("https://*.a.b", "https://x.a.b", Some("https://x.a.b")),
            ("https://*.a.b", "https://*.x.a.b/v1", Some("https://*.x.a.b/v1")),
            ("https://*.a.b", "https://*.a.b", Some("https://*.a.b")),
            ("GET,POST https://a.b", "https://a.b", Some("GET,POST https://a.b")),
            ("GET,POST https://a.b", "GET,PUT https://a.b", Some("GET https://a.b")),
            ("GET https://a.b", "PUT https://a.b", None),
            ("https://*.a.b", "https://a.b", None),
            ("https://*.a.b", "https://*.xa.b", None),
            ("https://a.b", "http://a.b", None),
            ("https://a.b", "https://a.b:8443", None),
            ("https://a.b/v1", "https://a.b/v2", None),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                assert_eq!(grant(one).and(&grant(other)).map(|both| both.to_string()).as_deref(), both, "{one} and {other}");
            }
        }
    }

    #[test]
    fn a_grant_is_read_and_written_in_one_spelling() {
        for text in ["https://api.modal.com/v1", "GET,POST https://*.modal.com:8443"] {
            assert_eq!(grant(text).to_string(), text);
        }
        for bad in
            ["", "GET", "FETCH https://a.b", " https://a.b", "GET, POST https://a.b", "CONNECT https://a.b", "https://*", "https://a.b:0"]
        {
            assert!(bad.parse::<HttpGrant>().is_err(), "{bad}");
        }
    }
}
