//! A limit that holds for all processes of a tree together: a group of the kernel (`man 7 cgroups`), where this host may make one.
//!
//! Only a limit on memory needs one. The processes of a tree are counted by their namespace, and moving a process into a group can take
//! longer than all the rest of a start, so a command without such a limit has none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, test_kill_process};

use crate::{names::Bytes, policy::ChildLimits};

/// Where the kernel shows its groups (`man 7 cgroups`).
const ROOT: &str = "/sys/fs/cgroup";

/// What a group is called, before the number of the host that made it.
const NAME: &str = "worldflux-";

/// What the supervisor and the first process inside need for themselves.
const OURS: u64 = 8 << 20;

/// How long the kernel may take to notice that the last process of a group is gone.
const EMPTY: Duration = Duration::from_millis(500);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A group for one tree. Its folder is removed when this is dropped, which is to be after the tree is gone.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    kind: Kind,
}

/// The two forms in which a kernel offers groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One tree of folders for everything.
    Unified,
    /// A tree for memory alone, of before that.
    Memory,
}

impl Group {
    /// A group with the limit on memory; `None` where there is no such limit, and where this host may make no group. Each process then has
    /// the limit for itself.
    pub(super) fn make(limits: &ChildLimits) -> Option<Self> {
        let Bytes(memory) = limits.memory?;
        places().into_iter().find_map(|(parent, kind)| {
            sweep(&parent);
            let group = Self::begin(&parent, kind).ok()?;
            // Dropped, and so removed, where it cannot bound anything.
            group.bound(memory.saturating_add(OURS)).ok()?;
            Some(group)
        })
    }

    /// Put a process into it, and everything that it starts from now on.
    pub(super) fn take(&self, pid: Pid) -> io::Result<()> {
        write(&self.folder.join("cgroup.procs"), &pid.as_raw_nonzero().get().to_string())
    }

    /// How often the kernel has ended a process of it because memory was used up.
    pub(super) fn ended_for_memory(&self) -> u64 {
        let file = match self.kind {
            Kind::Unified => "memory.events",
            Kind::Memory => "memory.oom_control",
        };
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    fn begin(parent: &Path, kind: Kind) -> io::Result<Self> {
        let name = format!("{NAME}{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = parent.join(name);
        fs::create_dir(&folder)?;
        Ok(Self { folder, kind })
    }

    fn bound(&self, memory: u64) -> io::Result<()> {
        let (set, memory) = (|file: &str, value: &str| write(&self.folder.join(file), value), memory.to_string());
        match self.kind {
            Kind::Unified => {
                set("memory.max", &memory)?;
                // Missing where the machine has no swap.
                set_if_there(&self.folder.join("memory.swap.max"), "0")
            }
            Kind::Memory => {
                set("memory.limit_in_bytes", &memory)?;
                set_if_there(&self.folder.join("memory.memsw.limit_in_bytes"), &memory)
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let until = Instant::now() + EMPTY;
        // What is left after that is removed by the next one that is made here.
        while fs::remove_dir(&self.folder).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether a limit on memory holds for a whole tree on this machine. Makes a group, and removes it again.
pub(super) fn is_there() -> bool {
    Group::make(&ChildLimits { memory: Some(Bytes::gibi(1)), ..ChildLimits::default() }).is_some()
}

/// The folders in which a group for memory could be made, by what the kernel says of this process.
fn places() -> Vec<(PathBuf, Kind)> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let root = Path::new(ROOT);
    own.lines().flat_map(|line| place(root, line)).filter(|(parent, kind)| offers_memory(parent, *kind)).collect()
}

/// What one line of `/proc/self/cgroup` says: a number, controllers, a path.
fn place(root: &Path, line: &str) -> Vec<(PathBuf, Kind)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return vec![] };
    let path = Path::new(path.trim_start_matches('/'));
    match controllers {
        // A folder that has processes of its own cannot divide memory among others, but for the first: beside itself it may.
        "" => [Some(path), path.parent()].into_iter().flatten().map(|path| (root.join(path), Kind::Unified)).collect(),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            vec![(root.join(controllers).join(path), Kind::Memory)]
        }
        _ => vec![],
    }
}

fn offers_memory(parent: &Path, kind: Kind) -> bool {
    match kind {
        Kind::Unified => {
            let offered = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
            offered.split_whitespace().any(|controller| controller == "memory")
        }
        Kind::Memory => parent.join("memory.limit_in_bytes").exists(),
    }
}

/// Remove what hosts left there that were killed. A folder in which a process still is cannot be removed.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse().ok());
        let is_left = maker.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
        if is_left {
            // One that somebody else removed meanwhile is gone as well.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn set_if_there(path: &Path, value: &str) -> io::Result<()> {
    match write(path, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A setting of the kernel: it is there already, or not at all.
fn write(path: &Path, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut fs::OpenOptions::new().write(true).open(path)?, value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_where_this_process_is() {
        let root = Path::new("/groups");
        let unified = |paths: &[&str]| paths.iter().map(|path| (root.join(path), Kind::Unified)).collect::<Vec<_>>();
        let scope = "user.slice/user@1000.service/app.slice/run-1.scope";
        assert_eq!(place(root, &format!("0::/{scope}")), unified(&[scope, "user.slice/user@1000.service/app.slice"]));
        assert_eq!(place(root, "0::/"), unified(&[""]));
        assert_eq!(place(root, "4:memory:/a/b"), [(root.join("memory/a/b"), Kind::Memory)]);
        assert_eq!(place(root, "8:pids:/"), []);
        assert_eq!(place(root, "nonsense"), []);
    }

    #[test]
    fn a_group_is_there_and_gone_and_a_dead_host_leaves_none() {
        if !is_there() {
            // Then there is nowhere to make one, and nothing can be left.
            assert!(places().into_iter().all(|(parent, kind)| Group::begin(&parent, kind).is_err()));
            return;
        }
        let limits = ChildLimits { memory: Some(Bytes::mebi(64)), ..ChildLimits::default() };
        let group = Group::make(&limits).unwrap();
        let folder = group.folder.clone();
        assert!(folder.exists());
        assert_eq!(group.ended_for_memory(), 0);
        drop(group);
        assert!(!folder.exists());
        // No process has the number 0x3fff_fff0.
        let left = folder.with_file_name(format!("{NAME}1073741808-0"));
        fs::create_dir(&left).unwrap();
        drop(Group::make(&limits));
        assert!(!left.exists());
    }
}
