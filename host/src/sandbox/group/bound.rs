//! What a group bounds, and when only a group can.

use rustix::process::getuid;

use crate::{
    names::Bytes,
    policy::{ChildLimits, Level},
    sandbox::proc,
};

/// Memory that the supervisor and the first process inside need for themselves.
const OUR_MEMORY: u64 = 8 << 20;

/// The same of processes: these two.
pub(in crate::sandbox) const OUR_PROCESSES: u32 = 2;

/// The largest number of processes that the kernel takes.
const MOST_PROCESSES: u32 = 1 << 22;

/// Microseconds after which the time of processors is given out anew. A hundredth of a processor is the least that the kernel takes with it.
pub(super) const PERIOD: u64 = 100_000;

/// What the kernel can bound for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Controller {
    Memory,
    Processors,
    Processes,
}

/// One limit of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Memory(u64),
    /// Microseconds in each period.
    Processors(u64),
    Processes(u32),
}

impl Controller {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Processors, Self::Processes];

    /// What the kernel calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processors => "cpu",
            Self::Processes => "pids",
        }
    }
}

impl Bound {
    pub(super) fn processes(limits: &ChildLimits) -> Self {
        Self::Processes(limits.processes.saturating_add(OUR_PROCESSES).min(MOST_PROCESSES))
    }

    pub(super) const fn controller(self) -> Controller {
        match self {
            Self::Memory(_) => Controller::Memory,
            Self::Processors(_) => Controller::Processors,
            Self::Processes(_) => Controller::Processes,
        }
    }
}

/// Whether the kernel bounds the number of processes at this level without a group. The limit that it has for a user is void for root, and the
/// one that it has for a namespace is newer.
pub(in crate::sandbox) fn is_counted(level: Level) -> bool {
    !getuid().is_root() || (level.is_enough_for(Level::FullBwrap) && proc::has_number_per_namespace())
}

/// What only a group can bound.
pub(super) fn needed(limits: &ChildLimits, level: Level) -> Vec<Bound> {
    let memory = limits.memory.map(|Bytes(memory)| Bound::Memory(memory.saturating_add(OUR_MEMORY)));
    let processors = limits.cpus.map(|cpus| Bound::Processors(u64::from(cpus.thousandths()) * (PERIOD / 1_000)));
    let processes = (!is_counted(level)).then(|| Bound::processes(limits));
    [memory, processors, processes].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_else_bounds_needs_a_group() {
        let limits = ChildLimits { memory: Some(Bytes(1)), cpus: "0.5".parse().ok(), processes: u32::MAX, ..ChildLimits::default() };
        let mut bounds = vec![Bound::Memory(OUR_MEMORY + 1), Bound::Processors(50_000)];
        if getuid().is_root() {
            // The kernel counts those of root in namespaces only.
            bounds.push(Bound::Processes(MOST_PROCESSES));
        }
        assert_eq!(needed(&limits, Level::KernelFilter), bounds);
        assert_eq!(needed(&ChildLimits::default(), Level::Full).is_empty(), is_counted(Level::Full));
    }
}
