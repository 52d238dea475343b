//! What may be done with secrets beside putting them into a request.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{action::GiveSecret, credential::SecretUse, permit::Permit, rights::Rights, secret::SecretName};

/// The secrets that go into variables of the command that the user typed: those that are asked for and granted for exactly this variable.
#[must_use]
pub fn give_secrets(rights: &Rights) -> Vec<Permit<GiveSecret>> {
    let give = |(secret, uses): (SecretName, BTreeSet<SecretUse>)| {
        uses.into_iter().filter_map(move |used| match used {
            SecretUse::Variable(variable) => Some(Permit::grant(GiveSecret { secret: secret.clone(), variable })),
            SecretUse::Request(..) => None,
        })
    };
    usable_secrets(rights).into_iter().flat_map(give).collect()
}

/// The secrets that the plugin may have used, each with everything that may be done with it: what it asks for and the user grants.
#[must_use]
pub fn usable_secrets(rights: &Rights) -> BTreeMap<SecretName, BTreeSet<SecretUse>> {
    let both = |(name, asked): (SecretName, BTreeSet<SecretUse>)| {
        let granted = rights.grants.secrets.get(&name)?;
        Some((name, &asked & granted))
    };
    rights.asks.secrets().into_iter().filter_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{names::Digest, policy::Origin};

    fn given(asks: &str, grants: &str) -> Vec<(String, String)> {
        let rights = Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin: Origin::Added,
            digest: Digest::of(b""),
            asks: toml::from_str(asks).unwrap(),
            grants: toml::from_str(grants).unwrap(),
        };
        let give = |permit: Permit<GiveSecret>| permit.into_action();
        give_secrets(&rights).into_iter().map(give).map(|give| (give.secret.to_string(), give.variable)).collect()
    }

    #[test]
    fn a_secret_goes_into_the_variable_that_was_asked_for_and_granted_and_into_no_other() {
        let ask = "[[secret]]\nname = 'hf-token'\nvariable = 'HF_TOKEN'\npurpose = 'x'";
        assert_eq!(given(ask, "secrets = { hf-token = ['variable HF_TOKEN'] }"), [("hf-token".into(), "HF_TOKEN".into())]);
        for (asks, grants) in [
            (ask, ""),
            ("", "secrets = { hf-token = ['variable HF_TOKEN'] }"),
            (ask, "secrets = { hf-token = ['variable OTHER'] }"),
            (ask, "secrets = { hf-token = ['https://a.b bearer'] }"),
            (ask, "secrets = { other = ['variable HF_TOKEN'] }"),
            ("[[secret]]\nname = 'hf-token'\npurpose = 'x'", "secrets = { hf-token = ['variable HF_TOKEN'] }"),
        ] {
            assert!(given(asks, grants).is_empty(), "{asks} {grants}");
        }
    }
}
