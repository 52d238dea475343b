//! Keeps a proof for the next start of this program.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, openat, renameat, unlinkat},
    process::getuid,
    system::uname,
};
use serde::{Deserialize, Serialize};

use super::report::Proof;
use crate::{
    policy::Level,
    sandbox::{bubblewrap, group},
};

/// The file in the folder that is remembered in.
const FILE: &str = "sandbox-proof.json";

/// Largest file that is read. A proof has a few kilobytes.
const LARGEST: u64 = 1 << 20;

/// A file that keeps a proof as long as nothing changes that it depends on.
#[derive(Debug)]
pub(in crate::sandbox) struct Memory {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Everything that the proof depends on.
    of: String,
    proof: Proof,
}

impl Memory {
    /// In this folder, which must exist and belong to the user.
    pub(in crate::sandbox) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is kept.
    pub(in crate::sandbox) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The proof that was found with this helper, on this machine since it was started, by this user.
    pub(in crate::sandbox) fn recall(&self, helper: &Path) -> Option<Proof> {
        let folder = self.open_folder().ok()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(openat(&folder, FILE, flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.nlink() != 1 || !is_ours_alone(&metadata) || metadata.len() > LARGEST {
            return None;
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.of == circumstances(helper)?).then_some(kept.proof)
    }

    /// Keep it. Where that is not possible it is found out again next time.
    pub(in crate::sandbox) fn keep(&self, helper: &Path, proof: &Proof) {
        // The next start pays for it; nothing else depends on it.
        let _ = self.try_to_keep(helper, proof);
    }

    /// Find it out again next time.
    pub(in crate::sandbox) fn forget(&self) {
        if let Ok(folder) = self.open_folder() {
            // It may never have been kept.
            let _ = unlinkat(&folder, FILE, rustix::fs::AtFlags::empty());
        }
    }

    fn try_to_keep(&self, helper: &Path, proof: &Proof) -> io::Result<()> {
        let of = circumstances(helper).ok_or(io::ErrorKind::NotFound)?;
        let text = serde_json::to_string_pretty(&Kept { of, proof: proof.clone() })?;
        let folder = self.open_folder()?;
        let name = format!(".{FILE}.{}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&folder, &name, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(text.as_bytes())?;
        Ok(renameat(&folder, &name, &folder, FILE)?)
    }

    /// The folder, where nobody else can write in it: a stranger's proof is none.
    fn open_folder(&self) -> io::Result<File> {
        let folder = File::open(&self.folder)?;
        if is_ours_alone(&folder.metadata()?) { Ok(folder) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

fn is_ours_alone(metadata: &fs::Metadata) -> bool {
    metadata.uid() == getuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// Everything that a proof depends on, as far as it can be seen. A container on the same machine has other namespaces, and other rights.
fn circumstances(helper: &Path) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let rights =
        status.lines().filter(|line| ["CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:"].iter().any(|start| line.starts_with(start)));
    let rights: Vec<_> = rights.collect();
    let namespaces: Vec<_> = ["user", "pid"].iter().filter_map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).ok()).collect();
    // Where only a group bounds how many processes there are, it matters where this process may make one.
    let groups = (!group::is_counted(Level::Full)).then(|| fs::read_to_string("/proc/self/cgroup").ok());
    let program = fs::metadata(helper).ok()?;
    let program = (program.dev(), program.ino(), program.size(), program.mtime(), program.mtime_nsec());
    let (system, user, bubblewrap) = (uname(), getuid().as_raw(), bubblewrap::identity());
    let (release, version) = (system.release(), system.version());
    let made_of = format!("{program:?} {rights:?} {namespaces:?} {groups:?} {bubblewrap:?}");
    Some(format!("{} {user} {release:?} {version:?} {made_of}", boot.trim()))
}
