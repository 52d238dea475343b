//! How the user has configured package managers, for the programs with which a plugin makes an environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    config::Environment,
    names::Export,
    policy::{Origin, Profile, Rights},
};

/// Families of variables that say which index, which cache, which interpreter.
const FAMILIES: &[&str] = &["PIP_", "UV_", "PYENV_", "CONDA_"];

/// Variables that say the way to the network, and whom to trust there.
const NAMES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
];

/// Where their files and the interpreters that they manage are, from the home folder.
const AT_HOME: &[&str] =
    &[".config/pip", ".pip", ".config/uv", ".netrc", ".local/share/uv/python", ".pyenv/versions", "miniconda3", "miniforge3", "anaconda3"];

/// The same for everybody on the machine.
const OF_MACHINE: &[&str] = &["/etc/pip.conf", "/etc/xdg/pip", "/etc/uv", "/etc/pki"];

/// What the programs of one plugin start with.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// Their variables.
    pub(super) variables: BTreeMap<OsString, OsString>,
    /// What they see of the machine beside the folders of the run, where they are strict.
    pub(super) reads: BTreeSet<PathBuf>,
}

impl Configured {
    /// For the programs that a plugin with `rights` starts in `export`, where the user wants `wanted`.
    ///
    /// A bundled plugin makes environments as the user's own shell would: with the user's indexes, certificates and interpreters. A plugin
    /// that was added gets none of it, since an index can be named with its password.
    pub(super) fn new(environment: &Environment, rights: &Rights, export: Export, wanted: Profile) -> Self {
        let profile = rights.profile(wanted);
        if rights.origin == Origin::Added || (profile == Profile::Strict && export != Export::BuildEnv) {
            return Self { variables: environment.base(profile), reads: BTreeSet::new() };
        }
        let mut variables = environment.base(Profile::Own);
        let is_wanted = |name: &str| configures(name) || (profile == Profile::Own && name.starts_with("XDG_"));
        let named = environment.all().iter().filter(|(name, _)| name.to_str().is_some_and(is_wanted));
        variables.extend(named.map(|(name, value)| (name.clone(), value.clone())));
        if profile == Profile::Own {
            return Self { variables, reads: BTreeSet::new() };
        }
        let reads = readable(environment, &variables);
        // The home folder is there as far as it is listed above, and nobody can write in it.
        variables.remove(std::ffi::OsStr::new("TMPDIR"));
        // The way out is that of the sandbox.
        variables.remove(std::ffi::OsStr::new("PIP_PROXY"));
        variables.insert("UV_CACHE_DIR".into(), "/tmp/uv".into());
        variables.insert("PIP_CACHE_DIR".into(), "/tmp/pip".into());
        Self { variables, reads }
    }
}

/// Whether a variable of this name is part of the configuration.
fn configures(name: &str) -> bool {
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The files and folders that the configuration leads to, as far as they are there.
fn readable(environment: &Environment, variables: &BTreeMap<OsString, OsString>) -> BTreeSet<PathBuf> {
    let home = environment.home();
    let at_home = AT_HOME.iter().filter_map(|path| Some(home.as_ref()?.join(path)));
    let of_machine = OF_MACHINE.iter().map(PathBuf::from);
    let says = |(name, value): (&OsString, &OsString)| name.to_str().is_some_and(configures).then(|| PathBuf::from(value));
    let named = variables.iter().filter_map(says).filter(|path| path.is_absolute() && !is_all(path, home.as_deref()));
    at_home.chain(of_machine).chain(named).filter(|path| path.exists()).collect()
}

/// Whether a folder holds everything of the user, or of the machine.
fn is_all(path: &Path, home: Option<&Path>) -> bool {
    path.parent().is_none() || home.is_some_and(|home| home.starts_with(path))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs};

    use super::*;
    use crate::names::Digest;

    fn rights(origin: Origin) -> Rights {
        Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin,
            digest: Digest::of(b""),
            asks: toml::from_str("").unwrap(),
            grants: toml::from_str("").unwrap(),
        }
    }

    #[test]
    fn a_plugin_that_was_added_gets_nothing_of_how_the_user_reaches_an_index() {
        let environment = Environment::from_pairs([("PATH", "/bin"), ("PIP_INDEX_URL", "https://me:password@index.example")]);
        for export in Export::ALL {
            let added = Configured::new(&environment, &rights(Origin::Added), export, Profile::Own);
            assert!(!added.variables.contains_key(OsStr::new("PIP_INDEX_URL")), "{export}");
        }
        let bundled = Configured::new(&environment, &rights(Origin::Bundled), Export::BuildEnv, Profile::Own);
        assert!(bundled.variables.contains_key(OsStr::new("PIP_INDEX_URL")));
    }

    #[test]
    fn a_strict_environment_is_made_with_the_users_wheels_and_without_the_users_home() {
        let home = tempfile::tempdir().unwrap();
        let (wheels, config) = (home.path().join("wheels"), home.path().join(".config/pip"));
        fs::create_dir_all(&wheels).unwrap();
        fs::create_dir_all(&config).unwrap();
        let pairs = [("HOME", home.path()), ("PIP_FIND_LINKS", &wheels), ("UV_PYTHON_INSTALL_DIR", home.path()), ("TMPDIR", home.path())];
        let environment = Environment::from_pairs(pairs);
        let strict = Configured::new(&environment, &rights(Origin::Bundled), Export::BuildEnv, Profile::Strict);
        assert!(strict.reads.contains(&wheels) && strict.reads.contains(&config));
        assert!(!strict.reads.contains(home.path()) && !strict.variables.contains_key(OsStr::new("TMPDIR")));
        let doctor = Configured::new(&environment, &rights(Origin::Bundled), Export::Doctor, Profile::Strict);
        assert!(doctor.reads.is_empty() && !doctor.variables.contains_key(OsStr::new("PIP_FIND_LINKS")));
    }
}
