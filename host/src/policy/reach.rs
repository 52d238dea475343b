//! What is reached over the network: the actions, and the texts that say where to.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    credential::Credential,
    host::{Host, HostPattern},
    http::{Method, Port, Scheme},
};

/// Send one request, with everything that decides where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRequest {
    /// How the host is spoken to.
    pub scheme: Scheme,
    /// Where to, in its one spelling: this is what is resolved, connected to, and verified.
    pub host: Host,
    /// The port there.
    pub port: Port,
    /// What is done there.
    pub method: Method,
    /// The path without the query, as it is sent.
    pub path: String,
    /// The secrets that the host puts into it.
    pub credentials: Vec<Credential>,
    /// The socket behind which it is asked for, unless the user says that it is elsewhere.
    pub at: Option<PathBuf>,
}

/// Open one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Where to, in its one spelling.
    pub host: Host,
    /// The port there.
    pub port: Port,
    /// The socket behind which it is, unless the user says that it is elsewhere.
    pub at: Option<PathBuf>,
}

/// A request as somebody wants it, in their own words.
#[derive(Debug, Clone, Copy)]
pub struct WantedRequest<'a> {
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Host and port, as in a URL.
    pub authority: &'a str,
    /// `GET`.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
}

/// A host, or all hosts below a name, at one port: `api.modal.com`, `*.modal.com:8443`, `http://index.lan:3141`. Without a port it is 443.
///
/// What goes there has to be encrypted, unless `http://` is spelled out; then a missing port is 80.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkTarget {
    /// Whether what goes there has to be encrypted.
    pub scheme: Scheme,
    /// Which.
    pub host: HostPattern,
    /// The port there.
    pub port: Port,
}

impl NetworkTarget {
    /// Whether it means this host at this port.
    #[must_use]
    pub fn covers(&self, host: &Host, port: Port) -> bool {
        self.port == port && self.host.matches(host)
    }
}

impl SendRequest {
    /// Where it goes, as in a URL, without the query: that can hold what must not be written down.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { scheme, host, port, path, .. } = self;
        let shown = if *port == scheme.default_port() { String::new() } else { format!(":{port}") };
        format!("{}://{host}{shown}{path}", scheme.name())
    }
}

impl fmt::Display for NetworkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::Http {
            f.write_str("http://")?;
        }
        write!(f, "{}", self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FromStr for NetworkTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, authority) = text.strip_prefix("http://").map_or((Scheme::Https, text), |rest| (Scheme::Http, rest));
        let (host, port) = split_port(authority);
        Ok(Self { scheme, host: host.parse()?, port: port.map_or(Ok(scheme.default_port()), str::parse)? })
    }
}

impl TryFrom<String> for NetworkTarget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NetworkTarget> for String {
    fn from(target: NetworkTarget) -> Self {
        target.to_string()
    }
}

/// Host and port of an authority, as texts. The colons inside of `[` and `]` are those of an address.
#[must_use]
pub fn split_port(authority: &str) -> (&str, Option<&str>) {
    let colon = authority.rfind(':').filter(|at| authority.rfind(']').is_none_or(|bracket| *at > bracket));
    match colon.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => (host, Some(port.get(1..).unwrap_or_default())),
        None => (authority, None),
    }
}

/// Whether a path of a request lies below one of these prefixes; `Err` where it has no one reading.
///
/// Servers disagree about escapes, dots, empty names and `;`: what could be read as another path than the one that was compared is no path
/// below a prefix. Under `/`, which is every path, only what could leave the path altogether is refused.
pub(super) fn path_names(path: &str) -> Result<Vec<String>, &'static str> {
    if path.len() > 8_192 {
        return Err("it has more than 8192 characters");
    }
    let Some(inside) = path.strip_prefix('/') else { return Err("it does not begin with `/`") };
    let mut names = vec![];
    for name in inside.split('/') {
        let name = decoded(name)?;
        if name == "." || name == ".." {
            return Err("it has `.` or `..` in it");
        }
        names.push(name);
    }
    Ok(names)
}

/// One name of a path, with its escapes (RFC 3986, 2.1) read once.
fn decoded(name: &str) -> Result<String, &'static str> {
    let mut bytes = name.bytes();
    let mut plain = vec![];
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (digit(), digit());
            let (Some(high), Some(low)) = (high, low) else { return Err("it has a `%` that begins no escape") };
            let byte = u8::try_from(high * 16 + low).unwrap_or_default();
            if matches!(byte, b'/' | b'\\' | 0) {
                return Err("it has a slash, a backslash or NUL in an escape");
            }
            byte
        } else {
            byte
        };
        if byte == b'\\' || byte.is_ascii_control() {
            return Err("it has a backslash or a control character");
        }
        plain.push(byte);
    }
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (text, written) in [
            ("API.modal.com", "api.modal.com"),
            ("*.modal.com:8443", "*.modal.com:8443"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
            ("http://index.lan:80", "http://index.lan"),
            ("http://index.lan:443", "http://index.lan:443"),
            ("index.lan:80", "index.lan:80"),
        ] {
            assert_eq!(text.parse::<NetworkTarget>().unwrap().to_string(), written);
        }
        for bad in ["", "*", "a.b:0", "a.b:", "a.b:65536", ":443", "https://a.b", "a.b/x", "127.1", "0x7f.1", "u@a.b", "*.com"] {
            assert!(bad.parse::<NetworkTarget>().is_err(), "{bad}");
        }
    }

    /// NE17
    #[test]
    fn a_path_that_could_be_read_in_two_ways_has_no_names() {
        assert_eq!(path_names("/v1/a%20b/").unwrap(), ["v1", "a b", ""]);
        for bad in ["", "v1", "/a/../b", "/a/%2e%2e/b", "/a/%2E./b", "/a%2fb", "/a%5cb", "/a\\b", "/a%00", "/a%0", "/a%zz", "/a\r\nb"] {
            assert!(path_names(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_target_is_its_own_text(host in "[a-z]{1,8}(\\.[a-z]{1,8}){1,2}", port in 1_u16..) {
            let target: NetworkTarget = format!("{host}:{port}").parse().unwrap();
            prop_assert_eq!(target.to_string().parse::<NetworkTarget>().unwrap(), target);
        }

        #[test]
        fn any_path_is_read_or_refused(path: String) {
            let _ = path_names(&path);
        }
    }
}
