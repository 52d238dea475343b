//! What bubblewrap is told, so that a sandbox of its making holds what was planned and nothing else.
//!
//! One thing is different: what the machine mounts later in a granted folder appears inside too. Where the folder is granted to be read,
//! Landlock keeps that from being written as well.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Seek, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{getgid, getuid},
};

use super::{
    devices, filesystem,
    namespaces::{HOST_NAME, has_own},
    plan::{Access, Plan},
    system,
};
use crate::{
    names::Bytes,
    policy::Network,
    sandbox::{supervisor::failed::Failed, wire::Step},
};

/// Always the same: every namespace there is, and none to be made in them; our own first process, without a right, in a folder that is there.
const ALWAYS: [&str; 14] = [
    "--unshare-user",
    "--disable-userns",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup",
    "--hostname",
    HOST_NAME,
    "--as-pid-1",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    "--chdir",
    "/",
];

/// Folders that every sandbox has, and that are none of the host's.
const OWN: [&str; 5] = ["/dev", "/dev/shm", "/etc", "/proc", "/tmp"];

/// The most that bubblewrap takes for the size of a folder in memory.
const LARGEST: u64 = u64::MAX >> 1;

/// What bubblewrap is told, and the files that it is told of by their descriptors.
///
/// A file is opened here, where a link on the way to it is refused, and shown by bubblewrap only if it is still that file.
#[derive(Default)]
pub(in crate::sandbox::supervisor) struct Arguments {
    arguments: Vec<u8>,
    files: Vec<OwnedFd>,
}

impl Arguments {
    /// Have it make namespaces and a root folder for this plan. `memory` bounds what can be written to the folders that are in memory.
    pub(in crate::sandbox::supervisor) fn new(plan: &Plan, memory: Option<Bytes>) -> Result<Self, Failed> {
        let mut arguments = Self::default();
        for word in ALWAYS {
            arguments.add(&[&word]);
        }
        if has_own(plan.network) {
            arguments.add(&[&"--unshare-net"]);
        }
        let written = arguments.furnish(plan.network, memory).map_err(Failed::confining("write the files of a root folder"))?;
        // Where one of these is a link outside, it is none here.
        let is_own = |link: &Path| OWN.iter().any(|own| link == Path::new(own)) || written.iter().any(|file| link == file);
        for (link, target) in plan.links.iter().filter(|(link, _)| !plan.is_inside(link) && !is_own(link)) {
            arguments.add(&[&"--symlink", &target, &link]);
        }
        // Outer folders come first.
        for (path, access) in &plan.trees {
            let file = filesystem::open(path).map_err(|error| Failed::new(Step::View, &error.into(), path))?;
            let number = arguments.hand_over(file);
            let how = if *access == Access::Write { "--bind-fd" } else { "--ro-bind-fd" };
            arguments.add(&[&how, &number, &path]);
        }
        for device in &plan.devices {
            arguments.add(&[&"--dev-bind", &device, &device]);
        }
        arguments.add(&[&"--remount-ro", &"/"]);
        Ok(arguments)
    }

    /// The arguments as an open file, since everybody can read those of a command line, and everything that has to be inherited with it.
    pub(in crate::sandbox::supervisor) fn finish(self) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
        Ok((in_memory(&self.arguments)?, self.files))
    }

    /// What every sandbox has. Answers with the files that were written for it.
    fn furnish(&mut self, network: Network, memory: Option<Bytes>) -> io::Result<Vec<PathBuf>> {
        self.add(&[&"--perms", &"0755", &"--dir", &"/dev"]);
        for folder in ["/tmp", "/dev/shm"] {
            if let Some(Bytes(memory)) = memory {
                // They cannot be two folders of one file system here, and both together must not hold more than what is granted.
                self.add(&[&"--size", &(memory / 2).clamp(1, LARGEST).to_string()]);
            }
            self.add(&[&"--perms", &"1777", &"--tmpfs", &folder]);
        }
        self.add(&[&"--proc", &"/proc", &"--remount-ro", &"/proc"]);
        for device in devices::HARMLESS {
            self.add(&[&"--dev-bind", &device, &device]);
        }
        let root = Path::new("/");
        for (link, target) in devices::LINKS {
            self.add(&[&"--symlink", &target, &root.join(link)]);
        }
        let mut written = Vec::new();
        for (file, text) in system::files(getuid().as_raw(), getgid().as_raw(), network) {
            let number = self.hand_over(in_memory(text.as_bytes())?);
            let file = root.join(file);
            self.add(&[&"--perms", &"0644", &"--file", &number, &file]);
            written.push(file);
        }
        Ok(written)
    }

    fn add(&mut self, words: &[&dyn AsRef<OsStr>]) {
        for word in words {
            self.arguments.extend_from_slice(word.as_ref().as_bytes());
            self.arguments.push(0);
        }
    }

    /// Have it inherit this file, and name that by its number.
    fn hand_over(&mut self, file: OwnedFd) -> String {
        let number = file.as_raw_fd().to_string();
        self.files.push(file);
        number
    }
}

/// A file without a name that holds these bytes, to be read from its beginning.
fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("worldflux", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::policy::{Level, View};

    /// What it is told about this view, word by word.
    fn told(view: &View, memory: Option<Bytes>) -> Vec<String> {
        let plan = Plan::new(view, Level::FullBwrap).map_err(|_| ()).unwrap();
        let (arguments, files) = Arguments::new(&plan, memory).map_err(|_| ()).unwrap().finish().unwrap();
        assert!(files.len() >= plan.trees.len());
        let mut text = String::new();
        File::from(arguments).read_to_string(&mut text).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_folder_is_shown_by_its_descriptor_as_it_was_granted_and_the_root_is_closed_last() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let inner = folder.join("inner");
        std::fs::create_dir(&inner).unwrap();
        let words = told(&View { writes: [folder.clone()].into(), reads: [inner.clone()].into(), ..View::default() }, None);
        let at = |path: &Path| words.iter().position(|word| Path::new(word) == path).unwrap();
        assert_eq!((words[at(&folder) - 2].as_str(), words[at(&inner) - 2].as_str()), ("--bind-fd", "--ro-bind-fd"));
        assert!(at(&folder) < at(&inner));
        assert!(words.ends_with(&["--remount-ro".into(), "/".into()]) && words.contains(&"--unshare-net".into()));
        assert!(!words.iter().any(|word| word == "--bind" || word == "--ro-bind" || word == "--dev" || word == "--size"));
    }

    #[test]
    fn the_folders_in_memory_hold_no_more_than_is_granted_and_a_network_of_the_machine_is_not_left() {
        let words = told(&View { network: Network::Machine, ..View::default() }, Some(Bytes::mebi(10)));
        let sizes = words.windows(2).filter(|pair| pair[0] == "--size").map(|pair| pair[1].parse::<u64>().unwrap());
        assert_eq!(sizes.collect::<Vec<_>>(), [5 << 20, 5 << 20]);
        assert!(!words.contains(&"--unshare-net".into()));
    }
}
