//! The folder of a group in one tree of folders, and the words that the kernel has there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Pid;

use super::{
    bound::{Bound, Controller, PERIOD},
    place::{NAME, Place},
};

/// How long the kernel may take to notice that the last process of a group is gone.
const EMPTY: Duration = Duration::from_millis(500);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The folder of a group in one tree of folders.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) folder: PathBuf,
    pub(super) tree: String,
    pub(super) keeps: Vec<Controller>,
}

impl Part {
    /// A folder with as many of these limits as the kernel takes; `None` where that is none of them.
    pub(super) fn make(place: &Place, bounds: &[Bound]) -> Option<Self> {
        let folder = place.parent.join(format!("{NAME}{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&folder).ok()?;
        let mut part = Self { folder, tree: place.tree.clone(), keeps: vec![] };
        for bound in bounds {
            if part.set(*bound).is_ok() {
                part.keeps.push(bound.controller());
            }
        }
        // Dropped, and so removed, where it cannot bound anything.
        (!part.keeps.is_empty()).then_some(part)
    }

    /// Put a process into it.
    pub(super) fn take(&self, pid: Pid) -> io::Result<()> {
        write(&self.folder.join("cgroup.procs"), &pid.as_raw_nonzero().get().to_string())
    }

    fn set(&self, bound: Bound) -> io::Result<()> {
        let set = |file: &str, value: String| write(&self.folder.join(file), &value);
        match bound {
            Bound::Memory(bytes) if self.is_unified() => {
                set("memory.max", bytes.to_string())?;
                // Missing where the machine has no swap.
                but_for(io::ErrorKind::NotFound, set("memory.swap.max", "0".to_owned()))
            }
            Bound::Memory(bytes) => {
                set("memory.limit_in_bytes", bytes.to_string())?;
                but_for(io::ErrorKind::NotFound, set("memory.memsw.limit_in_bytes", bytes.to_string()))
            }
            Bound::Processors(time) if self.is_unified() => set("cpu.max", format!("{time} {PERIOD}")),
            Bound::Processors(time) => {
                set("cpu.cfs_period_us", PERIOD.to_string())?;
                // Refused where a group above has less, which then holds for this one as well.
                but_for(io::ErrorKind::InvalidInput, set("cpu.cfs_quota_us", time.to_string()))
            }
            Bound::Processes(number) => set("pids.max", number.to_string()),
        }
    }

    /// Whether it is in the one tree of folders that belongs to all controllers.
    pub(super) fn is_unified(&self) -> bool {
        self.tree.is_empty()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let until = Instant::now() + EMPTY;
        // What is left after that is removed by the next one that is made here.
        while fs::remove_dir(&self.folder).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A result for which this one error is as good as none.
fn but_for(harmless: io::ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == harmless => Ok(()),
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
    fn each_form_of_groups_has_its_own_words_for_a_limit() {
        let (memory, processors, processes) = (Bound::Memory(9), Bound::Processors(50_000), Bound::Processes(7));
        for (tree, bound, written) in [
            ("", memory, &[("memory.max", "9"), ("memory.swap.max", "0")][..]),
            ("memory", memory, &[("memory.limit_in_bytes", "9"), ("memory.memsw.limit_in_bytes", "9")]),
            ("", processors, &[("cpu.max", "50000 100000")]),
            ("cpu,cpuacct", processors, &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")]),
            ("pids", processes, &[("pids.max", "7")]),
        ] {
            let place = tempfile::tempdir().unwrap();
            let part = Part { folder: place.path().to_owned(), tree: tree.to_owned(), keeps: vec![] };
            assert!(part.set(bound).is_err(), "{bound:?}: the kernel has no such setting here");
            for (file, _) in written {
                fs::write(place.path().join(file), "").unwrap();
            }
            part.set(bound).unwrap();
            for (file, text) in written {
                assert_eq!(fs::read_to_string(place.path().join(file)).unwrap(), *text, "{file}");
            }
        }
    }
}
