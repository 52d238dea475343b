//! What one plugin may do: what it asks for and the user grants.

use serde::{Deserialize, Serialize};

use super::{
    ask::Asks,
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
    /// Digest of the component's bytes.
    pub digest: Digest,
    /// What it asks for.
    pub asks: Asks,
    /// What it is granted.
    pub grants: Grants,
}

impl Rights {
    /// What its programs may use up: what is granted, and never more than it asks for.
    pub(super) fn resources(&self) -> Resources {
        let clip = |amount: Amount| self.asks.most(amount.resource()).filter(|most| amount.is_above(*most)).unwrap_or(amount);
        self.grants.resources.amounts().into_iter().map(clip).collect()
    }

    /// The line that grants `what`, to be typed as it stands.
    pub(super) fn cure(&self, what: &str) -> String {
        // A file whose name begins with a dash is no option.
        let typed = if self.typed.starts_with('-') { format!("./{}", self.typed) } else { self.typed.clone() };
        format!("worldflux plugin grant {} {what}", shell_word(&typed))
    }
}
