//! What a run ran on: what the host says, and beside it one leaf for each thing that the plugin told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{names::Digest, store::error::StoreError};

/// Leaves that only the host writes.
const RESERVED: [&str; 2] = ["name", "plugin"];

/// What a run ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeSection {
    /// Name of the runtime.
    name: String,
    /// The component; null where none was found.
    plugin: Option<PluginIdentity>,
    /// What the plugin told, one leaf for each key.
    #[serde(flatten)]
    metadata: BTreeMap<String, Value>,
}

/// Which component it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginIdentity {
    /// Name in its `plugin.toml`.
    pub name: String,
    /// Version in its `plugin.toml`.
    pub version: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// The protocol it speaks: `worldflux:runtime@0.1.0`.
    pub protocol: String,
}

impl RuntimeSection {
    /// The runtime `name`, without any leaf of the plugin.
    pub fn new(name: impl Into<String>, plugin: Option<PluginIdentity>) -> Self {
        Self { name: name.into(), plugin, metadata: BTreeMap::new() }
    }

    /// Add a leaf of the plugin; a repeated key replaces. [`StoreError::ReservedKey`] for a key that would hide what the host says.
    pub fn add(&mut self, key: &str, value: Value) -> Result<(), StoreError> {
        if RESERVED.contains(&key) {
            return Err(StoreError::ReservedKey(key.to_owned()));
        }
        self.metadata.insert(key.to_owned(), value);
        Ok(())
    }

    pub(super) const fn metadata_mut(&mut self) -> &mut BTreeMap<String, Value> {
        &mut self.metadata
    }

    /// Name of the runtime.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The component.
    #[must_use]
    pub const fn plugin(&self) -> Option<&PluginIdentity> {
        self.plugin.as_ref()
    }

    /// What the plugin told.
    #[must_use]
    pub const fn metadata(&self) -> &BTreeMap<String, Value> {
        &self.metadata
    }
}
