//! The root folder of a sandbox: nothing but what was planned.
#![allow(unsafe_code, reason = "one system call for which there is no wrapper yet")]

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, chmodat, fstat, mkdirat, openat, openat2, symlinkat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
        fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
    },
    process::{chdir, fchdir, getgid, getuid, pivot_root},
};

use super::{
    devices,
    init::Init,
    plan::{Access, Plan},
    system,
};
use crate::{
    names::Bytes,
    policy::Network,
    sandbox::{supervisor::failed::Failed, wire::Step},
};

/// Where the new root is put for a moment. A folder that every machine has; its own content is opened before.
const FOR_A_MOMENT: &str = "/usr";

/// A piece of the host that is not part of any tree at the moment.
struct Piece {
    mount: OwnedFd,
    is_folder: bool,
}

/// Make the planned root folder, and enter it. Nothing of the host is left that is not in the plan.
///
/// `memory` bounds what can be written to the folders that are in memory.
pub(in crate::sandbox::supervisor) fn build(plan: &Plan, init: &Init, memory: Option<Bytes>) -> Result<(), Failed> {
    // Nothing that is mounted here may appear outside, and nothing outside here.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(Failed::confining("make mounts private"))?;
    let pieces = open_pieces(plan)?;
    // Made meanwhile. Not later: a new one is refused to whoever has none any more.
    let proc = init.take_proc().map_err(Failed::confining("make the rest of its namespaces, and a new /proc"))?;
    init.join().map_err(Failed::confining("go into its namespaces"))?;
    let root = Root::new(memory).map_err(Failed::confining("make a root folder"))?;
    root.furnish(&proc, plan.network).map_err(Failed::confining("furnish the root folder"))?;
    for (link, target) in plan.links.iter().filter(|(link, _)| !plan.is_inside(link)) {
        root.link(link, target).map_err(|error| Failed::new(Step::View, &error.into(), link))?;
    }
    for (path, piece) in &pieces {
        root.place(path, piece, !plan.is_inside(path)).map_err(|error| Failed::new(Step::View, &error.into(), *path))?;
    }
    root.enter().map_err(Failed::confining("enter the root folder"))
}

/// Everything of the host that the sandbox will hold, outer folders first.
fn open_pieces(plan: &Plan) -> Result<Vec<(&Path, Piece)>, Failed> {
    use MountAttrFlags as Flags;
    let tree = plan.trees.iter().map(|(path, access)| {
        let read_only = if *access == Access::Read { Flags::MOUNT_ATTR_RDONLY } else { Flags::empty() };
        (path.as_path(), Flags::MOUNT_ATTR_NOSUID | Flags::MOUNT_ATTR_NODEV | read_only)
    });
    let device = |path| (path, Flags::MOUNT_ATTR_NOSUID | Flags::MOUNT_ATTR_NOEXEC);
    let devices = devices::HARMLESS.iter().map(Path::new).chain(plan.devices.iter().map(std::path::PathBuf::as_path)).map(device);
    let open = |(path, flags)| match Piece::open(path, flags) {
        Ok(piece) => Ok((path, piece)),
        Err(error) => Err(Failed::new(Step::View, &error.into(), path)),
    };
    tree.chain(devices).map(open).collect()
}

/// A file or a folder of the plan. That has no links in its paths: where there is one now, somebody has put it there since.
pub(super) fn open(path: &Path) -> Result<OwnedFd, Errno> {
    openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

impl Piece {
    fn open(path: &Path, flags: MountAttrFlags) -> Result<Self, Errno> {
        let file = open(path)?;
        let is_folder = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::Directory;
        let mount = open_tree(&file, c"", clone_flags() | OpenTreeFlags::AT_RECURSIVE)?;
        // Flags are only added: what the host has locked stays locked, and a file system that is read-only stays so.
        set_attributes(&mount, flags)?;
        Ok(Self { mount, is_folder })
    }
}

fn clone_flags() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH
}

/// Add `flags` to a mount, and to everything that is mounted in it.
pub(super) fn set_attributes(mount: &OwnedFd, flags: MountAttrFlags) -> Result<(), Errno> {
    change(mount, flags, libc::AT_RECURSIVE)
}

fn change(mount: &OwnedFd, flags: MountAttrFlags, depth: libc::c_int) -> Result<(), Errno> {
    let attributes = libc::mount_attr { attr_set: flags.bits().into(), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let how = libc::c_long::from(libc::AT_EMPTY_PATH | depth);
    // SAFETY: the path is an empty string, and the last two arguments are a value of the expected type and its size.
    let done = unsafe {
        let size = size_of::<libc::mount_attr>();
        libc::syscall(libc::SYS_mount_setattr, mount.as_raw_fd(), c"".as_ptr(), how, &raw const attributes, size)
    };
    if done == 0 { Ok(()) } else { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)) }
}

/// The new root folder, in memory.
struct Root(OwnedFd);

impl Root {
    fn new(memory: Option<Bytes>) -> Result<Self, Errno> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "mode", "0755")?;
        if let Some(Bytes(memory)) = memory {
            fsconfig_set_string(&context, "size", memory.to_string())?;
        }
        fsconfig_create(&context)?;
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        attach(&root, CWD, FOR_A_MOMENT)?;
        Ok(Self(root))
    }

    /// What every sandbox has.
    fn furnish(&self, proc: &OwnedFd, network: Network) -> Result<(), Errno> {
        for (folder, mode) in [("tmp", 0o1777), ("dev", 0o755), ("dev/shm", 0o1777), ("etc", 0o755), ("proc", 0o555)] {
            mkdirat(&self.0, folder, Mode::RWXU)?;
            // Not by the call before: the user's mask would take rights away.
            chmodat(&self.0, folder, Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        for folder in ["tmp", "dev/shm"] {
            // Mounts of their own, so that they stay writable when the root no longer is.
            let file = openat(&self.0, folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            attach(&open_tree(&file, c"", clone_flags())?, &self.0, folder)?;
        }
        attach(proc, &self.0, "proc")?;
        for (link, target) in devices::LINKS {
            symlinkat(target, &self.0, link)?;
        }
        for (file, text) in system::files(getuid().as_raw(), getgid().as_raw(), network) {
            let mut file = File::from(self.file(file)?);
            file.write_all(text.as_bytes()).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        Ok(())
    }

    fn link(&self, link: &Path, target: &Path) -> Result<(), Errno> {
        let link = inside(link);
        self.folders_above(link)?;
        allow_existing(symlinkat(target, &self.0, link))
    }

    fn place(&self, path: &Path, piece: &Piece, is_new: bool) -> Result<(), Errno> {
        let path = inside(path);
        if is_new {
            self.folders_above(path)?;
            if piece.is_folder {
                allow_existing(mkdirat(&self.0, path, Mode::from_raw_mode(0o755)))?;
            } else {
                self.file(path)?;
            }
        }
        attach(&piece.mount, &self.0, path)
    }

    fn file(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let file = openat(&self.0, path, OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::RWXU)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
        Ok(file)
    }

    fn folders_above(&self, path: &Path) -> Result<(), Errno> {
        let mut above: Vec<_> = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).collect();
        above.reverse();
        above.into_iter().try_for_each(|folder| allow_existing(mkdirat(&self.0, folder, Mode::from_raw_mode(0o755))))
    }

    /// Make this the root, let go of the old one, and let nobody write in it.
    fn enter(&self) -> Result<(), Errno> {
        fchdir(&self.0)?;
        pivot_root(c".", c".")?;
        // The old root lies over the new one now.
        unmount(c".", UnmountFlags::DETACH)?;
        chdir(c"/")?;
        change(&self.0, MountAttrFlags::MOUNT_ATTR_RDONLY, 0)
    }
}

fn attach<P: rustix::path::Arg>(mount: &OwnedFd, at: impl AsFd, path: P) -> Result<(), Errno> {
    move_mount(mount, c"", at, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn allow_existing(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}
