//! Where requests over HTTP go: the parts of an address.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{host::HostPattern, reach::split_port};

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Over TLS.
    #[default]
    Https,
    /// In the clear.
    Http,
}

/// A port: never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Port(u16);

/// What is done with a resource (RFC 9110, 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of RFC 9110")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// A path and everything below, in its one spelling: `/v1` means `/v1` and `/v1/x`, not `/v10`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

/// Where requests may go, as typed in a grant: `https://api.modal.com/v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpTarget {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Where.
    pub host: HostPattern,
    /// The port there.
    pub port: Port,
    /// The path, with everything below.
    pub path: PathPrefix,
}

impl Scheme {
    /// Its name in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port where none is said.
    #[must_use]
    pub const fn default_port(self) -> Port {
        match self {
            Self::Https => Port(443),
            Self::Http => Port(80),
        }
    }
}

impl Port {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl Method {
    /// All of them. Others are for proxies, for debugging, or make something else of the connection.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Its name in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl PathPrefix {
    /// Every path.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names in it, from the first to the last.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether `path` is this path or below.
    #[must_use]
    pub fn covers(&self, path: &Self) -> bool {
        let rest = if self.0 == "/" { Some(path.0.as_str()) } else { path.0.strip_prefix(&self.0) };
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        if self.path.0 == "/" { Ok(()) } else { f.write_str(&self.path.0) }
    }
}

impl FromStr for HttpTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!("`{}` is no target: expected one such as `https://api.modal.com/v1`", text.escape_debug().take(120).collect::<String>())
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let scheme: Scheme = scheme.parse().map_err(|_| expected())?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority);
        let port = port.map_or(Ok(scheme.default_port()), str::parse)?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { scheme, host: host.parse()?, port, path: path.parse()? })
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|method| method.name() == text);
        let shown = || text.escape_debug().take(20).collect::<String>();
        known.ok_or_else(|| format!("`{}` is none of the methods {}", shown(), Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "https" => Ok(Self::Https),
            "http" => Ok(Self::Http),
            _ => Err(format!("`{}` is neither `https` nor `http`", text.escape_debug().take(20).collect::<String>())),
        }
    }
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().unwrap_or(0) } else { 0_u32 };
        Self::try_from(number)
            .map_err(|_| format!("`{}` is no port: expected 1 to 65535", text.escape_debug().take(20).collect::<String>()))
    }
}

impl TryFrom<u32> for Port {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let port = u16::try_from(number).ok().filter(|number| *number != 0);
        port.map(Self).ok_or_else(|| format!("{number} is no port: expected 1 to 65535"))
    }
}

impl From<Port> for u32 {
    fn from(port: Port) -> Self {
        port.0.into()
    }
}

impl FromStr for PathPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match broken_rule(text) {
            Some(rule) => Err(format!("`{}` is no path: {rule}", text.escape_debug().take(120).collect::<String>())),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(path: PathPrefix) -> Self {
        path.0
    }
}

/// Why a text is no path with one reading. Servers disagree about what is refused here, so a check of it would not hold there.
fn broken_rule(text: &str) -> Option<&'static str> {
    let Some(inside) = text.strip_prefix('/') else { return Some("it does not begin with `/`") };
    if text.len() > 2_048 {
        return Some("it has more than 2048 characters");
    }
    if text.contains('*') {
        return Some("it is a pattern; a path means everything below it anyway");
    }
    // The characters of a path (RFC 3986, 3.3), without `%`, which can spell all others, and `;`, at which some servers cut.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()+,=:@".contains(&byte)) {
        return Some("it has a character that servers read in different ways");
    }
    if inside.is_empty() {
        return None;
    }
    let odd = |name: &str| matches!(name, "" | "." | "..");
    if inside.split('/').any(odd) { Some("it has `//`, `/./` or `/../` in it, or ends with `/`") } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_covers_whole_names() {
        let path = |text: &str| text.parse::<PathPrefix>().unwrap();
        assert!(path("/v1").covers(&path("/v1/x")) && path("/v1").covers(&path("/v1")) && path("/").covers(&path("/v1")));
        assert!(!path("/v1").covers(&path("/v10")) && !path("/v1").covers(&path("/")) && !path("/v1").covers(&path("/v2")));
        for bad in
            ["", "v1", "/v1/", "//", "/a//b", "/a/./b", "/..", "/%2e%2e", "/a%2fb", "/a;b", "/a\\b", "/a?b", "/a#b", "/a b", "/é", "/*"]
        {
            assert!(bad.parse::<PathPrefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_target_is_typed_as_a_url() {
        for good in ["https://api.modal.com", "https://*.modal.com:8443/v1", "http://[2001:db8::1]:80x"] {
            assert_eq!(good.parse::<HttpTarget>().is_ok(), !good.ends_with('x'), "{good}");
        }
        assert_eq!("http://[2001:db8::1]".parse::<HttpTarget>().unwrap().port, Port(80));
        for bad in [
            "",
            "api.modal.com",
            "https://",
            "https://a.b:0",
            "https://a.b:",
            "https://u@a.b",
            "https://a.b?x",
            "https://a.b/../c",
            "file:///etc/passwd",
        ] {
            assert!(bad.parse::<HttpTarget>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_target_is_read_back(host in "[a-z]{1,8}(\\.[a-z]{1,8}){1,2}", port in 1_u16.., path in "(/[a-z0-9]{1,4}){0,3}") {
            let text = format!("https://{host}:{port}{path}");
            let target: HttpTarget = text.parse().unwrap();
            prop_assert_eq!(target.to_string().parse::<HttpTarget>().unwrap(), target);
        }
    }
}
