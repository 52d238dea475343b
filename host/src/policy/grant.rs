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
    /// What is granted but not asked for, in words. It has no effect.
    #[must_use]
    pub fn beyond(&self, asks: &Asks) -> Vec<String> {
        let mut beyond = vec![];
        if self.command && asks.command.is_none() {
            beyond.push("the command that you type".to_owned());
        }
        let asked = |name: &ProgramName| asks.program.iter().any(|ask| ask.name == *name);
        beyond.extend(self.programs.iter().filter(|name| !asked(name)).map(|name| format!("program `{}`", name.as_str())));
        let folder = |folder: &Folder| asks.folder.iter().any(|ask| ask.path == *folder);
        beyond.extend(self.folders.keys().filter(|path| !folder(path)).map(|path| format!("folder `{path}`")));
        beyond.extend(self.variables.difference(&asks.variables).map(|name| format!("variable `{name}`")));
        beyond
    }
}
