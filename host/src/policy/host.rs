//! The canonical name of a host: one text for one host, whoever wrote it.
//!
//! Asks, grants and requests all go through [`Host`], so that what was compared is what is connected to.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A host that can be connected to: a name in lower case, or an address in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Host {
    /// A name: `api.modal.com`.
    Name(String),
    /// An address: `192.0.2.1`.
    V4(Ipv4Addr),
    /// An address: `[2001:db8::1]`.
    V6(Ipv6Addr),
}

/// One host, or all hosts below a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// Exactly this one.
    Exact(Host),
    /// `*.modal.com`: one or more labels in front of this name, never the name itself.
    Below(String),
}

/// Names below which anybody can have a host. Not all there are: the first line of defence is that a person grants the pattern.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "cloudfront.net",
    "co.jp",
    "co.uk",
    "com.au",
    "com.br",
    "com.cn",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "modal.run",
    "ngrok.io",
    "org.uk",
    "pages.dev",
    "readthedocs.io",
    "run.app",
    "vercel.app",
    "windows.net",
    "workers.dev",
];

impl HostPattern {
    /// Whether it means `host`.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(own), host) => own == host,
            (Self::Below(suffix), Host::Name(name)) => {
                name.strip_suffix(suffix.as_str()).and_then(|front| front.strip_suffix('.')).is_some_and(|front| !front.is_empty())
            }
            (Self::Below(_), Host::V4(_) | Host::V6(_)) => false,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map_err(|rule| refused(text, &rule))
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(suffix) = text.strip_prefix("*.") else { return text.parse().map(Self::Exact) };
        let Host::Name(suffix) = parse(suffix).map_err(|rule| refused(text, &rule))? else {
            return Err(refused(text, "there is nothing below an address"));
        };
        if !suffix.contains('.') || SHARED.contains(&suffix.as_str()) {
            return Err(refused(text, &format!("anybody can have a host below `{suffix}`; name the host")));
        }
        Ok(Self::Below(suffix))
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

fn refused(text: &str, rule: &str) -> String {
    format!("`{}` is no host: {rule}", text.escape_debug().take(120).collect::<String>())
}

/// The canonical host, or the rule that the text breaks.
fn parse(text: &str) -> Result<Host, String> {
    let rule = |rule: &str| Err(rule.to_owned());
    if text.is_empty() {
        return rule("it is empty");
    }
    if !text.is_ascii() {
        return rule("it has letters other than ASCII; write it as it stands in the DNS, with `xn--`");
    }
    if let Some(inside) = text.strip_prefix('[') {
        let address = inside.strip_suffix(']').and_then(|inside| inside.parse::<Ipv6Addr>().ok());
        let address = address.ok_or("`[` begins an IPv6 address such as `[2001:db8::1]`")?;
        if address.to_ipv4_mapped().is_some() {
            return rule("it is an IPv4 address in other words; write that");
        }
        let host = Host::V6(address);
        return if host.to_string() == text { Ok(host) } else { Err(format!("write it as `{host}`")) };
    }
    if text.contains('*') {
        return rule("a pattern is `*.` and a name, such as `*.modal.com`");
    }
    if text.contains('@') {
        return rule("it has a user name in it");
    }
    if text.contains(':') {
        return rule("the port is said apart, and an IPv6 address stands in `[` and `]`");
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.len() > 253 {
        return rule("it has more than 253 characters");
    }
    for label in name.split('.') {
        check_label(label)?;
    }
    // The resolver of the system reads such a name as an address in one of a dozen spellings.
    if name.rsplit('.').next().is_some_and(is_number) {
        let address = name.parse::<Ipv4Addr>().ok().filter(|address| address.to_string() == text);
        return address.map(Host::V4).ok_or_else(|| "an address is four numbers such as `192.0.2.1`".to_owned());
    }
    Ok(Host::Name(name))
}

fn check_label(label: &str) -> Result<(), String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if label.is_empty() {
        return Err("it has an empty part".into());
    }
    if let Some(bad) = label.bytes().find(|byte| !good(*byte)) {
        return Err(format!("it has `{}` in it", char::from(bad).escape_debug()));
    }
    if label.len() > 63 {
        return Err("a part of it has more than 63 characters".into());
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("a part of it begins or ends with `-`".into());
    }
    if label.bytes().all(|byte| byte == b'_') {
        return Err("a part of it is nothing but `_`".into());
    }
    Ok(())
}

/// Whether the last part of a name makes the whole an address (URL standard, "ends in a number").
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    #[test]
    fn one_host_has_one_name() {
        for text in ["api.modal.com", "API.Modal.Com", "api.modal.com."] {
            assert_eq!(host(text), Host::Name("api.modal.com".into()), "{text}");
        }
        assert_eq!(host("192.0.2.1"), Host::V4(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(host("[2001:db8::1]").to_string(), "[2001:db8::1]");
        assert_eq!(host("xn--bcher-kva.example"), Host::Name("xn--bcher-kva.example".into()));
    }

    #[test]
    fn an_address_in_an_odd_spelling_is_refused() {
        for text in [
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "0",
            "0x7f000001",
            "127.0.0.01",
            "127.0.0.1.",
            "a.0x1",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "a.1",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::1",
            "::1",
            "[::1%25lo]",
            "[]",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a b",
            "a\0b",
            "a\nb",
            "a%2eb",
            "a/b",
            "a\\b",
            "a#b",
            "a?b",
            "user@host",
            "allowed.test@127.0.0.1",
            "host:443",
            "-a.b",
            "a-.b",
            "_",
            "a.__.b",
            "bücher.example",
            "ａ.example",
            "。",
            "рaypal.com",
            "*",
            "**",
            "a.*",
            "*a.b",
            "*.*",
            "*.",
            "x.*.y",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
        assert!(format!("{}.com", "a".repeat(64)).parse::<Host>().is_err());
        assert!(["a"; 130].join(".").parse::<Host>().is_err());
    }

    #[test]
    fn a_pattern_means_what_is_below_a_name_and_not_the_name() {
        let pattern: HostPattern = "*.Allowed.test".parse().unwrap();
        for inside in ["a.allowed.test", "a.b.allowed.test", "A.ALLOWED.TEST."] {
            assert!(pattern.matches(&host(inside)), "{inside}");
        }
        for outside in ["allowed.test", "allowed.test.evil.test", "evilallowed.test", "evil-allowed.test", "192.0.2.1"] {
            assert!(!pattern.matches(&host(outside)), "{outside}");
        }
        for text in ["*.com", "*.test", "*.co.uk", "*.github.io", "*.192.0.2.1", "*.[::1]"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_name_is_its_own_canonical_name(text in "[a-zA-Z0-9._\\[\\]:-]{0,24}") {
            if let Ok(found) = text.parse::<Host>() {
                let again: Host = found.to_string().parse().unwrap();
                prop_assert_eq!(&again, &found);
                prop_assert!(HostPattern::Exact(again).matches(&found));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<HostPattern>();
        }
    }
}
