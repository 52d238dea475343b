//! `plugins.lock`: which bytes each added plugin is, and what was granted to them.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigError, user_file::UserFile};
use crate::{
    names::{Digest, Moment, RuntimeName},
    policy::Grants,
};

pub(super) const FILE: UserFile = UserFile { name: "plugins.lock", what: "the pinned plugins" };

const HEADER: &str = "# Which bytes each added plugin is, and what was granted to them. Written by `worldflux plugin`.\n\n";

/// The added plugins of the user, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LockFile {
    plugin: BTreeMap<RuntimeName, Pinned>,
}

/// One added plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Digest of the bytes that were added; these bytes run, or nothing does.
    pub digest: Digest,
    /// How many bytes they are.
    pub size: u64,
    /// The file that they came from, as it was given.
    pub source: String,
    /// The version in its `plugin.toml`, for a list.
    pub version: String,
    /// Its line for a list.
    pub summary: String,
    /// Digest of the list of its imports.
    pub imports: Digest,
    /// Digest of what was granted to it: see `fingerprint`.
    pub grants: Digest,
    /// When it was added.
    pub added_at: Moment,
    /// When its grants were last changed.
    pub granted_at: Moment,
}

impl LockFile {
    /// The added plugins in the configuration directory `config`; none where there is no file.
    ///
    /// Refused where somebody else could have written it, and where it has a key that nobody knows.
    pub fn load(config: &Path) -> Result<Self, ConfigError> {
        let Some(document) = FILE.read(config)? else { return Ok(Self::default()) };
        document.convert(document.table()?, |_| None)
    }

    pub(super) fn save(&self, config: &Path) -> Result<(), ConfigError> {
        FILE.write(config, HEADER, self)
    }

    /// Every added plugin.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<RuntimeName, Pinned> {
        &self.plugin
    }

    /// The added plugin of this digest.
    #[must_use]
    pub fn of_digest(&self, digest: &Digest) -> Option<(&RuntimeName, &Pinned)> {
        self.plugin.iter().find(|(_, pinned)| pinned.digest == *digest)
    }

    pub(super) const fn entries_mut(&mut self) -> &mut BTreeMap<RuntimeName, Pinned> {
        &mut self.plugin
    }
}

/// The digest of grants. What allows nothing is left out, so that a later version of this program, which knows more rights, finds the same.
#[must_use]
pub(super) fn fingerprint(grants: &Grants) -> Digest {
    let says_something = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(table) => !table.is_empty(),
        _ => true,
    };
    let value = serde_json::to_value(grants).unwrap_or_default();
    let fields: BTreeMap<_, _> = value.as_object().into_iter().flatten().filter(|(_, value)| says_something(value)).collect();
    Digest::of(serde_json::to_string(&fields).unwrap_or_default().as_bytes())
}
