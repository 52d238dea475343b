//! The group of one tree, made and taken down.

use std::{cmp::Reverse, fmt::Write as _, fs};

use rustix::process::Pid;

use super::{
    bound::{Bound, Controller, needed},
    part::Part,
    place::{places, sweep},
};
use crate::{
    names::{Bytes, Cpus},
    policy::{Amount, ChildLimits, Level},
};

/// A group for one tree. Its folders are removed when this is dropped, which is to be after the tree is gone.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Group {
    parts: Vec<Part>,
    cpus: Option<Cpus>,
}

impl Group {
    /// A group for a command with these limits. It has no folder, and bounds nothing, where none is needed, and where this host may make
    /// none.
    pub(in crate::sandbox) fn make(limits: &ChildLimits, level: Level) -> Self {
        let mut group = Self { parts: vec![], cpus: limits.cpus };
        let needed = needed(limits, level);
        if needed.is_empty() {
            return group;
        }
        // Where there is a folder for something else, it costs nothing more.
        let free = [Bound::processes(limits)].into_iter().filter(|bound| !needed.contains(bound));
        let all: Vec<_> = needed.iter().copied().chain(free).collect();
        let mut places = places();
        places.sort_by_key(|place| Reverse(needed.iter().filter(|bound| place.offers(**bound)).count()));
        for place in places {
            let is_open = |bound: &Bound| place.offers(*bound) && !group.keeps(bound.controller());
            // A process is in one folder of a tree: to put it into a second one would take it out of the first.
            if needed.iter().any(is_open) && group.parts.iter().all(|part| part.tree != place.tree) {
                let bounds: Vec<_> = all.iter().copied().filter(is_open).collect();
                sweep(&place.parent);
                group.parts.extend(Part::make(&place, &bounds));
            }
        }
        group
    }

    /// Put a process into it, and everything that it starts from now on. A folder that takes no process is given up: it bounds nothing.
    pub(in crate::sandbox) fn take(&mut self, pid: Pid) {
        self.parts.retain(|part| part.take(pid).is_ok());
    }

    /// What there is to say of it when its tree has ended: what it did, and what it could not do.
    pub(in crate::sandbox) fn evidence(&self) -> String {
        let mut evidence = String::new();
        let ended = self.ended_for_memory();
        if ended > 0 {
            let processes = if ended == 1 { "process" } else { "processes" };
            let _ = write!(evidence, "; the kernel ended {ended} {processes} of it at the limit on memory");
        }
        if let Some(cpus) = self.cpus.filter(|_| !self.keeps(Controller::Processors)) {
            let _ = write!(evidence, "; {} was not kept: this user may make no cgroup for processors here", Amount::Cpus(cpus));
        }
        evidence
    }

    /// How often the kernel has ended a process of it because memory was used up.
    fn ended_for_memory(&self) -> u64 {
        let Some(part) = self.parts.iter().find(|part| part.keeps.contains(&Controller::Memory)) else { return 0 };
        let file = if part.is_unified() { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(part.folder.join(file)).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    fn keeps(&self, controller: Controller) -> bool {
        self.parts.iter().any(|part| part.keeps.contains(&controller))
    }
}

/// Whether a limit of this kind holds for a whole tree on this machine. Makes a group, and removes it again.
pub(in crate::sandbox) fn is_there(controller: Controller) -> bool {
    let limits = ChildLimits { memory: Some(Bytes::gibi(1)), cpus: Some(Cpus::ONE), ..ChildLimits::default() };
    Group::make(&limits, Level::Full).keeps(controller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_there_and_gone_and_a_dead_host_leaves_none() {
        let limits = ChildLimits { memory: Some(Bytes::mebi(64)), cpus: Some(Cpus::ONE), ..ChildLimits::default() };
        let group = Group::make(&limits, Level::Full);
        let is_said = group.evidence().contains("cpus=1 was not kept");
        assert_eq!((group.keeps(Controller::Processors), group.ended_for_memory()), (!is_said, 0));
        for part in group.parts.iter().filter(|part| part.keeps.contains(&Controller::Processors)) {
            let file = if part.is_unified() { "cpu.max" } else { "cpu.cfs_quota_us" };
            let quota = fs::read_to_string(part.folder.join(file)).unwrap();
            // Nothing of its own where a group above has less.
            assert!(["100000 100000", "100000", "-1"].contains(&quota.trim()), "{quota}");
        }
        let folders: Vec<_> = group.parts.iter().map(|part| part.folder.clone()).collect();
        assert!(folders.iter().all(|folder| folder.exists()));
        drop(group);
        assert!(!folders.iter().any(|folder| folder.exists()));
        // No process has the number 0x3fff_fff0.
        let left: Vec<_> = folders.iter().map(|folder| folder.with_file_name("worldflux-1073741808-0")).collect();
        for folder in &left {
            fs::create_dir(folder).unwrap();
        }
        drop(Group::make(&limits, Level::Full));
        assert!(!left.iter().any(|folder| folder.exists()));
    }

    #[test]
    fn a_command_that_needs_no_group_has_none() {
        let own = ChildLimits::default();
        assert!(!needed(&own, Level::Full).is_empty() || Group::make(&own, Level::Full).parts.is_empty());
    }
}
