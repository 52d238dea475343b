//! What is in the file of a program.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{names::Digest, sandbox::error::SpawnError};

/// Programs whose digest is remembered. A plugin is granted a few.
const REMEMBERED: usize = 64;

/// Which file it is, and that nobody has written to it: device, number, length, and the time of the last change, which nobody but the kernel
/// sets.
type Stamp = (u64, u64, u64, i64, i64);

static KNOWN: Mutex<BTreeMap<PathBuf, (Stamp, Digest)>> = Mutex::new(BTreeMap::new());

/// The digest of what is in `file`, read again only where it could have changed.
pub(super) fn digest(file: &Path) -> Result<Digest, SpawnError> {
    look(file).map_err(|source| SpawnError::Execute { file: file.to_owned(), source })
}

fn look(file: &Path) -> io::Result<Digest> {
    let before = stamp(&fs::metadata(file)?);
    if let Some((known, digest)) = known().get(file)
        && *known == before
    {
        return Ok(*digest);
    }
    let (digest, _) = Digest::of_reader(File::open(file)?)?;
    let mut known = known();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    // What changed while it was read is read again the next time: its stamp is another one by then.
    known.insert(file.to_owned(), (before, digest));
    Ok(digest)
}

fn known() -> std::sync::MutexGuard<'static, BTreeMap<PathBuf, (Stamp, Digest)>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    (metadata.dev(), metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_has_another_digest_whatever_its_times_say() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("tool");
        fs::write(&file, "one").unwrap();
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(digest(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(digest(&file).unwrap(), Digest::of(b"one"));
        // The clock of a file system ticks every few milliseconds.
        let begin = std::time::Instant::now();
        while digest(&file).unwrap() == Digest::of(b"one") {
            assert!(begin.elapsed().as_secs() < 5);
            fs::write(&file, "two").unwrap();
            File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        }
        assert_eq!(digest(&file).unwrap(), Digest::of(b"two"));
        assert!(digest(&place.path().join("none")).is_err());
    }
}
