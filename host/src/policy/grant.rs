//! What the user allows one plugin.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ask::{Access, Asks, Folder, ProgramName};

/// What the user allows the plugin of one digest. The empty value allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// To launch the command that the user typed.
    pub command: bool,
    /// Programs, by name. The exports in which they may be used are those of the ask.
    pub programs: BTreeSet<ProgramName>,
    /// Folders of the run.
    pub folders: BTreeMap<Folder, Access>,
    /// Environment variables that it may set for the user's command.
    pub variables: BTreeSet<String>,
}

impl Grants {
    /// All that is asked for: what a bundled plugin has, since it comes with the program that the user chose to run.
    #[must_use]
    pub fn all_of(asks: &Asks) -> Self {
        Self {
            command: asks.command.is_some(),
            programs: asks.program.iter().map(|ask| ask.name.clone()).collect(),
            folders: asks.folder.iter().map(|ask| (ask.path, ask.access)).collect(),
            variables: asks.variables.clone(),
        }
    }
}
