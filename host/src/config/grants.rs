//! The file in which the user's grants are kept, one entry for each digest of a plugin.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::geteuid,
};
use serde::{Deserialize, Serialize};

use super::{ConfigError, document::Document};
use crate::{
    names::{Digest, Moment, RuntimeName},
    policy::{Access, Device, FolderName, Grants, Level, ProgramName, Resources},
};

const NAME: &str = "grants.toml";

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
        let path = config.join(NAME);
        let file = match File::options().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(unreadable(&path, cause)),
        };
        check_owner(&path, &file.metadata().map_err(|cause| unreadable(&path, cause))?)?;
        // A link is followed, so the folder that counts is the one in which the file lies.
        let real = fs::canonicalize(&path).map_err(|cause| unreadable(&path, cause))?;
        if let Some(folder) = real.parent() {
            check_owner(folder, &fs::metadata(folder).map_err(|cause| unreadable(folder, cause))?)?;
        }
        let document = Document::of_file(&path, &file, WHAT)?;
        let form: Form = document.convert(document.table()?, |_| None)?;
        Ok(Self { entries: form.plugin.into_iter().map(|(digest, entry)| (digest, entry.into())).collect() })
    }

    /// Load, change and save, while no other `worldflux` does.
    pub fn change<T>(config: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, ConfigError> {
        let unwritable = |cause| ConfigError::Unwritable { what: WHAT, path: config.join(NAME), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(config).map_err(unwritable)?;
        let lock = config.join(".grants.lock");
        let lock = File::options().create(true).append(true).mode(0o600).open(lock).map_err(unwritable)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|errno| unwritable(errno.into()))?;
        let mut file = Self::load(config)?;
        let answer = change(&mut file);
        file.save(config)?;
        Ok(answer)
    }

    /// Write the file in one step, readable by the user alone. [`Self::change`] is what keeps two writers apart.
    pub fn save(&self, config: &Path) -> Result<(), ConfigError> {
        let path = config.join(NAME);
        let unwritable = |cause| ConfigError::Unwritable { what: WHAT, path: path.clone(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(config).map_err(unwritable)?;
        let form = Form { plugin: self.entries.iter().map(|(digest, granted)| (*digest, granted.clone().into())).collect() };
        let text = toml::to_string_pretty(&form).map_err(|error| unwritable(io::Error::other(error)))?;
        // A user who keeps the file elsewhere, behind a link, keeps it there.
        let target = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let part = part_beside(&target);
        let written = write_new(&part, &format!("{HEADER}{text}")).and_then(|()| fs::rename(&part, &target));
        written.map_err(|cause| {
            let _ = fs::remove_file(&part);
            unwritable(cause)
        })
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

    /// Allow the plugin of this digest `more` than it had.
    pub fn grant(&mut self, digest: Digest, name: RuntimeName, more: Grants, now: Moment) {
        let granted =
            self.entries.entry(digest).or_insert_with(|| Granted { name: name.clone(), grants: Grants::default(), granted_at: now });
        granted.name = name;
        granted.granted_at = now;
        granted.grants = std::mem::take(&mut granted.grants).with(more);
    }

    /// Take everything from the plugin of this digest. Whether it had anything.
    pub fn revoke(&mut self, digest: &Digest) -> bool {
        self.entries.remove(digest).is_some()
    }
}

const WHAT: &str = "the grants";

fn unreadable(path: &Path, cause: io::Error) -> ConfigError {
    ConfigError::Unreadable { what: WHAT, path: path.to_owned(), cause }
}

/// Whether a file or folder can be written by nobody but its owner, who is the user or root.
fn check_owner(path: &Path, status: &fs::Metadata) -> Result<(), ConfigError> {
    let untrusted = |why: String, cure: String| Err(ConfigError::Untrusted { path: path.to_owned(), why, cure });
    let (user, mode) = (geteuid().as_raw(), status.mode() & 0o7777);
    if status.uid() != user && status.uid() != 0 {
        return untrusted(
            format!("it belongs to user {}, and grants have to be your own", status.uid()),
            format!("chown {user} {}", path.display()),
        );
    }
    // In a folder with the sticky bit nobody can replace what belongs to somebody else.
    let protected = status.is_dir() && mode & 0o1000 != 0;
    if mode & 0o022 != 0 && !protected {
        return untrusted(format!("others can write it (mode {mode:04o})"), format!("chmod go-w {}", path.display()));
    }
    Ok(())
}

fn part_beside(target: &Path) -> PathBuf {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        random = u64::from(std::process::id()).to_le_bytes();
    }
    target.with_file_name(format!(".grants.{:016x}.part", u64::from_le_bytes(random)))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    // A grant that was given must not be lost, and one that was taken must not come back, when the power fails.
    file.sync_all()
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
    devices: BTreeSet<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(default)]
    resources: Resources,
}

impl From<Entry> for Granted {
    fn from(entry: Entry) -> Self {
        let Entry { name, granted_at, command, programs, variables, folders, devices, level, resources } = entry;
        Self { name, granted_at, grants: Grants { command, programs, folders, devices, variables, resources, level } }
    }
}

impl From<Granted> for Entry {
    fn from(granted: Granted) -> Self {
        let Granted { name, grants, granted_at } = granted;
        let Grants { command, programs, folders, devices, variables, resources, level } = grants;
        Self { name, granted_at, command, programs, variables, folders, devices, level, resources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Folder;

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
        GrantFile::change(&config, |file| file.grant(digest, name.clone(), first, now)).unwrap();
        GrantFile::change(&config, |file| file.grant(digest, name, second, now)).unwrap();
        let file = GrantFile::load(&config).unwrap();
        let both = grants("command = true\nprograms = ['git']\nfolders = { '/workspace' = 'read' }\nvariables = ['X']");
        assert_eq!(file.grants_for(&digest), both);
        assert_eq!(file.grants_for(&Digest::of(b"2")), Grants::default());
        assert_eq!((mode(&config.join(NAME)), mode(&config)), (0o600, 0o700));
        assert!(GrantFile::change(&config, |file| file.revoke(&digest)).unwrap());
        assert!(!GrantFile::change(&config, |file| file.revoke(&digest)).unwrap());
        assert_eq!(GrantFile::load(&config).unwrap().grants_for(&digest), Grants::default());
        assert_eq!(fs::read_dir(&config).unwrap().count(), 2, "a part of a file was left behind");
    }

    #[test]
    fn a_second_grant_never_narrows_the_first() {
        let mut file = GrantFile::default();
        let (digest, name): (_, RuntimeName) = (Digest::of(b"1"), "bare".parse().unwrap());
        for access in ["write", "read"] {
            file.grant(digest, name.clone(), grants(&format!("folders = {{ '/workspace' = '{access}' }}")), Moment::now());
        }
        assert_eq!(file.grants_for(&digest).folders[&Folder::Workspace.into()], Access::Write);
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

    #[test]
    fn grants_given_at_the_same_time_are_all_kept() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let config = place.path().join("config");
                scope.spawn(move || {
                    GrantFile::change(&config, |file| {
                        file.grant(Digest::of(&[number]), "bare".parse().unwrap(), Grants::default(), Moment::now());
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(GrantFile::load(&place.path().join("config")).unwrap().entries().len(), 8);
    }
}
