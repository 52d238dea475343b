//! What one plugin may do: what it asks for and the user grants.

use serde::{Deserialize, Serialize};

use super::{ask::Asks, grant::Grants};
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
