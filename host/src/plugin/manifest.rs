//! `plugin.toml`: who a plugin is and what it asks for.

use serde::{Deserialize, Serialize};

use super::error::PluginError;
use crate::{names::RuntimeName, policy::Asks};

/// The protocol of this host.
pub(super) const PROTOCOL: &str = "worldflux:runtime@0.1.0";

/// Characters of a label, which a person reads in one line.
const LABEL: usize = 200;

/// What a plugin says about itself before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginManifest {
    /// Who it is.
    pub plugin: About,
    /// What it asks for.
    #[serde(default)]
    pub asks: Asks,
}

/// Who a plugin is. Labels only: its identity is the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The runtime that it implements.
    pub name: RuntimeName,
    /// Its version (semver.org 2.0.0).
    pub version: String,
    /// The protocol that it speaks: `worldflux:runtime@0.1.0`.
    pub protocol: String,
    /// One line for a list.
    pub summary: String,
    /// Its licence (SPDX expression).
    #[serde(default)]
    pub license: Option<String>,
    /// Where to read more.
    #[serde(default)]
    pub homepage: Option<String>,
}

impl PluginManifest {
    /// Read a `plugin.toml`. `origin` says where it came from, for the error.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PluginError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |index| index + 1);
            PluginError::Manifest {
                origin: origin.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or("").chars().count() + 1,
                message: error.message().trim().replace('\n', ", "),
            }
        })?;
        let refuse = |message: String| PluginError::Refused { origin: origin.to_owned(), message };
        let labels = [&manifest.plugin.version, &manifest.plugin.summary]
            .into_iter()
            .chain(&manifest.plugin.license)
            .chain(&manifest.plugin.homepage);
        if let Some(label) = labels.into_iter().find(|label| label.chars().count() > LABEL || label.chars().any(char::is_control)) {
            let shown: String = label.escape_debug().take(60).collect();
            return Err(refuse(format!("`{shown}` is longer than {LABEL} characters, or has control characters in it")));
        }
        manifest.asks.check().map_err(refuse)?;
        if !is_spoken(&manifest.plugin.protocol) {
            let found = manifest.plugin.protocol.escape_debug().take(100).collect();
            return Err(PluginError::Protocol { origin: origin.to_owned(), found, expected: PROTOCOL.to_owned() });
        }
        Ok(manifest)
    }
}

/// Whether this host speaks `protocol`: below 1.0 the minor number has to be the same (semver.org 2.0.0, 4).
pub(super) fn is_spoken(protocol: &str) -> bool {
    let minor = |text: &str| Some(text.rsplit_once('.')?.0.to_owned());
    minor(protocol).is_some() && minor(protocol) == minor(PROTOCOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[plugin]\nname = 'x'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 's'\n";

    fn error(text: &str) -> String {
        PluginManifest::parse(text, "x.wasm").unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        assert!(PluginManifest::parse(GOOD, "x.wasm").is_ok());
        let unknown = error(&format!("{GOOD}[asks]\nprogramm = []\n"));
        assert!(unknown.starts_with("plugin.toml of `x.wasm`, line 7, column 1: unknown field `programm`"), "{unknown}");
        let wildcard = error(&format!("{GOOD}[[asks.program]]\nname = '*'\npurpose = 'x'\nduring = ['doctor']\n"));
        assert!(wildcard.contains("line 7, column 8") && wildcard.contains("`*` is not a program name"), "{wildcard}");
    }

    #[test]
    fn another_protocol_is_refused_and_a_patch_is_not() {
        assert!(PluginManifest::parse(&GOOD.replace("@0.1.0", "@0.1.7"), "x.wasm").is_ok());
        for other in ["worldflux:runtime@0.2.0", "worldflux:runtime@1.1.0", "other:runtime@0.1.0", ""] {
            let text = GOOD.replace("worldflux:runtime@0.1.0", other);
            assert!(matches!(PluginManifest::parse(&text, "x.wasm"), Err(PluginError::Protocol { .. })), "{other}");
        }
    }
}
