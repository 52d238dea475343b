//! From where environments are filled: the hosts of the package indexes that the user has configured.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    config::{Environment, NetworkChoice},
    policy::{AddressRange, ChildNetwork, Endpoint, EndpointName, Endpoints, HostPattern, NetworkTarget},
};

/// The index that pip and uv use where nobody says otherwise.
const PYPI: &str = "https://pypi.org/simple";

/// Hosts of which the pages of an index are known to link to another one for the files.
const FILES: &[(&str, &str)] = &[
    ("pypi.org", "files.pythonhosted.org"),
    ("test.pypi.org", "test-files.pythonhosted.org"),
    ("download.pytorch.org", "download-r2.pytorch.org"),
];

/// All addresses. An index is where the user's own configuration and name servers say, which in a company is often a mirror inside. What hands out the
/// credentials of a machine stays closed.
const ANYWHERE: [&str; 4] = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"];

/// What the programs reach that fill an environment, where they are strict.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes {
    pub(super) network: ChildNetwork,
    /// Where the hosts are: as the user said, else anywhere.
    pub(super) endpoints: Endpoints,
}

/// How one tool is configured.
#[derive(Debug, Default)]
struct Tool {
    /// The one index that it begins with.
    index: Option<String>,
    /// Others, and pages of links.
    more: Vec<String>,
    /// Whether it asks no index at all.
    without: bool,
}

impl Indexes {
    /// The hosts of all configured indexes, each tool with its own, and what the user typed for this run. `said` is what the user said about hosts.
    pub(super) fn new(environment: &Environment, said: &Endpoints, typed: &NetworkChoice) -> Self {
        let typed = match typed {
            NetworkChoice::User(ChildNetwork::Machine) => {
                return Self { network: ChildNetwork::Machine, endpoints: said.clone() };
            }
            NetworkChoice::User(ChildNetwork::Hosts(hosts)) => hosts.clone(),
            _ => BTreeSet::new(),
        };
        let urls = [pip(environment), uv(environment)].into_iter().flat_map(Tool::urls);
        let mut hosts: BTreeSet<NetworkTarget> = urls.filter_map(|url| target(&url)).collect();
        let linked: Vec<_> = hosts.iter().filter_map(files_of).collect();
        hosts.extend(linked);
        let mut endpoints = said.clone();
        let anywhere: Vec<AddressRange> = ANYWHERE.iter().filter_map(|range| range.parse().ok()).collect();
        for NetworkTarget { host, port, .. } in &hosts {
            let HostPattern::Exact(host) = host else { continue };
            let name = EndpointName { host: host.clone(), port: *port };
            // What the user said is meant as it was said.
            endpoints.0.entry(name).or_insert_with(|| Endpoint { private: anywhere.clone(), ..Endpoint::default() });
        }
        hosts.extend(typed);
        Self { network: ChildNetwork::Hosts(hosts), endpoints }
    }
}

impl Tool {
    fn urls(self) -> Vec<String> {
        let Self { index, mut more, without } = self;
        if !without {
            more.push(index.unwrap_or_else(|| PYPI.to_owned()));
        }
        more
    }

    /// A value of the environment, which wins over any file.
    fn set(&mut self, environment: &Environment, [index, more, without]: [&[&str]; 3]) {
        let text = |name: &&str| environment.get(name).and_then(|value| value.to_str()).map(str::to_owned);
        self.index = index.iter().find_map(text).or_else(|| self.index.take());
        self.more.extend(more.iter().filter_map(text).flat_map(|value| words(&value)));
        self.without |= without.iter().filter_map(text).any(|value| is_true(&value));
    }
}

/// As `pip config list` would show it.
fn pip(environment: &Environment) -> Tool {
    let mut tool = Tool::default();
    let named = environment.get("PIP_CONFIG_FILE").map(PathBuf::from);
    // Strongest last. For pip this one name means no file at all.
    let others = named.as_deref().is_none_or(|named| named != Path::new("/dev/null"));
    let files = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf"].map(PathBuf::from).into_iter();
    let files = files.chain(at_home(environment, &[".pip/pip.conf", ".config/pip/pip.conf"])).filter(|_| others).chain(named);
    for (key, value) in files.filter_map(|file| fs::read_to_string(file).ok()).flat_map(|text| pip_settings(&text)) {
        match key.as_str() {
            "index-url" => tool.index = words(&value).pop(),
            "extra-index-url" | "find-links" => tool.more.extend(words(&value)),
            "no-index" => tool.without |= is_true(&value),
            _ => {}
        }
    }
    tool.set(environment, [&["PIP_INDEX_URL"], &["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"], &["PIP_NO_INDEX"]]);
    tool
}

/// The settings of uv, which does not read those of pip.
fn uv(environment: &Environment) -> Tool {
    let mut tool = Tool::default();
    let files = match environment.get("UV_CONFIG_FILE") {
        Some(file) => vec![PathBuf::from(file)],
        None => [PathBuf::from("/etc/uv/uv.toml")].into_iter().chain(at_home(environment, &[".config/uv/uv.toml"])).collect(),
    };
    for table in files.iter().filter_map(|file| fs::read_to_string(file).ok()?.parse::<toml::Table>().ok()) {
        uv_settings(&table, &mut tool);
        if let Some(toml::Value::Table(pip)) = table.get("pip") {
            uv_settings(pip, &mut tool);
        }
    }
    let more = ["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_PYTHON_INSTALL_MIRROR"];
    tool.set(environment, [&["UV_DEFAULT_INDEX", "UV_INDEX_URL"], &more, &["UV_NO_INDEX", "UV_OFFLINE"]]);
    tool
}

fn uv_settings(table: &toml::Table, tool: &mut Tool) {
    let texts = |key: &str| match table.get(key) {
        Some(toml::Value::String(text)) => vec![text.clone()],
        Some(toml::Value::Array(list)) => list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => vec![],
    };
    tool.index = texts("index-url").pop().or_else(|| tool.index.take());
    for key in ["extra-index-url", "find-links", "python-install-mirror"] {
        tool.more.extend(texts(key));
    }
    let is_set = |table: &toml::Table, key: &str| table.get(key).and_then(toml::Value::as_bool).unwrap_or(false);
    tool.without |= is_set(table, "no-index") || is_set(table, "offline");
    let Some(toml::Value::Array(indexes)) = table.get("index") else { return };
    for index in indexes.iter().filter_map(toml::Value::as_table) {
        let Some(url) = index.get("url").and_then(toml::Value::as_str) else { continue };
        if is_set(index, "default") { tool.index = Some(url.to_owned()) } else { tool.more.push(url.to_owned()) }
    }
}

/// The settings of all sections of a `pip.conf`. A value goes on in lines that begin with a space.
fn pip_settings(text: &str) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = vec![];
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';', '[']) {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = settings.last_mut()
        {
            value.push(' ');
            value.push_str(trimmed);
        } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            settings.push((key.trim().to_ascii_lowercase().replace('_', "-"), value.trim().to_owned()));
        }
    }
    settings
}

/// The host of a URL; `None` for a folder of this machine, and for what is no URL of a web server.
fn target(url: &str) -> Option<NetworkTarget> {
    let (scheme, rest) = url.split_once("://")?;
    // uv lets an index have a name in front: `name=https://...`.
    let scheme = scheme.rsplit('=').next().unwrap_or(scheme);
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    match scheme {
        "https" => authority.parse().ok(),
        "http" => format!("http://{authority}").parse().ok(),
        _ => None,
    }
}

fn files_of(index: &NetworkTarget) -> Option<NetworkTarget> {
    let HostPattern::Exact(host) = &index.host else { return None };
    let (_, files) = FILES.iter().find(|(name, _)| *name == host.to_string())?;
    files.parse().ok()
}

fn at_home<'f>(environment: &Environment, files: &'f [&'f str]) -> impl Iterator<Item = PathBuf> + use<'f> {
    let home = environment.home();
    files.iter().filter_map(move |file| Some(home.as_deref()?.join(Path::new(file))))
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', '\t', '\n', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_true(text: &str) -> bool {
    ["1", "true", "yes", "on", "t", "y"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(pairs: &[(&str, &str)]) -> Vec<String> {
        // Whatever the machine has in its own files.
        let without_files = [("PIP_CONFIG_FILE", "/dev/null"), ("UV_CONFIG_FILE", "/dev/null")];
        let without_files = without_files.iter().filter(|_| !pairs.iter().any(|(name, _)| *name == "HOME"));
        Indexes::new(&Environment::from_pairs(without_files.chain(pairs).copied()), &Endpoints::default(), &NetworkChoice::Nobody)
            .network
            .reached()
    }

    const DEFAULT: [&str; 2] = ["files.pythonhosted.org", "pypi.org"];

    #[test]
    fn the_indexes_are_those_that_pip_and_uv_would_ask() {
        let pip = ("PIP_INDEX_URL", "https://me:password@Index.Example:8443/simple/");
        let uv = ("UV_DEFAULT_INDEX", "corp=http://index.lan/simple");
        assert_eq!(reached(&[]), DEFAULT);
        assert_eq!(reached(&[pip]), ["files.pythonhosted.org", "index.example:8443", "pypi.org"], "uv knows nothing of it");
        assert_eq!(reached(&[pip, uv]), ["index.example:8443", "http://index.lan"]);
        assert_eq!(reached(&[("PIP_NO_INDEX", "1"), ("UV_OFFLINE", "true")]), Vec::<String>::new());
        let more = ("PIP_EXTRA_INDEX_URL", "https://download.pytorch.org/whl/cpu https://b.test");
        let all = ["b.test", "download-r2.pytorch.org", "download.pytorch.org", "files.pythonhosted.org", "pypi.org"];
        assert_eq!(reached(&[more, ("PIP_FIND_LINKS", "/opt/wheels file:///srv git+https://c.test/x")]), all);
    }

    #[test]
    fn the_files_of_pip_and_uv_are_read_as_they_read_them() {
        let home = tempfile::tempdir().unwrap();
        for (file, text) in [
            (
                ".config/pip/pip.conf",
                "[global]\n# not this\nindex_url = https://a.test/simple\n[install]\nextra-index-url =\n    https://b.test\n    https://c.test\n",
            ),
            (
                ".config/uv/uv.toml",
                "[[index]]\nurl = 'https://d.test'\ndefault = true\n[[index]]\nname = 'e'\nurl = 'https://e.test'\n[pip]\nextra-index-url = ['https://f.test']",
            ),
        ] {
            let file = home.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let home = home.path().to_str().unwrap();
        let reached = reached(&[("HOME", home)]);
        for host in ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"] {
            assert!(reached.iter().any(|reached| reached == host), "{host}: {reached:?}");
        }
        assert!(!reached.iter().any(|reached| DEFAULT.contains(&reached.as_str())), "{reached:?}");
    }

    #[test]
    fn an_index_may_be_inside_and_what_the_user_said_about_it_stays() {
        let said: Endpoints = toml::from_str("['pypi.org']\nat = '127.0.0.1:8443'").unwrap();
        let Indexes { endpoints, .. } = Indexes::new(&Environment::default(), &said, &NetworkChoice::Nobody);
        let of = |name: &str| endpoints.find(&name.parse().unwrap()).unwrap().clone();
        assert_eq!(of("pypi.org"), said.find(&"pypi.org".parse().unwrap()).unwrap().clone());
        for address in ["10.0.0.7", "203.0.113.80", "127.0.0.1", "fd00::1", "2001:db8::1"] {
            let address = address.parse().unwrap();
            assert!(of("files.pythonhosted.org").private.iter().any(|range| range.contains(address)), "{address}");
        }
    }

    #[test]
    fn what_was_typed_for_the_run_is_reached_while_its_environment_is_filled() {
        let typed = |network| Indexes::new(&Environment::default(), &Endpoints::default(), &NetworkChoice::User(network));
        assert_eq!(typed(ChildNetwork::Machine).network, ChildNetwork::Machine);
        let also = typed(ChildNetwork::Hosts(["a.test".parse().unwrap()].into()));
        assert_eq!(also.network.reached(), [&["a.test"], DEFAULT.as_slice()].concat());
        assert!(also.endpoints.find(&"a.test".parse().unwrap()).is_none(), "only indexes may be inside");
        let of_a_project = NetworkChoice::File(ChildNetwork::Machine);
        assert_eq!(Indexes::new(&Environment::default(), &Endpoints::default(), &of_a_project).network.reached(), DEFAULT);
    }
}
