//! What the user allows one plugin.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    ask::Asks,
    confinement::Level,
    credential::SecretUse,
    device::Device,
    folder::{Access, Folder, FolderName, MachineFolder},
    http_grant::{self, HttpGrant},
    program::ProgramName,
    resource::{Amount, Resource, Resources},
    secret::SecretName,
};
use crate::names::Digest;

/// What a program was when it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its file, without links.
    pub file: PathBuf,
    /// The digest of what was in it.
    pub digest: Digest,
}

/// What the user allows the plugin of one digest. The empty value allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// To launch the command that the user typed.
    pub command: bool,
    /// Programs, by name. The exports in which they may be used are those of the ask.
    pub programs: BTreeSet<ProgramName>,
    /// What those programs were when they were granted, where they were there: another file under the same name is another program.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<ProgramName, Tool>,
    /// Folders of the run and of this machine.
    pub folders: BTreeMap<FolderName, Access>,
    /// Requests over HTTP.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub http: BTreeSet<HttpGrant>,
    /// Secrets, each with what may be done with it: a new version that wants another use of the same secret does not have it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretName, BTreeSet<SecretUse>>,
    /// Devices that its programs find.
    pub devices: BTreeSet<Device>,
    /// Environment variables that it may set for the user's command.
    pub variables: BTreeSet<String>,
    /// The most that its programs may use up.
    pub resources: Resources,
    /// The weakest level at which its programs may be started. `full` where nothing is said; `none` leaves them unconfined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

impl Grants {
    /// All that is asked for: what a bundled plugin has, since it comes with the program that the user chose to run.
    #[must_use]
    pub fn all_of(asks: &Asks) -> Self {
        Self {
            command: asks.command.is_some(),
            programs: asks.program.iter().map(|ask| ask.name.clone()).collect(),
            tools: BTreeMap::new(),
            folders: asks.folder.iter().map(|ask| (ask.path.clone(), ask.access.min(ask.path.most()))).collect(),
            http: asks.http_grants(),
            secrets: asks.secrets(),
            devices: asks.device.iter().map(|ask| ask.name).collect(),
            variables: asks.variables.clone(),
            resources: asks.resource.iter().map(|ask| ask.most).collect(),
            level: None,
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        let Self { command, programs, tools, folders, http, secrets, devices, variables, resources, level } = more;
        self.command |= command;
        self.programs.extend(programs);
        self.tools.extend(tools);
        self.http.extend(http);
        for (name, uses) in secrets {
            self.secrets.entry(name).or_default().extend(uses);
        }
        self.devices.extend(devices);
        self.variables.extend(variables);
        for (folder, access) in folders {
            self.folders.entry(folder).and_modify(|held| *held = access.max(*held)).or_insert(access);
        }
        for amount in resources.amounts() {
            self.resources.set(amount);
        }
        self.level = level.or(self.level);
        self
    }

    /// What is in both. A resource that one of them does not limit is limited as the other says.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let folder = |(name, access): (&FolderName, &Access)| Some((name.clone(), *other.folders.get(name)?.min(access)));
        let programs: BTreeSet<_> = self.programs.intersection(&other.programs).cloned().collect();
        Self {
            command: self.command && other.command,
            // What this side says of a program wins: it is the later one.
            tools: of_programs(other.tools.iter().chain(&self.tools), &programs),
            programs,
            folders: self.folders.iter().filter_map(folder).collect(),
            http: http_grant::common(&self.http, &other.http),
            secrets: self.secrets_also_in(&other.secrets),
            devices: self.devices.intersection(&other.devices).copied().collect(),
            variables: self.variables.intersection(&other.variables).cloned().collect(),
            resources: self.resources.at_most(&other.resources),
            level: self.least().max(other.least()).into_grant(),
        }
    }

    /// What stays of it where the asks are these: what a new version of a plugin keeps. What the user gave of their own accord, folders of
    /// this machine, devices, the level, stays too.
    #[must_use]
    pub fn still_asked(&self, asks: &Asks) -> Self {
        let asked = Self::all_of(asks);
        let folders = self.folders.iter().filter_map(|(name, access)| match name {
            FolderName::Run(_) => Some((name.clone(), *asked.folders.get(name)?.min(access))),
            FolderName::Machine(_) => Some((name.clone(), *access)),
        });
        Self {
            command: self.command && asked.command,
            programs: self.programs.intersection(&asked.programs).cloned().collect(),
            tools: of_programs(&self.tools, &asked.programs),
            folders: folders.collect(),
            http: http_grant::common(&self.http, &asked.http),
            secrets: self.secrets_also_in(&asked.secrets),
            variables: self.variables.intersection(&asked.variables).cloned().collect(),
            ..self.clone()
        }
    }

    fn secrets_also_in(&self, other: &BTreeMap<SecretName, BTreeSet<SecretUse>>) -> BTreeMap<SecretName, BTreeSet<SecretUse>> {
        let both = |(name, uses): (&SecretName, &BTreeSet<SecretUse>)| {
            let both = uses & other.get(name)?;
            (!both.is_empty()).then(|| (name.clone(), both))
        };
        self.secrets.iter().filter_map(both).collect()
    }

    /// What is granted but not asked for, in words. It has no effect.
    #[must_use]
    pub fn beyond(&self, asks: &Asks) -> Vec<String> {
        let mut beyond = vec![];
        if self.command && asks.command.is_none() {
            beyond.push("the command that you type".to_owned());
        }
        let asked = |name: &ProgramName| asks.program.iter().any(|ask| ask.name == *name);
        beyond.extend(self.programs.iter().filter(|name| !asked(name)).map(|name| format!("program `{name}`")));
        let folder = |name: &FolderName| matches!(name, FolderName::Machine(_)) || asks.folder.iter().any(|ask| ask.path == *name);
        beyond.extend(self.folders.keys().filter(|path| !folder(path)).map(|path| format!("folder `{path}`")));
        let request = |grant: &&HttpGrant| !asks.http_grants().iter().any(|ask| ask.and(grant).is_some());
        beyond.extend(self.http.iter().filter(request).map(|grant| format!("requests to `{grant}`")));
        let secret = |name: &&SecretName| !asks.secret.iter().any(|ask| ask.name == **name);
        beyond.extend(self.secrets.keys().filter(secret).map(|name| format!("secret `{name}`")));
        beyond.extend(self.variables.difference(&asks.variables).map(|name| format!("variable `{name}`")));
        beyond
    }

    /// The first resource of which more is granted than asked for, or, where nothing is asked for, than the host gives anyway.
    #[must_use]
    pub fn too_much(&self, asks: &Asks) -> Option<(Amount, Amount)> {
        let own = super::confinement::ChildLimits::default();
        let usual = Resources { memory: own.memory, cpus: own.cpus, processes: Some(own.processes), file: own.file };
        let most = |resource: Resource| asks.most(resource).or_else(|| usual.get(resource));
        self.resources.amounts().into_iter().find_map(|amount| {
            let most = most(amount.resource())?;
            amount.is_above(most).then_some((amount, most))
        })
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What may be done in a folder of the run.
    #[must_use]
    pub fn access(&self, folder: Folder) -> Option<Access> {
        self.folders.get(&FolderName::Run(folder)).copied()
    }

    /// The folders of this machine, each with what may be done there.
    pub fn machine_folders(&self) -> impl Iterator<Item = (&MachineFolder, Access)> {
        self.folders.iter().filter_map(|(name, access)| match name {
            FolderName::Machine(folder) => Some((folder, (*access).min(folder.most()))),
            FolderName::Run(_) => None,
        })
    }

    /// What may be done with a file of this machine, by its absolute path.
    #[must_use]
    pub fn access_to(&self, path: &Path) -> Option<Access> {
        self.machine_folders().filter(|(folder, _)| folder.covers(path)).map(|(_, access)| access).max()
    }

    /// The weakest level at which programs may be started.
    #[must_use]
    pub fn least(&self) -> Level {
        self.level.unwrap_or(Level::Full)
    }

    /// Whether the user opted out: programs see what the user's shell sees.
    #[must_use]
    pub fn is_unconfined(&self) -> bool {
        self.level == Some(Level::None)
    }
}

impl Level {
    /// As a grant says it, which leaves out what holds anyway.
    fn into_grant(self) -> Option<Self> {
        (self != Self::Full).then_some(self)
    }
}

impl Amount {
    /// Whether it is more than `other`, of the same resource.
    #[must_use]
    pub fn is_above(self, other: Self) -> bool {
        match (self, other) {
            (Self::Memory(own), Self::Memory(most)) | (Self::File(own), Self::File(most)) => own > most,
            (Self::Cpus(own), Self::Cpus(most)) => own > most,
            (Self::Processes(own), Self::Processes(most)) => own > most,
            _ => false,
        }
    }
}

/// Those of `tools` that belong to `programs`; of one that comes twice, the last.
fn of_programs<'t>(
    tools: impl IntoIterator<Item = (&'t ProgramName, &'t Tool)>,
    programs: &BTreeSet<ProgramName>,
) -> BTreeMap<ProgramName, Tool> {
    tools.into_iter().filter(|(name, _)| programs.contains(*name)).map(|(name, tool)| (name.clone(), tool.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn both_together_is_each_and_the_common_part_is_in_both() {
        let one =
            grants("command = true\nprograms = ['git']\nfolders = { '/env' = 'read', '/data' = 'read' }\nresources = { processes = 64 }");
        let other =
            grants("programs = ['git', 'df']\nfolders = { '/env' = 'write' }\nlevel = 'kernel-filter'\nresources = { memory = '1GiB' }");
        let both = one.clone().with(other.clone());
        assert_eq!(both.and(&one).and(&other), one.and(&other));
        let common = one.and(&other);
        assert_eq!(common, grants("programs = ['git']\nfolders = { '/env' = 'read' }\nresources = { processes = 64, memory = '1GiB' }"));
        assert_eq!((both.least(), common.least()), (Level::KernelFilter, Level::Full), "the stronger level is what both allow");
        assert!(one.and(&Grants::default()).folders.is_empty());
    }

    #[test]
    fn a_new_version_keeps_what_it_still_asks_for_and_what_the_user_gave() {
        let asks: Asks = toml::from_str("program = [{ name = 'git', purpose = 'x', during = ['doctor'] }]").unwrap();
        let had = grants("command = true\nprograms = ['git', 'df']\nfolders = { '/env' = 'read', '/data' = 'write' }\ndevices = ['gpu']");
        assert_eq!(had.still_asked(&asks), grants("programs = ['git']\nfolders = { '/data' = 'write' }\ndevices = ['gpu']"));
    }

    #[test]
    fn a_resource_is_granted_up_to_what_is_asked_for() {
        let asks: Asks =
            toml::from_str("resource = [{ name = 'memory', most = '8GiB', purpose = 'x' }, { name = 'cpus', most = 1.5, purpose = 'x' }]")
                .unwrap();
        assert_eq!(grants("resources = { memory = '8GiB', processes = 4096, file = '9GiB' }").too_much(&asks), None);
        let text = |text: &str| grants(text).too_much(&asks).map(|(amount, most)| format!("{amount} > {most}"));
        assert_eq!(text("resources = { memory = '9GiB' }").as_deref(), Some("memory=9GiB > memory=8GiB"));
        assert_eq!(text("resources = { cpus = 1.501 }").as_deref(), Some("cpus=1.501 > cpus=1.5"));
        assert_eq!(text("resources = { cpus = 0.5 }"), None);
        assert_eq!(text("resources = { processes = 5000 }").as_deref(), Some("processes=5000 > processes=4096"));
    }

    #[test]
    fn a_grant_of_one_folder_is_none_of_its_neighbour() {
        let grants = grants("folders = { '/data/out' = 'write', '/data' = 'read', '/usr/share' = 'write' }");
        assert_eq!(grants.access_to(Path::new("/data/out/x")), Some(Access::Write));
        assert_eq!(grants.access_to(Path::new("/data/out-evil")), Some(Access::Read));
        assert_eq!(grants.access_to(Path::new("/database")), None);
        assert_eq!(grants.access_to(Path::new("/usr/share/x")), Some(Access::Read));
    }

    proptest! {
        #[test]
        fn what_is_common_is_never_more_than_either(one in any_grants(), other in any_grants()) {
            let common = one.and(&other);
            for either in [&one, &other] {
                prop_assert_eq!(common.clone().with(either.clone()).programs, either.programs.clone());
                prop_assert!(common.folders.iter().all(|(name, access)| either.folders.get(name).is_some_and(|held| held >= access)));
                prop_assert!(common.least() >= either.least());
                prop_assert!(!common.command || either.command);
            }
            prop_assert_eq!(other.and(&one), common);
        }
    }

    fn any_grants() -> impl Strategy<Value = Grants> {
        let programs = proptest::collection::btree_set("[abc]".prop_map(|name| name.parse().unwrap()), 0..3);
        let access = prop_oneof![Just(Access::Read), Just(Access::Write)];
        let folder = prop_oneof!["/env", "/output", "/data", "/data/x"].prop_map(|name| name.parse().unwrap());
        let folders = proptest::collection::btree_map(folder, access, 0..4);
        let level = proptest::option::of(prop_oneof![Just(Level::None), Just(Level::KernelFilter), Just(Level::Full)]);
        (any::<bool>(), programs, folders, level).prop_map(|(command, programs, folders, level)| Grants {
            command,
            programs,
            folders,
            level,
            ..Grants::default()
        })
    }
}
