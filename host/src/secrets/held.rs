//! The secrets of one run: their values, and what hides them.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use http::request::Parts;

use super::{Scrubber, SecretError, inject::inject, value::SecretValue, vault::variable_of};
use crate::policy::{CredentialScheme, GiveSecret, Permit, SecretName, SecretUse, SendRequest};

/// The secrets that one plugin may have used, as far as they have a value. Nothing gives a value away without a permit.
#[derive(Debug, Clone, Default)]
pub struct Held {
    values: BTreeMap<SecretName, SecretValue>,
    scrubber: Arc<Scrubber>,
}

impl Held {
    /// These secrets, each with all that may be done with it, which decides in which forms it can come back.
    #[must_use]
    pub fn new<'u>(secrets: impl IntoIterator<Item = (SecretName, SecretValue, Vec<&'u SecretUse>)>) -> Self {
        let mut scrubber = Scrubber::default();
        let mut values = BTreeMap::new();
        for (name, value, uses) in secrets {
            scrubber.hide(&value);
            for used in uses {
                match used {
                    SecretUse::Request(_, CredentialScheme::Basic { user }) => scrubber.hide_password(user.as_str(), &value),
                    SecretUse::Request(_, CredentialScheme::Sigv4 { .. }) => scrubber.hide_parts(&value),
                    SecretUse::Request(..) | SecretUse::Variable(_) => {}
                }
            }
            values.insert(name, value);
        }
        Self { values, scrubber: Arc::new(scrubber) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether there is a value.
    #[must_use]
    pub fn has(&self, name: &SecretName) -> bool {
        self.values.contains_key(name)
    }

    /// What hides them.
    #[must_use]
    pub const fn scrubber(&self) -> &Arc<Scrubber> {
        &self.scrubber
    }

    /// Put the credentials of a permitted request into it, as the last thing before it leaves. `body` is all of its body, and `at` is now;
    /// only a signature needs them.
    pub fn inject(&self, permit: &Permit<SendRequest>, parts: &mut Parts, body: &[u8], at: SystemTime) -> Result<(), SecretError> {
        let credentials = &permit.action().credentials;
        let found: Result<Vec<_>, _> = credentials.iter().map(|credential| Ok((credential, self.value(&credential.secret)?))).collect();
        inject(parts, &found?, body, at)
    }

    /// The value for the variable of a permit.
    pub fn give(&self, permit: &Permit<GiveSecret>) -> Result<&SecretValue, SecretError> {
        self.value(&permit.action().secret)
    }

    fn value(&self, name: &SecretName) -> Result<&SecretValue, SecretError> {
        self.values.get(name).ok_or_else(|| SecretError::Missing { name: name.clone(), variable: variable_of(name) })
    }
}
