//! The file in which the user's grants are kept, one entry for each digest of a plugin.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{ConfigError, user_file::UserFile};
use crate::{
    names::{Digest, Moment, RuntimeName},
    policy::{Access, Device, FolderName, Grants, HttpGrant, Level, ProgramName, Resources, SecretName, SecretUse, Tool, check_variable},
};

const FILE: UserFile = UserFile { name: "grants.toml", what: "the grants" };

const HEADER: &str =
    "# What each plugin may do, by the digest of its file. Written by `worldflux plugin grant` and `worldflux plugin revoke`.\n\n";

/// The grants of the user. Another version of a plugin has another digest, and starts with nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantFile {
    entries: BTreeMap<Digest, Granted>,
}

/// What was granted to the plugin of one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// Its name when it was granted. For a person: nothing is decided by it.
    pub name: RuntimeName,
    /// What it may do.
    pub grants: Grants,
    /// When that was last changed.
    pub granted_at: Moment,
}

impl GrantFile {
    /// The grants in the configuration directory `config`; none where there is no file.
    ///
    /// Refused where somebody else could have written it, and where it has a key that nobody knows.
    pub fn load(config: &Path) -> Result<Self, ConfigError> {
        let Some(document) = FILE.read(config)? else { return Ok(Self::default()) };
        let form: Form = document.convert(document.table()?, |_| None)?;
        for (digest, entry) in &form.plugin {
            if let Some(why) = entry.variables.iter().find_map(|name| check_variable(name).err()) {
                let subject = Box::new(document.subject(format!("plugin.\"{digest}\".variables"), 0));
                return Err(ConfigError::Refused { subject, why });
            }
        }
        Ok(Self { entries: form.plugin.into_iter().map(|(digest, entry)| (digest, entry.into())).collect() })
    }

    /// Write the file in one step, readable by the user alone. Two writers are kept apart by `Register::change`.
    pub fn save(&self, config: &Path) -> Result<(), ConfigError> {
        let form = Form { plugin: self.entries.iter().map(|(digest, granted)| (*digest, granted.clone().into())).collect() };
        FILE.write(config, HEADER, &form)
    }

    /// What the plugin of this digest may do.
    #[must_use]
    pub fn grants_for(&self, digest: &Digest) -> Grants {
        self.entries.get(digest).map(|granted| granted.grants.clone()).unwrap_or_default()
    }

    /// Every entry, by digest.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<Digest, Granted> {
        &self.entries
    }

    /// Allow the plugin of this digest exactly this.
    pub(super) fn set(&mut self, digest: Digest, name: RuntimeName, grants: Grants, now: Moment) {
        if grants.is_nothing() {
            self.entries.remove(&digest);
        } else {
            self.entries.insert(digest, Granted { name, grants, granted_at: now });
        }
    }
}

/// The file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Form {
    plugin: BTreeMap<Digest, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: RuntimeName,
    granted_at: Moment,
    #[serde(default)]
    command: bool,
    #[serde(default)]
    programs: BTreeSet<ProgramName>,
    #[serde(default)]
    variables: BTreeSet<String>,
    #[serde(default)]
    folders: BTreeMap<FolderName, Access>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    http: BTreeSet<HttpGrant>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<SecretName, BTreeSet<SecretUse>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    devices: BTreeSet<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(default)]
    resources: Resources,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tools: BTreeMap<ProgramName, Tool>,
}

impl From<Entry> for Granted {
    fn from(entry: Entry) -> Self {
        let Entry { name, granted_at, command, programs, variables, folders, http, secrets, devices, level, resources, tools } = entry;
        Self { name, granted_at, grants: Grants { command, programs, tools, folders, http, secrets, devices, variables, resources, level } }
    }
}

impl From<Granted> for Entry {
    fn from(granted: Granted) -> Self {
        let Granted { name, grants, granted_at } = granted;
        let Grants { command, programs, tools, folders, http, secrets, devices, variables, resources, level } = grants;
        Self { name, granted_at, command, programs, variables, folders, http, secrets, devices, level, resources, tools }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt as _,
    };

    use super::*;
    use crate::{config::Register, policy::Folder};

    const NAME: &str = FILE.name;

    fn change<T>(config: &Path, change: impl FnOnce(&mut Register) -> T) -> T {
        Register::change(config, |register| Ok::<_, ConfigError>(change(register))).unwrap()
    }

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn write(config: &Path, text: &str) {
        fs::write(config.join(NAME), text).unwrap();
        fs::set_permissions(config.join(NAME), Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn a_grant_is_kept_and_another_version_of_the_plugin_starts_with_nothing() {
        let place = tempfile::tempdir().unwrap();
        let config = place.path().join("config/worldflux");
        assert_eq!(GrantFile::load(&config).unwrap(), GrantFile::default());
        let (digest, name): (_, RuntimeName) = (Digest::of(b"1"), "bare".parse().unwrap());
        let (first, second) =
            (grants("programs = ['git']\nfolders = { '/workspace' = 'read' }"), grants("command = true\nvariables = ['X']"));
        let now = Moment::from_unix_millis(1_790_000_000_000);
        change(&config, |register| register.grant(digest, &name, first, now)).unwrap();
        change(&config, |register| register.grant(digest, &name, second, now)).unwrap();
        let file = GrantFile::load(&config).unwrap();
        let both = grants("command = true\nprograms = ['git']\nfolders = { '/workspace' = 'read' }\nvariables = ['X']");
        assert_eq!(file.grants_for(&digest), both);
        assert_eq!(file.grants_for(&Digest::of(b"2")), Grants::default());
        assert_eq!((mode(&config.join(NAME)), mode(&config)), (0o600, 0o700));
        assert!(change(&config, |register| register.revoke(digest, &name, now)));
        assert!(!change(&config, |register| register.revoke(digest, &name, now)));
        assert_eq!(GrantFile::load(&config).unwrap().grants_for(&digest), Grants::default());
        assert_eq!(fs::read_dir(&config).unwrap().count(), 2, "a part of a file was left behind");
    }

    #[test]
    fn a_second_grant_never_narrows_the_first() {
        let mut register = Register::default();
        let (digest, name): (_, RuntimeName) = (Digest::of(b"1"), "bare".parse().unwrap());
        for access in ["write", "read"] {
            let more = grants(&format!("folders = {{ '/workspace' = '{access}' }}"));
            register.grant(digest, &name, more, Moment::now()).unwrap();
        }
        assert_eq!(register.grants().grants_for(&digest).folders[&Folder::Workspace.into()], Access::Write);
    }

    #[test]
    fn grants_that_others_can_write_are_refused() {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), "");
        assert!(GrantFile::load(place.path()).is_ok());
        for bad in [0o620, 0o602, 0o666] {
            fs::set_permissions(place.path().join(NAME), Permissions::from_mode(bad)).unwrap();
            let error = GrantFile::load(place.path()).unwrap_err();
            assert!(error.to_string().ends_with(&format!("is not trusted: others can write it (mode {bad:04o})")), "{error}");
            assert!(error.hint().unwrap().starts_with("chmod go-w "));
        }
        fs::set_permissions(place.path().join(NAME), Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(GrantFile::load(place.path()).is_err());
        fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn grants_that_belong_to_somebody_else_are_refused() {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), "");
        if std::os::unix::fs::chown(place.path().join(NAME), Some(12345), None).is_err() {
            return; // Only root can give a file away.
        }
        let error = GrantFile::load(place.path()).unwrap_err();
        assert!(error.to_string().contains("it belongs to user 12345"), "{error}");
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let place = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"1");
        let entry = format!("[plugin.\"{digest}\"]\nname = \"bare\"\ngranted_at = \"2026-05-01T00:00:00Z\"\n");
        let file = place.path().join(NAME);
        for (text, expected) in [
            (format!("{entry}comand = true"), format!("4:1: unknown key `plugin.\"{digest}\".comand`")),
            (format!("{entry}command = 1"), format!("4:11: `plugin.\"{digest}\".command` is the number 1: expected a boolean")),
            (
                format!("{entry}programs = ['/bin/sh']"),
                format!(
                    "4:13: `plugin.\"{digest}\".programs[0]` is `/bin/sh`: expected letters, digits, `.`, `_`, `+` and `-`, at most 64, without a folder or a pattern"
                ),
            ),
            (
                format!("{entry}folders = {{ '/etc' = 'read' }}"),
                format!(
                    "4:13: `plugin.\"{digest}\".folders.\"/etc\"`: `/etc` cannot be asked for or granted: `/etc`: it decides how the system works"
                ),
            ),
            ("[plugin.short]".into(), "1:9: `plugin.short` is `short`: expected `sha256:` and 64 lower-case hexadecimal digits".into()),
            (format!("[plugin.\"{digest}\"]\nname = \"bare\""), format!("1:1: `plugin.\"{digest}\".granted_at` is missing")),
            ("[plugins]".into(), "1:2: unknown key `plugins`".into()),
        ] {
            write(place.path(), &text);
            assert_eq!(GrantFile::load(place.path()).unwrap_err().to_string(), format!("{}:{expected}", file.display()));
        }
    }
}
