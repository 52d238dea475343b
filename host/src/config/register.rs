//! The grants and the pinned plugins together: what was granted to an added plugin is only believed where both files say so.

use std::path::Path;

use super::{
    ConfigError,
    grants::GrantFile,
    lock::{self, LockFile, Pinned, fingerprint},
    user_file,
};
use crate::{
    names::{Digest, Moment, RuntimeName},
    policy::{Access, FolderName, Grants, Protected},
};

/// What the user added and granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    grants: GrantFile,
    lock: LockFile,
    path: std::path::PathBuf,
}

impl Register {
    /// Both files of the configuration directory `config`. A file that is missing says nothing; one that somebody else could have written is
    /// refused.
    pub fn load(config: &Path) -> Result<Self, ConfigError> {
        Ok(Self { grants: GrantFile::load(config)?, lock: LockFile::load(config)?, path: config.to_owned() })
    }

    /// Load, change and save, while no other `worldflux` does. After an error nothing is changed.
    pub fn change<T, E: From<ConfigError>>(config: &Path, change: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let _lock = user_file::lock(config)?;
        let before = Self::load(config)?;
        let mut after = before.clone();
        let answer = change(&mut after)?;
        // A host that is cut off between the two leaves grants that the lock does not confirm: they allow nothing until they are given again.
        if after.grants != before.grants {
            after.grants.save(config)?;
        }
        if after.lock != before.lock {
            after.lock.save(config)?;
        }
        Ok(answer)
    }

    /// What was granted, by digest.
    #[must_use]
    pub const fn grants(&self) -> &GrantFile {
        &self.grants
    }

    /// What was added, by name.
    #[must_use]
    pub const fn lock(&self) -> &LockFile {
        &self.lock
    }

    /// What the plugin of this digest may do, as far as it can be believed: the lock confirms it, and no folder of it has become one that
    /// nobody can grant.
    pub fn grants_for(&self, digest: &Digest, protected: &Protected) -> Result<Grants, ConfigError> {
        let grants = self.grants.grants_for(digest);
        self.confirm(digest, &grants)?;
        for (folder, _) in grants.machine_folders() {
            if let Some(rule) = protected.rule(folder.path()) {
                return Err(ConfigError::Tampered {
                    path: self.path.join("grants.toml"),
                    why: format!("folder `{folder}` is granted, and cannot be: {rule}"),
                    cure: "worldflux plugin grants".into(),
                });
            }
        }
        Ok(grants)
    }

    /// Allow the plugin of this digest `more` than it had.
    pub fn grant(&mut self, digest: Digest, name: &RuntimeName, more: Grants, now: Moment) -> Result<(), ConfigError> {
        let held = self.grants.grants_for(&digest);
        // Else a grant would make true what somebody else wrote there.
        self.confirm(&digest, &held)?;
        self.set(digest, name, held.with(more), now);
        Ok(())
    }

    /// Take `less` from the plugin of this digest.
    pub fn take(&mut self, digest: Digest, name: &RuntimeName, less: &Grants, now: Moment) -> Result<(), ConfigError> {
        let held = self.grants.grants_for(&digest);
        self.confirm(&digest, &held)?;
        self.set(digest, name, without(held, less), now);
        Ok(())
    }

    /// Take everything from the plugin of this digest. Whether it had anything. Needs no confirmation: nothing is always safe.
    pub fn revoke(&mut self, digest: Digest, name: &RuntimeName, now: Moment) -> bool {
        let had = self.grants.entries().contains_key(&digest);
        self.set(digest, name, Grants::default(), now);
        had
    }

    /// Pin a plugin, with exactly these grants. What was pinned under its name before is forgotten with its grants.
    pub fn pin(&mut self, name: &RuntimeName, pinned: Pinned, grants: Grants, now: Moment) {
        self.unpin(name, now);
        let digest = pinned.digest;
        self.lock.entries_mut().insert(name.clone(), pinned);
        self.set(digest, name, grants, now);
    }

    /// Forget a plugin and its grants.
    pub fn unpin(&mut self, name: &RuntimeName, now: Moment) -> Option<Pinned> {
        let pinned = self.lock.entries_mut().remove(name)?;
        self.grants.set(pinned.digest, name.clone(), Grants::default(), now);
        Some(pinned)
    }

    fn set(&mut self, digest: Digest, name: &RuntimeName, grants: Grants, now: Moment) {
        for pinned in self.lock.entries_mut().values_mut().filter(|pinned| pinned.digest == digest) {
            pinned.grants = fingerprint(&grants);
            pinned.granted_at = now;
        }
        self.grants.set(digest, name.clone(), grants, now);
    }

    fn confirm(&self, digest: &Digest, grants: &Grants) -> Result<(), ConfigError> {
        let Some((name, pinned)) = self.lock.of_digest(digest) else { return Ok(()) };
        if pinned.grants == fingerprint(grants) {
            return Ok(());
        }
        Err(ConfigError::Tampered {
            path: self.path.join("grants.toml"),
            why: format!("what it grants to `{name}` is not what {} confirms", lock::FILE.name),
            cure: format!(
                "look at it with `worldflux plugin grants`, then `worldflux plugin revoke {name}`, and grant again what you meant"
            ),
        })
    }
}

/// `held` without each thing that `less` names. A folder that is taken for writing can still be read.
fn without(mut held: Grants, less: &Grants) -> Grants {
    held.command &= !less.command;
    held.programs.retain(|name| !less.programs.contains(name));
    held.tools.retain(|name, _| !less.programs.contains(name));
    held.http.retain(|held| !less.http.iter().any(|less| less.and(held).as_ref() == Some(held)));
    held.secrets.retain(|name, _| !less.secrets.contains_key(name));
    held.devices.retain(|device| !less.devices.contains(device));
    held.variables.retain(|name| !less.variables.contains(name));
    let keeps = |name: &FolderName| less.folders.get(name).copied();
    held.folders.retain(|name, access| match keeps(name) {
        Some(Access::Read) => false,
        Some(Access::Write) => {
            *access = Access::Read;
            true
        }
        None => true,
    });
    for amount in less.resources.amounts() {
        held.resources.clear(amount.resource());
    }
    if less.level.is_some() {
        held.level = None;
    }
    held
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn pinned(bytes: &[u8]) -> Pinned {
        Pinned {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            source: "/x.wasm".into(),
            version: "0.1.0".into(),
            summary: "x".into(),
            imports: Digest::of(b""),
            grants: Digest::of(b""),
            added_at: Moment::now(),
            granted_at: Moment::now(),
        }
    }

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    fn name() -> RuntimeName {
        "bare".parse().unwrap()
    }

    fn change(config: &Path, change: impl FnOnce(&mut Register)) {
        let change = |register: &mut Register| {
            change(register);
            Ok::<_, ConfigError>(())
        };
        Register::change(config, change).unwrap();
    }

    #[test]
    fn a_pinned_plugin_has_what_was_granted_and_nothing_that_was_written_beside_it() {
        let place = tempfile::tempdir().unwrap();
        let (config, digest) = (place.path().join("config"), Digest::of(b"1"));
        change(&config, |register| register.pin(&name(), pinned(b"1"), grants("command = true"), Moment::now()));
        let held = |config: &Path| Register::load(config).unwrap().grants_for(&digest, &Protected::default());
        assert_eq!(held(&config).unwrap(), grants("command = true"));
        change(&config, |register| register.grant(digest, &name(), grants("programs = ['git', 'df']"), Moment::now()).unwrap());
        change(&config, |register| register.take(digest, &name(), &grants("programs = ['df']"), Moment::now()).unwrap());
        assert_eq!(held(&config).unwrap(), grants("command = true\nprograms = ['git']"));

        let file = config.join("grants.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"git\"", "\"git\", \"sh\"")).unwrap();
        let error = held(&config).unwrap_err();
        assert!(error.to_string().ends_with("what it grants to `bare` is not what plugins.lock confirms"), "{error}");
        assert!(error.hint().unwrap().contains("worldflux plugin revoke bare"));
        let refused = Register::change(&config, |register| register.grant(digest, &name(), grants("command = true"), Moment::now()));
        assert!(refused.is_err(), "a grant must not confirm what somebody else wrote");
        change(&config, |register| assert!(register.revoke(digest, &name(), Moment::now())));
        assert!(held(&config).unwrap().is_nothing());
    }

    #[test]
    fn a_plugin_that_is_forgotten_loses_its_grants() {
        let place = tempfile::tempdir().unwrap();
        change(place.path(), |register| register.pin(&name(), pinned(b"1"), grants("command = true"), Moment::now()));
        change(place.path(), |register| register.pin(&name(), pinned(b"2"), grants("command = true"), Moment::now()));
        let register = Register::load(place.path()).unwrap();
        assert!(register.grants().grants_for(&Digest::of(b"1")).is_nothing());
        change(place.path(), |register| assert!(register.unpin(&name(), Moment::now()).is_some()));
        assert_eq!(Register::load(place.path()).unwrap().grants().entries().len(), 0);
    }

    #[test]
    fn a_folder_that_nobody_can_grant_is_refused_also_where_it_was_granted() {
        let place = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"1");
        change(place.path(), |register| {
            register.grant(digest, &name(), grants("folders = { '/data/x' = 'read' }"), Moment::now()).unwrap();
        });
        let register = Register::load(place.path()).unwrap();
        assert!(register.grants_for(&digest, &Protected::default()).is_ok());
        let protected = Protected::new(None, ["/data/x/state".into()]);
        let error = register.grants_for(&digest, &protected).unwrap_err().to_string();
        assert!(error.contains("it contains `/data/x/state`: worldflux keeps there what it decides by"), "{error}");
    }

    #[test]
    fn a_right_is_taken_alone() {
        let held =
            grants("command = true\nfolders = { '/env' = 'write', '/data' = 'write' }\nlevel = 'none'\nresources = { processes = 9 }");
        let left =
            without(held, &grants("folders = { '/env' = 'write', '/data' = 'read' }\nlevel = 'none'\nresources = { processes = 1 }"));
        assert_eq!(left, grants("command = true\nfolders = { '/env' = 'read' }"));
    }

    #[test]
    fn changes_made_at_the_same_time_are_all_kept_and_one_that_fails_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let config = place.path().join("config");
                scope.spawn(move || {
                    change(&config, |register| {
                        register.grant(Digest::of(&[number]), &name(), grants("command = true"), Moment::now()).unwrap();
                    });
                });
            }
        });
        let config = place.path().join("config");
        assert_eq!(GrantFile::load(&config).unwrap().entries().len(), 8);
        let failed: Result<(), ConfigError> = Register::change(&config, |register| {
            register.revoke(Digest::of(&[0]), &name(), Moment::now());
            Err(ConfigError::NoHome)
        });
        assert!(failed.is_err());
        assert_eq!(GrantFile::load(&config).unwrap().entries().len(), 8);
    }
}
