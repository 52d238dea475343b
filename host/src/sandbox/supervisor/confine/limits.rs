//! What a strict command may use up.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
};

use rustix::{
    fs::{Mode, OFlags, openat},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    system::uname,
};

use crate::{names::Bytes, policy::ChildLimits};

/// Open descriptors of one process. Stops a command from using up the descriptors of the whole machine.
const DESCRIPTORS: u64 = 65_536;

/// Processes of a sandbox that are not the command's: the supervisor, and the first one inside.
const OURS: u32 = 2;

/// The smallest number that the kernel takes for the processes of a namespace.
const FEWEST: u32 = 301;

/// Bound the processes of a whole namespace, by its own `/proc`; root as well, for whom the usual limit is void.
///
/// Kernels before 6.14 have one number for the whole machine there, which must stay as it is.
pub(super) fn bound_processes(proc: &OwnedFd, processes: u32) -> io::Result<()> {
    if !has_number_per_namespace() {
        return Ok(());
    }
    let file = openat(proc, "sys/kernel/pid_max", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let most = processes.saturating_add(OURS).max(FEWEST).min(1 << 22);
    File::from(file).write_all(most.to_string().as_bytes())
}

/// Whether `kernel.pid_max` belongs to a process namespace.
pub(super) fn has_number_per_namespace() -> bool {
    let release = uname();
    let mut numbers = release.release().to_str().unwrap_or_default().split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 14)
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

/// Most processes of the user, as the kernel counts them; `None` where the kernel would count others as well.
pub(super) fn processes(most: u32, level: crate::policy::Level) -> Option<u32> {
    // Inside of a user namespace those of the namespace are counted, else all of the user.
    (level != crate::policy::Level::KernelFilter).then(|| most.saturating_add(OURS))
}
