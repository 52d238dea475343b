//! What the user says about a host: where it really is, which addresses may be behind its name, and whose certificate it has.

use core::net::{IpAddr, SocketAddr};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{
    host::Host,
    http::{Port, Scheme},
    reach::split_port,
};

/// What is said about one host and port. The name that is granted, recorded and verified stays the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// Where it is, instead of what its name resolves to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// Addresses that are not on the public internet and that its name may resolve to all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<AddressRange>,
    /// The file with the only authorities that may have signed its certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// Where an endpoint is: an address and a port, or the socket of a service of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// `127.0.0.1:8443`. Having been typed for exactly this host, it may be any address
    /// but those at which cloud machines give their credentials away.
    Address(SocketAddr),
    /// `unix:/run/service.sock`.
    Socket(PathBuf),
}

/// Addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

/// A host and a port that something is said about: `api.modal.com`, `registry.lan:5000`. Without a port it is 443.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointName {
    /// Which.
    pub host: Host,
    /// The port.
    pub port: Port,
}

/// All that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoints(pub BTreeMap<EndpointName, Endpoint>);

impl Endpoints {
    /// What is said about this host at this port.
    #[must_use]
    pub fn find(&self, name: &EndpointName) -> Option<&Endpoint> {
        self.0.get(name)
    }
}

impl AddressRange {
    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let same = |own: u128, other: u128, width: u32| {
            let rest = width.saturating_sub(u32::from(self.bits));
            own.checked_shr(rest).unwrap_or_default() == other.checked_shr(rest).unwrap_or_default()
        };
        match (self.first, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        if self.port == Scheme::Https.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            let shown: String = text.escape_debug().take(120).collect();
            format!("`{shown}` is no place: expected an address and a port, `127.0.0.1:8443`, or the path of a socket, `unix:/run/x.sock`")
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path);
            return if path.is_absolute() { Ok(Self::Socket(path.to_owned())) } else { Err(expected()) };
        }
        text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).map(Self::Address).ok_or_else(expected)
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown: String = text.escape_debug().take(80).collect();
        let expected = || format!("`{shown}` is no range of addresses: expected one such as `10.0.0.0/8` or `192.168.1.7/32`");
        let (first, bits) = text.split_once('/').ok_or_else(expected)?;
        let (first, bits): (IpAddr, u8) = (first.parse().map_err(|_| expected())?, bits.parse().map_err(|_| expected())?);
        let width = if first.is_ipv4() { 32 } else { 128 };
        if bits == 0 || bits > width {
            return Err(expected());
        }
        Ok(Self { first, bits })
    }
}

impl FromStr for EndpointName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = split_port(text);
        Ok(Self { host: host.parse()?, port: port.map_or(Ok(Scheme::Https.default_port()), str::parse)? })
    }
}

/// The conversions of a text that is read by its own parser and written as it is shown.
macro_rules! by_text {
    ($($kind:ty),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )*};
}

by_text!(Place, AddressRange, EndpointName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_addresses_that_begin_like_it_and_no_other() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.1.7/32", "192.168.1.7", "192.168.1.8"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
            ("127.0.0.0/8", "127.0.0.1", "::1"),
        ] {
            let range: AddressRange = range.parse().unwrap();
            assert!(range.contains(inside.parse().unwrap()) && !range.contains(outside.parse().unwrap()), "{range}");
        }
        for bad in ["", "10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "::/0", "::/129", "10.0.0/8", "a/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_an_address_with_its_port_or_a_socket() {
        for text in ["127.0.0.1:8443", "[::1]:443", "unix:/run/docker.sock"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for bad in ["", "127.0.0.1", "127.0.0.1:0", "unix:", "unix:run/x", "localhost:80", "/run/x.sock"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_said_is_said_of_one_host_and_port() {
        let endpoints: Endpoints = toml::from_str("['registry.lan:5000']\nat = '127.0.0.1:5000'\n['a.b']\nca = '/ca.pem'").unwrap();
        let find = |name: &str| endpoints.find(&name.parse().unwrap());
        assert!(find("registry.lan:5000").is_some() && find("A.b.:443").is_some());
        assert!(find("registry.lan").is_none() && find("x.a.b").is_none());
        assert_eq!(toml::from_str::<Endpoints>(&toml::to_string(&endpoints).unwrap()).unwrap(), endpoints);
        for bad in ["['*.a.b']\nca = '/x'", "['a.b:0']\nca = '/x'", "['a.b']\ntrust = true", "['127.1']\nca = '/x'"] {
            assert!(toml::from_str::<Endpoints>(bad).is_err(), "{bad}");
        }
    }
}
