//! What shows that a connection comes from the child that the proxy is for.

use std::{collections::BTreeMap, ffi::OsString, io};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::rules::Rules;
use crate::names::{Secret, hex};

/// The name before the password. Anything would do.
const USER: &str = "worldflux";

/// The variables in which programs look for a proxy: each of them is asked by somebody, in one case or the other.
const VARIABLES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Hosts that a program reaches without the proxy: its own loopback device.
const WITHOUT: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A random password for one child. The socket alone shows who speaks; this holds also where a child is handed the socket of another one.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// A new one: 128 random bits.
    pub fn generate() -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Self(Secret::new(hex(&random))))
    }

    /// The variables that lead the programs of a child to its proxy, which listens at `port` of its loopback device.
    #[must_use]
    pub fn variables(&self, port: u16, rules: &Rules) -> BTreeMap<OsString, OsString> {
        let address = format!("http://{USER}:{}@127.0.0.1:{port}", self.0.reveal());
        let mut variables: BTreeMap<_, _> = VARIABLES.iter().map(|name| (OsString::from(name), OsString::from(&address))).collect();
        // A service of this machine that was named is not on the child's own loopback device.
        let without = WITHOUT.into_iter().filter(|host| !rules.names(host)).collect::<Vec<_>>().join(",");
        for name in ["NO_PROXY", "no_proxy"] {
            variables.insert(name.into(), without.clone().into());
        }
        variables
    }

    /// Whether the value of `Proxy-Authorization` has this password.
    pub(super) fn opens(&self, header: &[u8]) -> bool {
        let Some(encoded) = header.split_at_checked(6).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"basic ")) else { return false };
        let given = BASE64_STANDARD.decode(encoded.1.trim_ascii()).unwrap_or_default();
        let expected = format!("{USER}:{}", self.0.reveal());
        // Every byte is looked at, so that the time tells nothing about how many were right.
        given.len() == expected.len() && given.iter().zip(expected.bytes()).fold(0, |wrong, (given, own)| wrong | (given ^ own)) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn rules(targets: &[&str]) -> Rules {
        Rules::new("test", targets.iter().map(|target| target.parse().unwrap()).collect(), "--network")
    }

    fn header(password: &Password) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{}", password.0.reveal())))
    }

    /// NE27
    #[test]
    fn only_its_own_password_opens_a_proxy() {
        let (own, other) = (Password::generate().unwrap(), Password::generate().unwrap());
        assert!(own.opens(header(&own).as_bytes()) && own.opens(header(&own).replace("Basic", "bAsIc").as_bytes()));
        for wrong in [header(&other), String::new(), "Basic".into(), "Basic ".into(), "Bearer x".into(), format!("{}x", header(&own))] {
            assert!(!own.opens(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let password = Password::generate().unwrap();
        assert!(!format!("{password:?}").contains(password.0.reveal().as_str()));
    }

    #[test]
    fn programs_find_the_proxy_and_go_past_it_only_to_themselves() {
        let password = Password::generate().unwrap();
        let variables = password.variables(3128, &rules(&["example.test"]));
        for name in VARIABLES {
            let value = variables[OsStr::new(name)].to_str().unwrap();
            assert!(value.starts_with("http://worldflux:") && value.ends_with("@127.0.0.1:3128"), "{name}");
        }
        assert_eq!(variables[OsStr::new("NO_PROXY")], "localhost,127.0.0.1,::1");
        let named = password.variables(3128, &rules(&["http://localhost:8080"]));
        assert_eq!(named[OsStr::new("no_proxy")], "127.0.0.1,::1");
    }
}
