//! The keyring of the operating system: the Secret Service of the desktop, over D-Bus.

use std::{collections::HashMap, future::Future, time::Duration};

use secret_service::{EncryptionType, Error, SecretService};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{SecretError, value::SecretValue};
use crate::policy::SecretName;

/// How long a keyring may take to answer at all. One that is there answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a person may take to unlock it.
const UNLOCK: Duration = Duration::from_mins(1);

/// The secrets of one configuration directory in the keyring of the user.
#[derive(Debug, Clone)]
pub(super) struct Keyring {
    /// Whether there is a session bus at all.
    bus: bool,
    /// The configuration directory: another one has other secrets of the same names.
    folder: String,
}

impl Keyring {
    pub(super) const fn new(bus: bool, folder: String) -> Self {
        Self { bus, folder }
    }

    /// Keep a value. Asks the person to unlock the keyring where that is needed.
    pub(super) async fn set(&self, name: &SecretName, value: &SecretValue) -> Result<(), SecretError> {
        let service = self.service().await?;
        let collection = within(ANSWER, service.get_default_collection()).await.map_err(none)?;
        if within(ANSWER, collection.is_locked()).await.map_err(none)? {
            within(UNLOCK, collection.unlock()).await.map_err(none)?;
        }
        let (label, secret) = (format!("worldflux: {name}"), value.reveal().as_bytes());
        let create = collection.create_item(&label, self.attributes(name), secret, true, "text/plain; charset=utf-8");
        within(UNLOCK, create).await.map(drop).map_err(none)
    }

    /// The value that was kept.
    pub(super) async fn get(&self, name: &SecretName) -> Result<SecretValue, SecretError> {
        let lost = |why: String| SecretError::Keyring { name: name.clone(), why };
        let service = self.service().await.map_err(|error| lost(reason(&error)))?;
        let told = |error: Problem| lost(error.0);
        let found = within(ANSWER, service.search_items(self.attributes(name))).await.map_err(told)?;
        let (item, is_locked) = match (found.unlocked.first(), found.locked.first()) {
            (Some(item), _) => (item, false),
            (None, Some(item)) => (item, true),
            (None, None) => return Err(lost("it is not there any more".into())),
        };
        if is_locked {
            within(UNLOCK, item.unlock()).await.map_err(told)?;
        }
        let bytes = Zeroizing::new(within(ANSWER, item.get_secret()).await.map_err(told)?);
        SecretValue::new(name, bytes.to_vec())
    }

    /// Forget the value. One that is not there is forgotten already.
    pub(super) async fn remove(&self, name: &SecretName) -> Result<(), SecretError> {
        let service = self.service().await?;
        let found = within(ANSWER, service.search_items(self.attributes(name))).await.map_err(none)?;
        for item in &found.locked {
            within(UNLOCK, item.unlock()).await.map_err(none)?;
        }
        for item in found.unlocked.iter().chain(&found.locked) {
            within(UNLOCK, item.delete()).await.map_err(none)?;
        }
        Ok(())
    }

    /// What crosses the bus is encrypted, so that nobody who listens there reads it.
    async fn service(&self) -> Result<SecretService<'_>, SecretError> {
        if !self.bus {
            return Err(SecretError::NoKeyring { why: "there is no session bus".into() });
        }
        within(ANSWER, SecretService::connect(EncryptionType::Dh)).await.map_err(none)
    }

    fn attributes<'a>(&'a self, name: &'a SecretName) -> HashMap<&'a str, &'a str> {
        HashMap::from([("application", "worldflux"), ("secret", name.as_str()), ("folder", self.folder.as_str())])
    }
}

/// Why the keyring did not do it.
struct Problem(String);

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Problem> {
    match timeout(time, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Problem(match error {
            Error::NoResult => "it has no default keyring".into(),
            Error::Locked => "it is locked".into(),
            Error::Prompt | Error::PromptDisconnected => "nobody unlocked it".into(),
            Error::Unavailable => "no service on the session bus offers one".into(),
            // So says the bus where nobody has that name.
            other if other.to_string().contains("ServiceUnknown") => "no service on the session bus offers one".into(),
            other => other.to_string(),
        })),
        Err(_) => Err(Problem(format!("it did not answer within {} seconds", time.as_secs()))),
    }
}

fn none(Problem(why): Problem) -> SecretError {
    SecretError::NoKeyring { why }
}

fn reason(error: &SecretError) -> String {
    match error {
        SecretError::NoKeyring { why } => why.clone(),
        other => other.to_string(),
    }
}
