//! The file in which the user says where hosts really are.

use std::path::Path;

use super::{
    ConfigError,
    user_file::{self, UserFile},
};
use crate::policy::{Endpoint, EndpointName, Endpoints};

const FILE: UserFile = UserFile { name: "endpoints.toml", what: "the endpoints" };

const HEADER: &str = "# Where hosts really are, and whose certificates they have. Written by `worldflux endpoint`.\n\n";

/// What the user said about hosts. It grants nothing: it says where a request goes that is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointFile {
    endpoints: Endpoints,
}

impl EndpointFile {
    /// The endpoints in the configuration directory `config`; none where there is no file.
    ///
    /// Refused where somebody else could have written it, and where it has a key that nobody knows.
    pub fn load(config: &Path) -> Result<Self, ConfigError> {
        let Some(document) = FILE.read(config)? else { return Ok(Self::default()) };
        Ok(Self { endpoints: document.convert(document.table()?, |_| None)? })
    }

    /// Load, change and save, while no other `worldflux` does.
    pub fn change<T>(config: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, ConfigError> {
        let _lock = user_file::lock(config)?;
        let mut file = Self::load(config)?;
        let before = file.clone();
        let answer = change(&mut file);
        if file != before {
            file.save(config)?;
        }
        Ok(answer)
    }

    /// What is said.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Say `more` of this host and port; what it does not speak of stays.
    pub fn add(&mut self, name: EndpointName, more: Endpoint) -> &Endpoint {
        let endpoint = self.endpoints.0.entry(name).or_default();
        let Endpoint { at, private, ca } = more;
        endpoint.at = at.or(endpoint.at.take());
        endpoint.ca = ca.or(endpoint.ca.take());
        for range in private {
            if !endpoint.private.contains(&range) {
                endpoint.private.push(range);
            }
        }
        endpoint
    }

    /// Forget all that was said of this host and port. Whether anything was.
    pub fn remove(&mut self, name: &EndpointName) -> bool {
        self.endpoints.0.remove(name).is_some()
    }

    fn save(&self, config: &Path) -> Result<(), ConfigError> {
        FILE.write(config, HEADER, &self.endpoints)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt as _,
    };

    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_said_of_a_host_is_kept_and_added_to() {
        let place = tempfile::tempdir().unwrap();
        let config = place.path().join("config");
        let name: EndpointName = "API.lan.test:8443".parse().unwrap();
        let add = |text: &str| EndpointFile::change(&config, |file| file.add(name.clone(), endpoint(text)).clone()).unwrap();
        add("at = '127.0.0.1:1'\nprivate = ['10.0.0.0/8']");
        let both = add("ca = '/ca.pem'\nat = '127.0.0.1:2'\nprivate = ['10.0.0.0/8', 'fd00::/8']");
        assert_eq!(both, endpoint("at = '127.0.0.1:2'\nprivate = ['10.0.0.0/8', 'fd00::/8']\nca = '/ca.pem'"));
        assert_eq!(EndpointFile::load(&config).unwrap().endpoints().find(&name), Some(&both));
        assert_eq!(fs::metadata(config.join(FILE.name)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(EndpointFile::change(&config, |file| file.remove(&name)).unwrap());
        assert!(!EndpointFile::change(&config, |file| file.remove(&name)).unwrap());
        assert_eq!(EndpointFile::load(&config).unwrap(), EndpointFile::default());
    }

    #[test]
    fn endpoints_that_others_can_write_or_that_say_something_odd_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE.name);
        fs::write(&path, "['a.b']\nca = '/x'").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(EndpointFile::load(place.path()).unwrap_err().to_string().contains("others can write it"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        for bad in ["['*.a.b']\nca = '/x'", "['a.b']\ntrust = true", "['a.b']\nprivate = ['0.0.0.0/0']", "['a.b']\nat = 'localhost:1'"] {
            fs::write(&path, bad).unwrap();
            let error = EndpointFile::load(place.path()).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }
}
