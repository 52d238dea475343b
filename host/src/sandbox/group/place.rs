//! Where groups could be made.

use std::{
    fs, iter,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, test_kill_process};

use super::bound::{Bound, Controller};

/// Where the kernel shows its groups (`man 7 cgroups`).
const ROOT: &str = "/sys/fs/cgroup";

/// What a group is called, before the number of the host that made it.
pub(super) const NAME: &str = "worldflux-";

/// A folder in which a group could be made.
#[derive(Debug)]
pub(super) struct Place {
    /// The controllers to which its tree of folders belongs; nothing for the one that belongs to all, which is the newer form.
    pub(super) tree: String,
    pub(super) parent: PathBuf,
    pub(super) offers: Vec<Controller>,
}

impl Place {
    pub(super) fn offers(&self, bound: Bound) -> bool {
        self.offers.contains(&bound.controller())
    }
}

/// The folders in which a group could be made, by what the kernel says of this process.
pub(super) fn places() -> Vec<Place> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let all = own.lines().flat_map(|line| folders(Path::new(ROOT), line));
    all.map(|(tree, parent)| Place { offers: offered(&tree, &parent), tree, parent }).collect()
}

/// What one line of `/proc/self/cgroup` says: a number, controllers, a path. Each folder with its tree.
fn folders(root: &Path, line: &str) -> Vec<(String, PathBuf)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(tree), Some(path)) = (parts.next(), parts.next()) else { return vec![] };
    let path = Path::new(path.trim_start_matches('/'));
    let folders: Vec<_> = if tree.is_empty() {
        // A folder that has processes of its own cannot divide anything among others, but for the first: beside itself it may.
        [Some(path), path.parent()].into_iter().flatten().map(|path| root.join(path)).collect()
    } else {
        // A tree of several controllers may have another name there, and then has each of theirs.
        let names = iter::once(tree).chain(tree.split(',').filter(|name| *name != tree));
        names.map(|name| root.join(name).join(path)).collect()
    };
    folders.into_iter().map(|folder| (tree.to_owned(), folder)).collect()
}

/// What the groups in a folder of this tree can bound.
fn offered(tree: &str, parent: &Path) -> Vec<Controller> {
    let names = match tree {
        "" => fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default(),
        _ if parent.join("cgroup.procs").exists() => tree.replace(',', " "),
        _ => String::new(),
    };
    Controller::ALL.into_iter().filter(|controller| names.split_whitespace().any(|name| name == controller.name())).collect()
}

/// Remove what hosts left there that were killed. A folder in which a process still is cannot be removed.
pub(super) fn sweep(parent: &Path) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_where_this_process_is() {
        let of = |line: &str| {
            let folders = folders(Path::new("/groups"), line).into_iter();
            folders.map(|(tree, folder)| format!("{tree} {}", folder.display())).collect::<Vec<_>>()
        };
        let slice = "/user.slice/user@1000.service/app.slice";
        assert_eq!(of(&format!("0::{slice}/run-1.scope")), [format!(" /groups{slice}/run-1.scope"), format!(" /groups{slice}")]);
        assert_eq!(of("0::/"), [" /groups/"]);
        assert_eq!(of("4:memory:/a/b"), ["memory /groups/memory/a/b"]);
        let both = ["cpu,cpuacct /groups/cpu,cpuacct/a:b", "cpu,cpuacct /groups/cpu/a:b", "cpu,cpuacct /groups/cpuacct/a:b"];
        assert_eq!(of("3:cpu,cpuacct:/a:b"), both);
        assert_eq!(of("nonsense"), [""; 0]);
    }

    #[test]
    fn a_folder_offers_what_the_kernel_hands_down_to_it() {
        let place = tempfile::tempdir().unwrap();
        let all = ["", "cpu,cpuacct", "pids", "name=systemd"].map(|tree| offered(tree, place.path()));
        assert_eq!(all, [vec![], vec![], vec![], vec![]]);
        fs::write(place.path().join("cgroup.subtree_control"), "cpuset cpu pids\n").unwrap();
        fs::write(place.path().join("cgroup.procs"), "").unwrap();
        let all = ["", "cpu,cpuacct", "pids", "name=systemd"].map(|tree| offered(tree, place.path()));
        assert_eq!(
            all,
            [vec![Controller::Processors, Controller::Processes], vec![Controller::Processors], vec![Controller::Processes], vec![]]
        );
    }
}
