//! What a plugin asks to send over HTTP: where to, and how.

use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

use serde::{Deserialize, Serialize};

use super::{
    credential::Credential,
    endpoint::Place,
    host::HostPattern,
    http::{HttpTarget, Method, PathPrefix, Port, Scheme},
    purpose::Purpose,
};

/// Requests that a plugin wants to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HttpForm")]
pub struct HttpAsk {
    /// `https`, or `http` where that is spelled out.
    pub scheme: Scheme,
    /// Where.
    pub host: HostPattern,
    /// The socket of a service of this machine behind which it is, unless the user says that it is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// The ports there.
    pub ports: BTreeSet<Port>,
    /// What is done there.
    pub methods: BTreeSet<Method>,
    /// The paths, each with everything below.
    pub paths: BTreeSet<PathPrefix>,
    /// The secrets that the host puts into these requests.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub credentials: BTreeSet<Credential>,
    /// Why.
    pub purpose: Purpose,
}

impl HttpAsk {
    /// The socket behind which it is, unless the user says otherwise.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.at {
            Some(Place::Socket(path)) => Some(path),
            Some(Place::Address(_)) | None => None,
        }
    }

    /// The ask as lines of a URL, a port and a path each.
    #[must_use]
    pub fn targets(&self) -> Vec<HttpTarget> {
        let target =
            |port: &Port, path: &PathPrefix| HttpTarget { scheme: self.scheme, host: self.host.clone(), port: *port, path: path.clone() };
        self.ports.iter().flat_map(|port| self.paths.iter().map(move |path| target(port, path))).collect()
    }
}

/// One `[[asks.http]]`, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpForm {
    #[serde(default)]
    scheme: Scheme,
    host: HostPattern,
    #[serde(default)]
    at: Option<Place>,
    #[serde(default)]
    ports: Option<BTreeSet<Port>>,
    methods: BTreeSet<Method>,
    #[serde(default)]
    paths: Option<BTreeSet<PathPrefix>>,
    #[serde(default)]
    credentials: BTreeSet<Credential>,
    purpose: Purpose,
}

impl TryFrom<HttpForm> for HttpAsk {
    type Error = String;

    fn try_from(form: HttpForm) -> Result<Self, String> {
        let HttpForm { scheme, host, at, ports, methods, paths, credentials, purpose } = form;
        let ports = ports.unwrap_or_else(|| BTreeSet::from([scheme.default_port()]));
        let paths = paths.unwrap_or_else(|| BTreeSet::from([PathPrefix::root()]));
        if ports.is_empty() || methods.is_empty() || paths.is_empty() {
            return Err(format!("`{host}` is asked for without a port, a method or a path"));
        }
        match &at {
            None => {}
            Some(Place::Address(address)) => {
                return Err(format!(
                    "`{host}` is asked for at {address}: a plugin names a socket only, `unix:/run/x.sock`; the rest is the user's to say"
                ));
            }
            Some(Place::Socket(path)) => {
                let is_plain =
                    path.to_str().is_some_and(|text| !text.contains("//") && !text.ends_with('/') && !text.chars().any(char::is_control));
                let is_straight = !path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir));
                if !is_plain || !is_straight || matches!(host, HostPattern::Below(_)) {
                    return Err(format!(
                        "`{host}` is asked for at `{}`: one host is behind a socket, and its path has one spelling",
                        path.display()
                    ));
                }
            }
        }
        if scheme == Scheme::Http && !credentials.is_empty() {
            return Err(format!("a secret is never sent to `{host}` over http, which everybody on the way can read"));
        }
        Ok(Self { scheme, host, at, ports, methods, paths, credentials, purpose })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<HttpAsk, String> {
        toml::from_str(&format!("purpose = 'x'\n{text}")).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_ask_says_where_and_how_and_no_more_than_it_says() {
        let least = ask("host = 'API.modal.com'\nmethods = ['GET']").unwrap();
        assert_eq!(least.targets().iter().map(HttpTarget::to_string).collect::<Vec<_>>(), ["https://api.modal.com"]);
        let more =
            ask("host = '*.modal.com'\nports = [8443, 443]\nmethods = ['GET', 'POST']\npaths = ['/v1']\ncredentials = [{ secret = 'modal', as = 'bearer' }]").unwrap();
        assert_eq!(
            more.targets().iter().map(HttpTarget::to_string).collect::<Vec<_>>(),
            ["https://*.modal.com/v1", "https://*.modal.com:8443/v1"]
        );
        for bad in [
            "host = ''\nmethods = ['GET']",
            "host = '*'\nmethods = ['GET']",
            "host = 'a.b'\nmethods = []",
            "host = 'a.b'\nmethods = ['CONNECT']",
            "host = 'a.b'\nmethods = ['GET']\nports = []",
            "host = 'a.b'\nmethods = ['GET']\nports = [0]",
            "host = 'a.b'\nmethods = ['GET']\nports = [65536]",
            "host = 'a.b'\nmethods = ['GET']\npaths = ['v1']",
            "host = 'a.b'\nmethods = ['GET']\npaths = ['/a/../b']",
            "host = 'a.b'\nmethods = ['GET']\nscheme = 'ftp'",
            "host = 'a.b'\nmethods = ['GET']\nscheme = 'http'\ncredentials = [{ secret = 'x', as = 'bearer' }]",
            "host = 'a.b'\nmethods = ['GET']\nfollow = true",
            "host = 'a.b'\nmethods = ['GET']\nat = '127.0.0.1:80'",
            "host = 'a.b'\nmethods = ['GET']\nat = 'unix:run/x.sock'",
            "host = 'a.b'\nmethods = ['GET']\nat = 'unix:/run/../x.sock'",
            "host = '*.a.b'\nmethods = ['GET']\nat = 'unix:/run/x.sock'",
        ] {
            assert!(ask(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_service_of_this_machine_is_asked_for_by_its_socket() {
        let asked = ask("scheme = 'http'\nhost = 'docker.sock'\nat = 'unix:/run/docker.sock'\nmethods = ['GET']").unwrap();
        assert_eq!(asked.socket(), Some(Path::new("/run/docker.sock")));
        assert_eq!(toml::from_str::<HttpAsk>(&toml::to_string(&asked).unwrap()).unwrap(), asked);
    }
}
