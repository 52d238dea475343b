//! What a strict command may use up.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
};

use rustix::{
    fs::{Mode, OFlags, openat},
    process::{Resource, Rlimit, getrlimit, getuid, setrlimit},
};

use crate::{
    names::Bytes,
    policy::{ChildLimits, Level},
    sandbox::{group::OUR_PROCESSES, proc},
};

/// Open descriptors of one process. Stops a command from using up the descriptors of the whole machine.
const DESCRIPTORS: u64 = 65_536;

/// The smallest number that the kernel takes for the processes of a namespace.
const FEWEST: u32 = 301;

/// The largest.
const MOST: u32 = 1 << 22;

/// Bound the processes of a whole namespace, by its own `/proc`; root as well, for whom the usual limit is void.
///
/// Kernels before 6.14 have one number for the whole machine there, which must stay as it is. A group then bounds the processes of root.
pub(in crate::sandbox::supervisor) fn bound_processes(proc: &OwnedFd, processes: u32) -> io::Result<()> {
    if !proc::has_number_per_namespace() {
        return Ok(());
    }
    let file = openat(proc, "sys/kernel/pid_max", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let most = processes.saturating_add(OUR_PROCESSES).clamp(FEWEST, MOST);
    File::from(file).write_all(most.to_string().as_bytes())
}

/// Limit this process, and everything that comes of it.
pub(super) fn apply(limits: &ChildLimits, processes: Option<u32>) -> io::Result<()> {
    let ChildLimits { memory, file, .. } = *limits;
    // A core file would hold the command's memory, secrets included, and can fill a disk.
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, DESCRIPTORS)?;
    if let Some(processes) = processes {
        lower(Resource::Nproc, u64::from(processes))?;
    }
    if let Some(Bytes(file)) = file {
        lower(Resource::Fsize, file)?;
    }
    if let Some(Bytes(memory)) = memory {
        // Not the size of the address space: libraries for graphics processors reserve a great deal of that and never use it.
        lower(Resource::Data, memory)?;
    }
    Ok(())
}

/// Set a limit, unless it is lower already.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    Ok(setrlimit(resource, Rlimit { current: least(current), maximum: least(maximum) })?)
}

/// Most processes of the user, as the kernel counts them; `None` where it counts none, as for root outside of a namespace.
pub(super) fn processes(most: u32, level: Level) -> Option<u32> {
    match level {
        // Those of the user on the whole machine are counted, so what runs already has to have its place.
        Level::KernelFilter if getuid().is_root() => None,
        Level::KernelFilter => Some(most.saturating_add(threads_of_the_user())),
        // Those of the namespace are counted.
        _ => Some(most.saturating_add(OUR_PROCESSES)),
    }
}

fn threads_of_the_user() -> u32 {
    let user = getuid().as_raw();
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let own = folders.filter(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == user));
    let threads = own.map(|folder| fs::read_dir(folder.join("task")).map_or(0, Iterator::count)).sum::<usize>();
    u32::try_from(threads).unwrap_or(u32::MAX)
}
