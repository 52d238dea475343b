//! `worldflux:runtime/secrets`: which secrets there are, never what they are.

use std::sync::Arc;

use serde_json::json;

use super::{bindings::worldflux::runtime::secrets as wit, gate::Gate};
use crate::{policy::usable_secrets, secrets::Held};

/// The context of this interface in one call.
pub(super) struct SecretsContext {
    gate: Arc<Gate>,
    held: Arc<Held>,
}

impl SecretsContext {
    pub(super) const fn new(gate: Arc<Gate>, held: Arc<Held>) -> Self {
        Self { gate, held }
    }
}

impl wit::Host for SecretsContext {
    async fn available(&mut self) -> Vec<String> {
        let usable = usable_secrets(self.gate.rights());
        let names: Vec<_> = usable.into_keys().filter(|name| self.held.has(name)).map(String::from).collect();
        // Nothing is told where it cannot be written down that it was.
        let told = self.gate.tell("secrets.available", json!({ "names": names }), || Ok(()));
        if told.is_ok() { names } else { vec![] }
    }
}
