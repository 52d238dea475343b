//! Where secrets are: what the user set, then the environment.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use super::{
    SecretError,
    file::{Kept, SecretFile},
    keyring::Keyring,
    value::SecretValue,
};
use crate::policy::SecretName;

/// Finds secrets by name.
pub struct Vault {
    file: SecretFile,
    keyring: Keyring,
    variable: Box<Lookup>,
}

/// Finds an environment variable.
type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Whether the user has a session bus, on which there may be a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionBus {
    /// There is one.
    There,
    /// There is none: nobody is asked.
    Nowhere,
}

/// A place where a secret can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The file in the configuration directory.
    File,
    /// The keyring of the operating system.
    Keyring,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It was set, and is in this file.
    File(PathBuf),
    /// It was set, and is in the keyring.
    Keyring,
    /// It was not set; it is in this environment variable.
    Variable(String),
}

impl Vault {
    /// The secrets of the configuration directory `folder`, and those in the environment, which `variable` reads.
    pub fn new(folder: &Path, bus: SessionBus, variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self {
            file: SecretFile::new(folder.to_owned()),
            keyring: Keyring::new(bus == SessionBus::There, folder.to_string_lossy().into_owned()),
            variable: Box::new(variable),
        }
    }

    /// The value of a secret; `None` where it has none.
    ///
    /// What was set comes first, then the variable of its name. A secret that was set and cannot be had is an error: the variable is not
    /// what the user meant.
    pub async fn find(&self, name: &SecretName) -> Result<Option<SecretValue>, SecretError> {
        match self.file.load()?.remove(name) {
            Some(Kept::Here(value)) => Ok(Some(value)),
            Some(Kept::Keyring) => self.keyring.get(name).await.map(Some),
            None => match (self.variable)(&variable_of(name)) {
                Some(text) => SecretValue::new(name, text.into_vec()).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Where the value of a secret would come from; `None` where it has none. Asks no keyring.
    pub fn source(&self, name: &SecretName) -> Result<Option<Source>, SecretError> {
        if let Some(source) = self.set_secrets()?.remove(name) {
            return Ok(Some(source));
        }
        let variable = variable_of(name);
        Ok((self.variable)(&variable).is_some().then_some(Source::Variable(variable)))
    }

    /// The secrets that were set, each with its place.
    pub fn set_secrets(&self) -> Result<BTreeMap<SecretName, Source>, SecretError> {
        let place = |kept: &Kept| match kept {
            Kept::Here(_) => Source::File(self.file.path()),
            Kept::Keyring => Source::Keyring,
        };
        Ok(self.file.load()?.iter().map(|(name, kept)| (name.clone(), place(kept))).collect())
    }

    /// Keep a value where it is `wanted`; else in the keyring where one can be used, else in the file. Answers where it is now: there alone.
    pub async fn set(&self, name: &SecretName, value: SecretValue, wanted: Option<Store>) -> Result<Source, SecretError> {
        let was_in_keyring = matches!(self.file.load()?.get(name), Some(Kept::Keyring));
        if wanted != Some(Store::File) {
            match self.keyring.set(name, &value).await {
                Ok(()) => {
                    self.file.change(|kept| kept.insert(name.clone(), Kept::Keyring))?;
                    return Ok(Source::Keyring);
                }
                Err(error) if wanted == Some(Store::Keyring) => return Err(error),
                Err(_) => {}
            }
        }
        if was_in_keyring {
            // Where it cannot be reached now, an older value stays there, which nobody looks for any more.
            let _ = self.keyring.remove(name).await;
        }
        self.file.change(|kept| kept.insert(name.clone(), Kept::Here(value)))?;
        Ok(Source::File(self.file.path()))
    }

    /// Forget a secret. `false` where it was not set.
    pub async fn remove(&self, name: &SecretName) -> Result<bool, SecretError> {
        match self.file.load()?.get(name) {
            None => return Ok(false),
            Some(Kept::Keyring) => self.keyring.remove(name).await?,
            Some(Kept::Here(_)) => {}
        }
        self.file.change(|kept| kept.remove(name).is_some())
    }
}

/// The variable in which a secret is found that was not set: `hf-token` is in `HF_TOKEN`.
#[must_use]
pub fn variable_of(name: &SecretName) -> String {
    name.as_str().chars().map(|c| if c == '-' || c == '.' { '_' } else { c.to_ascii_uppercase() }).collect()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Keyring => f.write_str("keyring"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("file", &self.file).field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn vault(folder: &Path) -> Vault {
        Vault::new(folder, SessionBus::Nowhere, |variable| (variable == "HF_TOKEN").then(|| "from-variable".into()))
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::new(&name("x"), text.into()).unwrap()
    }

    #[tokio::test]
    async fn what_was_set_comes_before_the_environment_and_what_was_removed_does_not() {
        let place = tempfile::tempdir().unwrap();
        let vault = vault(place.path());
        let hf = name("hf-token");
        let text = async || vault.find(&hf).await.unwrap().unwrap().reveal().to_owned();
        assert_eq!(text().await, "from-variable");
        assert_eq!(vault.source(&hf).unwrap(), Some(Source::Variable("HF_TOKEN".into())));
        assert_eq!(vault.set(&hf, value("set-by-hand"), None).await.unwrap(), Source::File(place.path().join("secrets.toml")));
        assert_eq!(text().await, "set-by-hand");
        assert!(vault.remove(&hf).await.unwrap() && !vault.remove(&hf).await.unwrap());
        assert_eq!(text().await, "from-variable");
        assert!(vault.find(&name("other")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_keyring_that_was_chosen_and_is_not_there_is_no_file() {
        let place = tempfile::tempdir().unwrap();
        let vault = vault(place.path());
        let error = vault.set(&name("a.b"), value("some-value"), Some(Store::Keyring)).await.unwrap_err();
        assert_eq!(error.to_string(), "no keyring of the operating system can be used: there is no session bus");
        assert!(vault.set_secrets().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_variable_that_cannot_be_a_secret_is_told_and_not_passed_over() {
        let place = tempfile::tempdir().unwrap();
        let vault = Vault::new(place.path(), SessionBus::Nowhere, |_| Some("short".into()));
        assert!(matches!(vault.find(&name("x")).await, Err(SecretError::Value { .. })));
    }

    #[test]
    fn the_variable_of_a_name_is_written_as_variables_are() {
        assert_eq!(variable_of(&name("hf-token")), "HF_TOKEN");
        assert_eq!(variable_of(&name("modal.Token_id2")), "MODAL_TOKEN_ID2");
    }
}
