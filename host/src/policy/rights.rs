//! What one plugin may do: what it asks for and the user grants.

use serde::{Deserialize, Serialize};

use super::{
    ask::Asks,
    confinement::Profile,
    denial::shell_word,
    grant::Grants,
    resource::{Amount, Resources},
};
use crate::names::{Digest, RuntimeName};

/// A plugin, by name and digest, with its asks and the user's grants for exactly this digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Name of the plugin.
    pub plugin: RuntimeName,
    /// How a person names it on the command line: its name, or the file that it is in. A cure that is typed as it stands has to work.
    pub typed: String,
    /// Where it came from.
    pub origin: Origin,
    /// Digest of the component's bytes.
    pub digest: Digest,
    /// What it asks for.
    pub asks: Asks,
    /// What it is granted.
    pub grants: Grants,
}

/// Where a plugin came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// With the program that the user chose to run.
    Bundled,
    /// From somebody else.
    Added,
}

impl Rights {
    /// What a process sees that this plugin starts, where the user wants `wanted` for the own command. Nobody can want `own` for a plugin
    /// that somebody else wrote.
    #[must_use]
    pub const fn profile(&self, wanted: Profile) -> Profile {
        match self.origin {
            Origin::Bundled => wanted,
            Origin::Added => Profile::Strict,
        }
    }

    /// What its programs may use up: what is granted, and never more than it asks for.
    pub(super) fn resources(&self) -> Resources {
        let clip = |amount: Amount| self.asks.most(amount.resource()).filter(|most| amount.is_above(*most)).unwrap_or(amount);
        self.grants.resources.amounts().into_iter().map(clip).collect()
    }

    /// The line that grants every use of this secret that is asked for.
    #[must_use]
    pub fn cure_of_secret(&self, name: &super::secret::SecretName) -> String {
        self.cure(&format!("--secret {name}"))
    }

    /// The line that grants a folder of this machine.
    #[must_use]
    pub fn cure_of_folder(&self, folder: &std::path::Path, access: super::folder::Access) -> String {
        self.cure(&format!("--folder {}", shell_word(&format!("{}={}", folder.display(), access.name()))))
    }

    /// The line that grants `what`, to be typed as it stands.
    pub(super) fn cure(&self, what: &str) -> String {
        // A file whose name begins with a dash is no option.
        let typed = if self.typed.starts_with('-') { format!("./{}", self.typed) } else { self.typed.clone() };
        format!("worldflux plugin grant {} {what}", shell_word(&typed))
    }
}
