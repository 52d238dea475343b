//! The secrets of a run: found before anything begins, so that nothing of it is written down with one of them in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{error::RunError, host::Host};
use crate::{
    engine::{Finding, Severity},
    names::RuntimeName,
    policy::{Rights, SecretName, usable_secrets},
    secrets::{Held, SessionBus, Vault, variable_of},
    store::Hide,
};

impl Host {
    /// Where the user's secrets are.
    #[must_use]
    pub fn vault(&self) -> Vault {
        let bus = if self.environment.has_session_bus() { SessionBus::There } else { SessionBus::Nowhere };
        let environment = self.environment.clone();
        Vault::new(self.config_folder(), bus, move |name| environment.get(name).map(ToOwned::to_owned))
    }

    /// The secrets that the plugin may have used, as far as they have a value.
    pub(super) async fn hold(&self, rights: &Rights) -> Result<Held, RunError> {
        let usable = usable_secrets(rights);
        if usable.is_empty() {
            return Ok(Held::default());
        }
        let vault = self.vault();
        let mut found = vec![];
        for (name, uses) in &usable {
            if let Some(value) = vault.find(name).await? {
                found.push((name.clone(), value, uses.iter().collect()));
            }
        }
        Ok(Held::new(found))
    }

    /// The plugins to which each secret is granted. A plugin that cannot be read has nothing.
    #[must_use]
    pub fn secret_holders(&self) -> BTreeMap<SecretName, BTreeSet<RuntimeName>> {
        let mut holders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for entry in self.catalog.entries() {
            let rights = self.catalog.find(entry.name.as_str()).ok().and_then(|file| self.rights(&file).ok());
            for name in rights.iter().flat_map(usable_secrets).map(|(name, _)| name) {
                holders.entry(name).or_default().insert(entry.name.clone());
            }
        }
        holders
    }
}

/// What the host itself has to say about the secrets that a plugin asks for: which of them it cannot have used, and what to type. One that
/// requests need is an error, since they would all be refused; one for a variable is not, since a command may do without.
pub(super) fn findings(rights: &Rights, held: &Held) -> Vec<Finding> {
    let needed = |name: &SecretName| rights.asks.http.iter().flat_map(|ask| &ask.credentials).any(|credential| credential.secret == *name);
    let usable = usable_secrets(rights);
    let mut findings = vec![];
    for (name, uses) in rights.asks.secrets() {
        let severity = if needed(&name) { Severity::Error } else { Severity::Warning };
        let mut say = |message: String, remedy: String| {
            findings.push(Finding::of_host(severity, &format!("secret-{name}"), message, Some(remedy)));
        };
        let granted = usable.get(&name);
        if granted.is_none_or(|granted| granted.is_empty() && !uses.is_empty()) {
            say(format!("secret `{name}` is asked for and not granted"), rights.cure_of_secret(&name));
        } else if !held.has(&name) {
            let variable = variable_of(&name);
            say(format!("secret `{name}` has no value: it was not set, and {variable} is not in the environment"), set_line(&name));
        }
    }
    findings
}

fn set_line(name: &SecretName) -> String {
    format!("worldflux secret set {name}")
}

/// The same findings, without the secrets that a plugin may have found somewhere.
pub(super) fn hidden(mut findings: Vec<Finding>, held: &Held) -> Vec<Finding> {
    let hide = hide(held);
    for finding in &mut findings {
        hide.text(&mut finding.message);
        hide.texts(&mut finding.remedy);
        finding.details.values_mut().for_each(|value| hide.json(value));
    }
    findings
}

/// What takes these secrets out of what is kept.
pub(super) fn hide(held: &Held) -> Hide {
    if held.is_empty() {
        return Hide::default();
    }
    let scrubber = held.scrubber().clone();
    Hide::with(move |text| scrubber.string(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{names::Digest, policy::Origin, secrets::SecretValue};

    fn rights(grants: &str) -> Rights {
        let asks = "
            [[secret]]
            name = 'api-token'
            purpose = 'x'
            [[secret]]
            name = 'hf-token'
            variable = 'HF_TOKEN'
            purpose = 'x'
            [[http]]
            host = 'api.test.net'
            methods = ['GET']
            credentials = [{ secret = 'api-token', as = 'bearer' }]
            purpose = 'x'";
        Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin: Origin::Added,
            digest: Digest::of(b""),
            asks: toml::from_str(asks).unwrap(),
            grants: toml::from_str(grants).unwrap(),
        }
    }

    const GRANTED: &str = "secrets = { api-token = ['https://api.test.net bearer'], hf-token = ['variable HF_TOKEN'] }";

    fn told(grants: &str, held: &Held) -> Vec<(Severity, String)> {
        let told = |finding: Finding| (finding.severity, finding.remedy.unwrap());
        findings(&rights(grants), held).into_iter().map(told).collect()
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_named_with_the_line_that_helps() {
        let granting = |name: &str| format!("worldflux plugin grant test --secret {name}");
        assert_eq!(told("", &Held::default()), [(Severity::Error, granting("api-token")), (Severity::Warning, granting("hf-token"))]);
        assert_eq!(
            told(GRANTED, &Held::default()),
            [(Severity::Error, "worldflux secret set api-token".into()), (Severity::Warning, "worldflux secret set hf-token".into())]
        );
        let name: SecretName = "api-token".parse().unwrap();
        let value = SecretValue::new(&name, b"canary-value".to_vec()).unwrap();
        let held = Held::new([(name, value, vec![])]);
        assert_eq!(told(GRANTED, &held), [(Severity::Warning, "worldflux secret set hf-token".into())]);
        let found = vec![Finding::of_host(Severity::Info, "x", "it is canary-value", Some("canary-value".into()))];
        assert_eq!(hidden(found, &held)[0].message, "it is ************");
    }
}
