//! How a child process is confined.

use std::{collections::BTreeSet, fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::reach::NetworkTarget;
use crate::names::{Bytes, Cpus, Digest};

/// What a child process sees of the machine, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// What the user's shell would see; only the process tree is contained.
    Own,
    /// Only what was granted.
    Strict,
}

/// How much of the operating system holds a confined child, weakest first. Each was proven by attacks that failed, on the machine where it
/// is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing: the child sees what the host sees.
    None,
    /// Landlock and seccomp without namespaces. What lies outside can neither be read nor written, but it can be seen to exist, and the
    /// mode and times of the user's own files can be changed.
    KernelFilter,
    /// As `full`, with the namespaces made by bubblewrap, where only that program may make them.
    FullBwrap,
    /// Own namespaces with a root folder that holds nothing but what was granted, and Landlock and seccomp inside.
    Full,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::KernelFilter, Self::FullBwrap, Self::Full];

    /// Its name, as in a grant and in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::KernelFilter => "kernel-filter",
            Self::FullBwrap => "full-bwrap",
            Self::Full => "full",
        }
    }

    /// Whether a child that needs `least` may be started at this level. Namespaces are the same whoever made them.
    #[must_use]
    pub fn is_enough_for(self, least: Self) -> bool {
        self >= least.min(Self::FullBwrap)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|level| level.name() == text);
        known.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// How one child is confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confinement {
    /// Its tree is contained, and nothing else.
    Own,
    /// It sees the view, and nothing else.
    Strict(View),
}

impl Confinement {
    /// The profile that this is.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        match self {
            Self::Own => Profile::Own,
            Self::Strict(_) => Profile::Strict,
        }
    }
}

/// What a strict child sees of this machine, beside the system's own programs and libraries (`/usr` and what belongs to it) and what its
/// program needs to start (the base folder of its interpreter).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Files and folders that it can read and execute, by absolute path.
    pub reads: BTreeSet<PathBuf>,
    /// Folders in which it can also write.
    pub writes: BTreeSet<PathBuf>,
    /// Whether the graphics processors are there. A wide opening: a driver has hundreds of commands.
    pub gpu: bool,
    /// Which network it reaches.
    pub network: Network,
    /// The hosts that it reaches where its network is [`Network::Named`].
    pub hosts: BTreeSet<NetworkTarget>,
    /// Whether the program is a tool that was granted by its name. It is then not started from a folder in which a child can write: anything
    /// can have been put there.
    pub tool: bool,
    /// What that tool was when it was granted. Another file is not started in its place.
    pub known: Option<Known>,
    /// The weakest level at which it may be started.
    pub least: Least,
    /// What it may use up.
    pub limits: ChildLimits,
}

/// A tool that was looked at when it was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The digest of its file.
    pub digest: Digest,
    /// What a person types who wants what it is by now.
    pub cure: String,
}

/// The network that a strict child reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// None but its own loopback device.
    #[default]
    None,
    /// The hosts that are named in [`View::hosts`], through a proxy that the host of worldflux serves; beside them none but its own loopback
    /// device.
    Named,
    /// That of the machine, whole. Only where the user typed so.
    Machine,
}

/// The network that somebody wants for a child, before it is known whether the child is strict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildNetwork {
    /// None.
    #[default]
    None,
    /// These hosts, and nothing else.
    Hosts(BTreeSet<NetworkTarget>),
    /// That of the machine, whole.
    Machine,
}

impl ChildNetwork {
    /// What is reached, as a person would type it: nothing, hosts, or `full`.
    #[must_use]
    pub fn reached(&self) -> Vec<String> {
        match self {
            Self::None => vec![],
            Self::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect(),
            Self::Machine => vec!["full".to_owned()],
        }
    }
}

impl From<ChildNetwork> for (Network, BTreeSet<NetworkTarget>) {
    fn from(wanted: ChildNetwork) -> Self {
        match wanted {
            ChildNetwork::Hosts(hosts) if !hosts.is_empty() => (Network::Named, hosts),
            ChildNetwork::None | ChildNetwork::Hosts(_) => (Network::None, BTreeSet::new()),
            ChildNetwork::Machine => (Network::Machine, BTreeSet::new()),
        }
    }
}

/// The weakest level that is enough. `full` where nobody said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Least(pub Level);

impl Default for Least {
    fn default() -> Self {
        Self(Level::Full)
    }
}

/// What a strict child and its descendants may use up, together where the machine has cgroups, else each, as far as a process can be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Processes and threads at once. Stops a fork bomb.
    pub processes: u32,
    /// Memory; `None` where only the machine's own limit holds.
    pub memory: Option<Bytes>,
    /// Processors; `None` where all of the machine can be used. Holds for all together, and, where the machine has no cgroup for it, not at
    /// all, which is then said when the child has ended.
    pub cpus: Option<Cpus>,
    /// Longest file that it can write; `None` where only the disk bounds it.
    pub file: Option<Bytes>,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self { processes: 4_096, memory: None, cpus: None, file: None }
    }
}

/// Folders of a run that a strict child sees because of what it is: the workspace of a command, the folders that its plugin may open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// To read and execute from.
    pub reads: BTreeSet<PathBuf>,
    /// To write in as well.
    pub writes: BTreeSet<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_enough_for_itself_and_all_below_and_namespaces_are_the_same_whoever_made_them() {
        for (index, level) in Level::ALL.into_iter().enumerate() {
            assert_eq!(level.name().parse::<Level>().unwrap(), level);
            for (other, least) in Level::ALL.into_iter().enumerate() {
                let same = level == Level::FullBwrap && least == Level::Full;
                assert_eq!(level.is_enough_for(least), index >= other || same, "{level} for {least}");
            }
        }
    }
}
