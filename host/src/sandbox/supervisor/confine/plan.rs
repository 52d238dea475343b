//! What a sandbox will hold, as paths.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

use rustix::io::Errno;

use super::{devices, system};
use crate::{
    policy::{Level, Network, View},
    sandbox::{supervisor::failed::Failed, wire::Step},
};

/// Most links on the way to one file, as the kernel has it.
const LINKS: usize = 40;

/// What can be done in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What a sandbox will hold. Made while the host's files are still there to be looked at.
#[derive(Debug, Default)]
pub(in crate::sandbox::supervisor) struct Plan {
    /// Symbolic links that lie on the way to a tree, and what they say.
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
    /// Files and folders of the host, by a path without links. What lies in another tree of the same access is not listed.
    pub(super) trees: BTreeMap<PathBuf, Access>,
    /// The graphics processors.
    pub(super) devices: Vec<PathBuf>,
    /// Which network there is.
    pub(super) network: Network,
}

impl Plan {
    /// The system's own programs and libraries, and the view.
    pub(in crate::sandbox::supervisor) fn new(view: &View, level: Level) -> Result<Self, Failed> {
        let mut plan = Self { network: view.network, ..Self::default() };
        let own = if level == Level::KernelFilter { system::READABLE_OUTSIDE } else { &[] };
        let mut given: Vec<PathBuf> = system::READABLE.iter().chain(own).map(PathBuf::from).collect();
        if view.gpu {
            plan.devices = devices::graphics();
            given.extend(devices::knowledge());
        }
        for path in given {
            // None of them is on every machine.
            if let Ok(found) = plan.resolve(&path) {
                plan.trees.insert(found.path, Access::Read);
            }
        }
        let mut guarded = Vec::new();
        for (paths, access) in [(&view.reads, Access::Read), (&view.writes, Access::Write)] {
            for path in paths {
                let failed = |error: io::Error| Failed::new(Step::View, &error, path);
                if is_reserved(path) {
                    return Err(failed(Errno::PERM.into()));
                }
                let found = plan.resolve(path).map_err(failed)?;
                if is_reserved(&found.path) {
                    return Err(failed(Errno::PERM.into()));
                }
                plan.trees.insert(found.path.clone(), access);
                guarded.push((path, found));
            }
        }
        let writes: BTreeSet<_> = plan.trees.iter().filter(|(_, access)| **access == Access::Write).map(|(path, _)| path).collect();
        let is_writable = |path: &Path| path.ancestors().any(|above| writes.contains(&above.to_path_buf()));
        // A command that ran here before can have made these links. They must not open what was not granted.
        let led_out = |found: &Found| found.links.iter().any(|link| is_writable(link)) && !is_writable(&found.path);
        if let Some((path, _)) = guarded.iter().find(|(_, found)| led_out(found)) {
            return Err(Failed::new(Step::View, &Errno::XDEV.into(), *path));
        }
        plan.prune();
        Ok(plan)
    }

    /// Whether this is in one of the trees, and not the top of it.
    pub(super) fn is_inside(&self, path: &Path) -> bool {
        path.ancestors().skip(1).any(|above| self.trees.contains_key(above))
    }

    /// Follow every link on the way to `path`, and keep them.
    fn resolve(&mut self, path: &Path) -> io::Result<Found> {
        let mut rest: VecDeque<OsString> = names(path)?;
        let (mut at, mut links) = (PathBuf::from("/"), Vec::new());
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(name);
            if !fs::symlink_metadata(&next)?.is_symlink() {
                at = next;
                continue;
            }
            let target = fs::read_link(&next)?;
            links.push(next.clone());
            if links.len() > LINKS {
                return Err(Errno::LOOP.into());
            }
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for name in names(&target)?.into_iter().rev() {
                rest.push_front(name);
            }
            self.links.insert(next, target);
        }
        Ok(Found { path: at, links })
    }

    /// A tree inside of another one with the same access is there already.
    fn prune(&mut self) {
        let trees = self.trees.clone();
        let nearest = |path: &Path| path.ancestors().skip(1).find_map(|above| trees.get(above));
        self.trees.retain(|path, access| nearest(path) != Some(access));
    }
}

/// Where a path leads.
struct Found {
    path: PathBuf,
    /// The links on the way.
    links: Vec<PathBuf>,
}

fn names(path: &Path) -> io::Result<VecDeque<OsString>> {
    let mut names = VecDeque::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => names.push_back("..".into()),
            Component::Normal(name) => names.push_back(name.to_owned()),
            Component::Prefix(_) => return Err(Errno::INVAL.into()),
        }
    }
    Ok(names)
}

/// What no view can hold: everything at once, and the folders that are the sandbox's own.
fn is_reserved(path: &Path) -> bool {
    !path.is_absolute() || path == Path::new("/") || ["/proc", "/sys", "/dev"].iter().any(|own| path.starts_with(own))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn plan(reads: &[&Path], writes: &[&Path]) -> Result<Plan, Failed> {
        let set = |paths: &[&Path]| paths.iter().map(PathBuf::from).collect();
        Plan::new(&View { reads: set(reads), writes: set(writes), ..View::default() }, Level::Full)
    }

    #[test]
    fn every_link_on_the_way_is_kept_and_the_tree_has_a_path_without_links() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("real/inner")).unwrap();
        symlink("real", folder.join("relative")).unwrap();
        symlink(folder.join("relative/inner"), folder.join("absolute")).unwrap();
        let plan = plan(&[&folder.join("absolute")], &[]).map_err(|_| ()).unwrap();
        assert_eq!(plan.trees.get(&folder.join("real/inner")), Some(&Access::Read));
        assert!(plan.links.contains_key(&folder.join("relative")) && plan.links.contains_key(&folder.join("absolute")));
    }

    #[test]
    fn a_link_that_a_command_can_have_made_opens_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("secret")).unwrap();
        fs::create_dir_all(folder.join("work")).unwrap();
        symlink("../secret", folder.join("work/data")).unwrap();
        let failed = plan(&[&folder.join("work/data")], &[&folder.join("work")]).unwrap_err();
        assert_eq!((failed.step, failed.errno), (Step::View, Errno::XDEV.raw_os_error()));
        assert!(plan(&[&folder.join("work/data")], &[]).is_ok(), "nothing of it is writable");
    }

    #[test]
    fn a_tree_inside_of_a_tree_is_listed_only_where_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (same, narrower) = (folder.join("same"), folder.join("narrower"));
        fs::create_dir_all(&same).unwrap();
        fs::create_dir_all(&narrower).unwrap();
        let plan = plan(&[&narrower, Path::new("/usr/bin")], &[&folder, &same]).map_err(|_| ()).unwrap();
        assert_eq!(plan.trees.get(&narrower), Some(&Access::Read));
        assert_eq!((plan.trees.get(&same), plan.trees.get(Path::new("/usr/bin"))), (None, None));
        assert!(plan.is_inside(&same) && !plan.is_inside(&folder));
    }

    #[test]
    fn everything_at_once_and_what_the_sandbox_makes_itself_cannot_be_granted() {
        for path in ["/", "/proc/1", "/sys", "/dev/mem", "relative"] {
            assert!(plan(&[Path::new(path)], &[]).is_err(), "{path}");
        }
        assert!(plan(&[Path::new("/no/such/folder")], &[]).is_err());
    }
}
