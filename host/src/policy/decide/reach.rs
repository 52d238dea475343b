//! What may be reached over the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::super::{
    credential::{Credential, SecretUse},
    denial::Denial,
    endpoint::EndpointName,
    host::{Host, HostPattern},
    http::{HttpTarget, Method, PathPrefix, Port, Scheme},
    http_ask::HttpAsk,
    permit::Permit,
    reach::{Connect, NetworkTarget, SendRequest, WantedRequest, path_names, split_port},
    rights::Rights,
};
use crate::names::Failure;

/// Why something is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The user did not allow it.
    Denied(Denial),
    /// It cannot be meant: a host, a port or a path that has no one reading.
    Invalid(Failure),
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Invalid(failure)
    }
}

/// Whether the plugin may send this request, and which secrets the host puts into it.
///
/// Where several asks cover it, the first in the order of `plugin.toml` counts whose grant is there.
pub fn send_request(rights: &Rights, wanted: &WantedRequest<'_>) -> Result<Permit<SendRequest>, Refused> {
    let request = read(wanted)?;
    let names = path_names(wanted.path).map_err(|rule| Failure::invalid("path", wanted.path, format!("another path: {rule}")))?;
    let asked = |ask: &&HttpAsk| {
        let place = ask.scheme == request.scheme && ask.ports.contains(&request.port) && ask.host.matches(&request.host);
        place && ask.methods.contains(&request.method) && ask.paths.iter().any(|path| lies_below(&names, path))
    };
    let mut denial = None;
    for ask in rights.asks.http.iter().filter(asked) {
        let mut grants = rights.grants.http.iter().filter(|grant| {
            let HttpTarget { scheme, host, port, path } = &grant.target;
            let place = *scheme == request.scheme && *port == request.port && host.matches(&request.host);
            place && grant.allows(request.method) && lies_below(&names, path)
        });
        if grants.next().is_none() {
            let path = ask.paths.iter().find(|path| lies_below(&names, path)).cloned().unwrap_or_else(PathPrefix::root);
            let target = HttpTarget { scheme: ask.scheme, host: HostPattern::Exact(request.host.clone()), port: request.port, path };
            denial = Some(deny(rights, &request, "it is not granted", rights.cure(&format!("--http {target}"))));
            continue;
        }
        if let Some(lacking) = ask.credentials.iter().find(|credential| !may_use(rights, ask, request.port, credential)) {
            let rule = format!("the use of secret `{}` there is not granted", lacking.secret);
            denial = Some(deny(rights, &request, &rule, rights.cure(&format!("--secret {}", lacking.secret))));
            continue;
        }
        let at = ask.socket().map(Path::to_owned);
        return Ok(Permit::grant(SendRequest { credentials: ask.credentials.iter().cloned().collect(), at, ..request }));
    }
    Err(denial.unwrap_or_else(|| deny(rights, &request, "its plugin.toml does not ask for it", String::new())).into())
}

/// Fetching a file that the user's own run file names, with its digest: over https and without a secret. Which machine may be reached is
/// looked at where its address is known, as for every request.
pub fn fetch_asset(wanted: &WantedRequest<'_>) -> Result<Permit<SendRequest>, Refused> {
    let request = read(wanted)?;
    path_names(wanted.path).map_err(|rule| Failure::invalid("path", wanted.path, format!("another path: {rule}")))?;
    if request.scheme != Scheme::Https {
        return Err(Failure::invalid("scheme", wanted.scheme, "`https`").into());
    }
    if request.method.name() != "GET" {
        return Err(Failure::invalid("method", wanted.method, "`GET`").into());
    }
    Ok(Permit::grant(request))
}

/// The single hosts that the plugin asks for and that are granted, each with the socket behind which it asks for it.
#[must_use]
pub fn sockets(rights: &Rights) -> BTreeMap<EndpointName, Option<&Path>> {
    let mut found = BTreeMap::new();
    for ask in &rights.asks.http {
        let HostPattern::Exact(host) = &ask.host else { continue };
        for port in &ask.ports {
            let granted = rights.grants.http.iter().any(|grant| {
                let HttpTarget { scheme, host: pattern, port: granted, .. } = &grant.target;
                *scheme == ask.scheme && granted == port && pattern.matches(host)
            });
            if granted {
                found.insert(EndpointName { host: host.clone(), port: *port }, ask.socket());
            }
        }
    }
    found
}

/// The connection over which a permitted request goes.
#[must_use]
pub fn connection_of(request: &Permit<SendRequest>) -> Permit<Connect> {
    let SendRequest { host, port, at, .. } = request.action();
    Permit::grant(Connect { host: host.clone(), port: *port, at: at.clone() })
}

/// Whether a program that may reach `targets`, and nothing else, may open a connection to this host and port, in its own words.
///
/// `cure` is the option of `worldflux run` that would allow it; it is followed by the target.
pub fn connect(targets: &BTreeSet<NetworkTarget>, who: &str, host: &str, port: &str, cure: &str) -> Result<Permit<Connect>, Refused> {
    let host: Host = host.parse().map_err(|rule: String| Failure::invalid("host", host, rule))?;
    let port: Port = port.parse().map_err(|rule: String| Failure::invalid("port", port, rule))?;
    if targets.iter().any(|target| target.covers(&host, port)) {
        return Ok(Permit::grant(Connect { host, port, at: None }));
    }
    let target = NetworkTarget { scheme: Scheme::Https, host: HostPattern::Exact(host), port };
    Err(Refused::Denied(Denial {
        plugin: who.to_owned(),
        action: format!("reach `{target}`"),
        rule: "it is not among the hosts that were named".into(),
        cure: if cure.is_empty() { String::new() } else { format!("{cure} {target}") },
    }))
}

/// The request, every part of it in its one spelling.
fn read(wanted: &WantedRequest<'_>) -> Result<SendRequest, Failure> {
    let invalid = |field: &str, value: &str, rule: String| Failure::invalid(field, value, rule);
    let scheme: Scheme = wanted.scheme.parse().map_err(|rule| invalid("scheme", wanted.scheme, rule))?;
    let (host, port) = split_port(wanted.authority);
    let host: Host = host.parse().map_err(|rule| invalid("host", wanted.authority, rule))?;
    let port = port.map_or(Ok(scheme.default_port()), str::parse).map_err(|rule| invalid("port", wanted.authority, rule))?;
    let method: Method = wanted.method.parse().map_err(|rule| invalid("method", wanted.method, rule))?;
    Ok(SendRequest { scheme, host, port, method, path: wanted.path.to_owned(), credentials: vec![], at: None })
}

/// Whether the names of a path lie below a prefix. A path with a name that servers read in different ways lies below nothing but `/`.
fn lies_below(names: &[String], prefix: &PathPrefix) -> bool {
    let mut wanted = prefix.names().peekable();
    if wanted.peek().is_none() {
        return true;
    }
    let last = names.len().saturating_sub(1);
    let plain = |(at, name): (usize, &String)| !name.contains([';', '%', '/']) && (at == last || !name.is_empty());
    names.iter().enumerate().all(plain) && prefix.names().count() <= names.len() && wanted.zip(names).all(|(prefix, name)| prefix == name)
}

fn may_use(rights: &Rights, ask: &HttpAsk, port: Port, credential: &Credential) -> bool {
    let target = HttpTarget { scheme: ask.scheme, host: ask.host.clone(), port, path: PathPrefix::root() };
    let wanted = SecretUse::Request(target, credential.scheme.clone());
    rights.grants.secrets.get(&credential.secret).is_some_and(|uses| uses.contains(&wanted))
}

fn deny(rights: &Rights, request: &SendRequest, rule: &str, cure: String) -> Denial {
    let action = format!("{} {}", request.method.name(), request.url());
    Denial { plugin: rights.plugin.to_string(), action, rule: rule.to_owned(), cure }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        names::Digest,
        policy::{Asks, Grants, Origin},
    };

    const ASKS: &str = "
        [[secret]]
        name = 'token'
        purpose = 'x'
        [[http]]
        host = 'api.test.net'
        methods = ['GET', 'POST']
        paths = ['/v1']
        credentials = [{ secret = 'token', as = 'bearer' }]
        purpose = 'x'
        [[http]]
        host = '*.files.test.net'
        ports = [443, 8443]
        methods = ['GET']
        purpose = 'x'
        [[http]]
        scheme = 'http'
        host = 'plain.test.net'
        methods = ['GET']
        purpose = 'x'";

    fn rights(grants: Option<&str>) -> Rights {
        let asks: Asks = toml::from_str(ASKS).unwrap();
        asks.check().unwrap();
        let grants = grants.map_or_else(|| Grants::all_of(&asks), |text| toml::from_str(text).unwrap());
        Rights { plugin: "test".parse().unwrap(), typed: "test".into(), origin: Origin::Added, digest: Digest::of(b""), asks, grants }
    }

    fn send(rights: &Rights, line: &str) -> Result<SendRequest, Refused> {
        let (method, url) = line.split_once(' ').unwrap();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        send_request(rights, &WantedRequest { scheme, authority, method, path }).map(Permit::into_action)
    }

    fn cure(refused: Refused) -> String {
        match refused {
            Refused::Denied(denial) => denial.cure,
            Refused::Invalid(failure) => panic!("invalid: {}", failure.message),
        }
    }

    /// NE01, NE02
    #[test]
    fn only_what_was_asked_for_and_granted_is_reached() {
        let all = rights(None);
        for good in [
            "GET https://api.test.net/v1",
            "POST https://API.test.net.:443/v1/x%20y/",
            "GET https://a.files.test.net/",
            "GET https://a.b.files.test.net:8443/any;thing//at%25all",
            "GET http://plain.test.net",
        ] {
            assert!(send(&all, good).is_ok(), "{good}");
        }
        for bad in [
            "GET https://other.test.net/v1",
            "GET http://api.test.net/v1",
            "GET http://api.test.net:443/v1",
            "GET https://api.test.net:8443/v1",
            "DELETE https://api.test.net/v1",
            "GET https://api.test.net/",
            "GET https://api.test.net/v10",
            "GET https://files.test.net/",
            "GET https://evilfiles.test.net/",
            "GET https://a.files.test.net.evil.net/",
            "POST https://a.files.test.net/",
        ] {
            let refused = send(&all, bad).unwrap_err();
            assert_eq!(cure(refused), "", "{bad}");
        }
    }

    #[test]
    fn what_is_not_granted_is_denied_with_the_line_that_grants_it() {
        let nothing = rights(Some(""));
        assert_eq!(
            cure(send(&nothing, "GET https://api.test.net/v1/x").unwrap_err()),
            "worldflux plugin grant test --http https://api.test.net/v1"
        );
        assert_eq!(
            cure(send(&nothing, "GET https://a.files.test.net:8443/").unwrap_err()),
            "worldflux plugin grant test --http https://a.files.test.net:8443"
        );
        let without = rights(Some("http = ['https://api.test.net/v1']"));
        assert_eq!(cure(send(&without, "GET https://api.test.net/v1/x").unwrap_err()), "worldflux plugin grant test --secret token");
        let narrow = rights(Some("http = ['GET https://api.test.net/v1/a']\nsecrets = { token = ['https://api.test.net bearer'] }"));
        assert_eq!(send(&narrow, "GET https://api.test.net/v1/a/b").unwrap().credentials.len(), 1);
        assert!(send(&narrow, "POST https://api.test.net/v1/a").is_err() && send(&narrow, "GET https://api.test.net/v1/b").is_err());
    }

    #[test]
    fn a_secret_that_was_granted_for_one_place_goes_to_no_other() {
        let elsewhere = rights(Some("http = ['https://api.test.net']\nsecrets = { token = ['https://a.files.test.net bearer'] }"));
        assert!(send(&elsewhere, "GET https://api.test.net/v1").is_err());
        let otherwise = rights(Some("http = ['https://api.test.net']\nsecrets = { token = ['https://api.test.net header x-key'] }"));
        assert!(send(&otherwise, "GET https://api.test.net/v1").is_err());
        assert!(send(&rights(None), "GET https://a.files.test.net/").unwrap().credentials.is_empty());
    }

    /// NE04, NE05, NE06, NE13, NE14, NE17, NE28
    #[test]
    fn what_has_two_readings_is_no_request() {
        let all = rights(None);
        for bad in [
            "GET https://api.test.net@127.0.0.1/v1",
            "GET https://127.1/v1",
            "GET https://0x7f.1/v1",
            "GET https://2130706433/v1",
            "GET https://[::ffff:127.0.0.1]/v1",
            "GET https://api.test.net%00/v1",
            "GET https://\u{430}pi.test.net/v1",
            "GET https://api.test.net:0/v1",
            "GET https://api.test.net:/v1",
            "GET https:///v1",
            "GET https://api.test.net/v1/../admin",
            "GET https://api.test.net/v1/%2e%2e/admin",
            "GET https://api.test.net/v1%2fadmin",
            "CONNECT https://api.test.net/v1",
            "TRACE https://api.test.net/v1",
            "get https://api.test.net/v1",
            "GET ftp://api.test.net/v1",
        ] {
            assert!(matches!(send(&all, bad), Err(Refused::Invalid(_))), "{bad}: {:?}", send(&all, bad));
        }
        for denied in [
            "GET https://api.test.net//v1",
            "GET https://api.test.net/v1;/x",
            "GET https://api.test.net/v1//x",
            "GET https://api.test.net/v1/%252e",
        ] {
            assert!(matches!(send(&all, denied), Err(Refused::Denied(_))), "{denied}");
        }
    }

    #[test]
    fn a_program_reaches_the_hosts_that_were_named_at_their_ports() {
        let targets: BTreeSet<NetworkTarget> = ["example.test", "*.lan.test:8443"].map(|text| text.parse().unwrap()).into();
        let reach = |host: &str, port: &str| connect(&targets, "x", host, port, "--network").map(Permit::into_action);
        assert!(reach("Example.test.", "443").is_ok() && reach("a.lan.test", "8443").is_ok());
        for (host, port) in [("example.test", "80"), ("lan.test", "8443"), ("a.lan.test", "443"), ("evil.test", "443")] {
            assert!(matches!(reach(host, port), Err(Refused::Denied(_))), "{host}:{port}");
        }
        assert_eq!(cure(reach("evil.test", "8443").unwrap_err()), "--network evil.test:8443");
        for (host, port) in [("example.test@x", "443"), ("127.1", "443"), ("example.test", "0"), ("example.test", "99999"), ("", "443")] {
            assert!(matches!(reach(host, port), Err(Refused::Invalid(_))), "{host}:{port}");
        }
    }

    proptest! {
        #[test]
        fn no_text_reaches_a_host_that_was_not_named(authority in "[a-z0-9.@:\\[\\]%/-]{0,40}", path in "/[a-z0-9./%;]{0,20}") {
            let rights = rights(None);
            let wanted = WantedRequest { scheme: "https", authority: &authority, method: "GET", path: &path };
            if let Ok(permit) = send_request(&rights, &wanted) {
                let Host::Name(name) = &permit.action().host else { return Err(TestCaseError::fail("an address")) };
                prop_assert!(name == "api.test.net" || name.ends_with(".files.test.net"), "{name}");
            }
        }
    }
}
