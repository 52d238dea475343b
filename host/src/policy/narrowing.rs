//! How a project takes rights away from a plugin. It can give none.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    confinement::Level,
    device::Device,
    folder::{Access, FolderName},
    grant::Grants,
    http_grant::HttpGrant,
    program::ProgramName,
    resource::Resources,
    secret::SecretName,
};

/// What a project leaves of a plugin's rights. `None` leaves all there is of a kind; a list leaves what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Narrowing {
    /// Whether the command that the user typed may still be launched.
    pub command: Option<bool>,
    /// The only programs.
    pub programs: Option<BTreeSet<ProgramName>>,
    /// The only folders, and the most that may be done there.
    pub folders: Option<BTreeMap<FolderName, Access>>,
    /// The only requests.
    pub http: Option<BTreeSet<HttpGrant>>,
    /// The only secrets.
    pub secrets: Option<BTreeSet<SecretName>>,
    /// The only devices.
    pub devices: Option<BTreeSet<Device>>,
    /// The only variables.
    pub variables: Option<BTreeSet<String>>,
    /// The most that programs may use up.
    pub resources: Resources,
    /// The weakest level, where that is stronger than what is granted.
    pub level: Option<Level>,
}

impl Grants {
    /// What a project leaves of them: never more than there was.
    #[must_use]
    pub fn narrowed(&self, narrowing: &Narrowing) -> Self {
        let mut secrets = self.secrets.clone();
        secrets.retain(|name, _| narrowing.secrets.as_ref().is_none_or(|left| left.contains(name)));
        let left = Self {
            http: narrowing.http.clone().unwrap_or_else(|| self.http.clone()),
            secrets,
            command: narrowing.command.unwrap_or(true),
            programs: narrowing.programs.clone().unwrap_or_else(|| self.programs.clone()),
            tools: self.tools.clone(),
            folders: narrowing.folders.clone().unwrap_or_else(|| self.folders.clone()),
            devices: narrowing.devices.clone().unwrap_or_else(|| self.devices.clone()),
            variables: narrowing.variables.clone().unwrap_or_else(|| self.variables.clone()),
            resources: narrowing.resources,
            level: Some(narrowing.level.unwrap_or(Level::None)),
        };
        self.and(&left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(granted: &str, narrowing: &str) -> Grants {
        toml::from_str::<Grants>(granted).unwrap().narrowed(&toml::from_str(narrowing).unwrap())
    }

    const GRANTED: &str =
        "command = true\nprograms = ['git']\nfolders = { '/env' = 'write' }\nlevel = 'kernel-filter'\nresources = { processes = 64 }";

    #[test]
    fn a_project_takes_away_and_gives_nothing() {
        let all: Grants = toml::from_str(GRANTED).unwrap();
        assert_eq!(narrowed(GRANTED, ""), all);
        assert!(!narrowed(GRANTED, "command = false").command);
        assert!(narrowed(GRANTED, "programs = []").programs.is_empty());
        assert_eq!(narrowed(GRANTED, "folders = { '/env' = 'read' }").folders.values().copied().collect::<Vec<_>>(), [Access::Read]);
        assert_eq!(narrowed(GRANTED, "level = 'full'").least(), Level::Full);
        assert_eq!(narrowed(GRANTED, "resources = { processes = 8 }").resources.processes, Some(8));
        assert_eq!(
            narrowed(GRANTED, "resources = { cpus = 0.5 }").resources,
            toml::from_str::<Resources>("processes = 64\ncpus = 0.5").unwrap()
        );
        let more = "command = true\nprograms = ['git', 'sh']\nfolders = { '/env' = 'write', '/data' = 'write' }\ndevices = ['gpu']\n\
                    variables = ['X']\nlevel = 'none'\nresources = { processes = 999 }";
        assert_eq!(narrowed(GRANTED, more), all);
        assert_eq!(narrowed("", more), Grants { resources: toml::from_str("processes = 999").unwrap(), ..Grants::default() });
    }
}
