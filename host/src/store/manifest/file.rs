//! The manifest as a file.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use rustix::fs::OFlags;

use super::document::Manifest;
use crate::store::error::StoreError;

/// Bytes of a manifest that are read.
///
/// Stops a file that only looks like one from filling the memory.
const WHOLE: u64 = 64 << 20;

/// How a path stands in the manifest: relative to the output directory where it is inside, absolute elsewhere.
///
/// Both paths absolute. A path that is not UTF-8 stands with replacement characters and cannot be verified.
#[must_use]
pub fn path_in_manifest(output_dir: &Path, path: &Path) -> String {
    let shown = match path.strip_prefix(output_dir) {
        Ok(inside) if inside.as_os_str().is_empty() => Path::new("."),
        Ok(inside) => inside,
        Err(_) => path,
    };
    shown.to_string_lossy().into_owned()
}

impl Manifest {
    /// The document: sorted keys, two spaces, a final line feed. [`StoreError::NotFinite`] names the field that is no number in JSON.
    pub fn to_json(&self) -> Result<String, StoreError> {
        self.check_numbers()?;
        let malformed = |error: serde_json::Error| StoreError::Malformed {
            path: "manifest.json".into(),
            expected: "a run manifest",
            why: error.to_string(),
        };
        // By way of a value, whose maps are sorted whatever the order of the fields.
        let value = serde_json::to_value(self).map_err(malformed)?;
        let mut text = serde_json::to_string_pretty(&value).map_err(malformed)?;
        text.push('\n');
        Ok(text)
    }

    /// Write the document to `path`, mode 0644: the whole of it or, after an error, what was there before. On disk when this returns.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.write_in(folder, path)
    }

    /// Write the document into `folder`, as [`Manifest::write`] does, under the name that `path` ends in. `folder` may be the path of an open
    /// descriptor, so that it is the folder that was opened once, whatever stands at `path` by now.
    pub fn write_in(&self, folder: &Path, path: &Path) -> Result<(), StoreError> {
        let text = self.to_json()?;
        let draft = folder.join(draft_name());
        let written = write_new(&draft, text.as_bytes())
            .and_then(|()| std::fs::rename(&draft, folder.join(path.file_name().unwrap_or_default())))
            .and_then(|()| File::open(folder)?.sync_all());
        written.map_err(|error| {
            let _ = std::fs::remove_file(&draft);
            StoreError::io("written", path, error)
        })
    }

    /// Read the document at `path`.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("read", path, error);
        let malformed = |why: String| StoreError::Malformed { path: path.to_owned(), expected: "a run manifest", why };
        let mut text = String::new();
        open_regular(path).map_err(failed)?.take(WHOLE + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > WHOLE {
            return Err(malformed(format!("it is longer than {WHOLE} bytes")));
        }
        serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))
    }

    /// Where a path of this document leads, when the document is at `manifest`. `None` for a relative path that leaves the output directory.
    #[must_use]
    pub fn locate(&self, manifest: &Path, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        if path.is_absolute() {
            return Some(path.to_owned());
        }
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        inside.then(|| manifest.parent().unwrap_or(Path::new(".")).join(&self.output_dir).join(path))
    }

    fn check_numbers(&self) -> Result<(), StoreError> {
        let metrics = self.metrics.iter().map(|(name, value)| (format!("metrics.{name}"), *value));
        let durations = self.durations.iter().map(|(name, value)| (format!("durations.{name}"), *value));
        let cost = self.cost.iter().map(|cost| ("cost.amount_usd".to_owned(), cost.amount_usd));
        match metrics.chain(durations).chain(cost).find(|(_, value)| !value.is_finite()) {
            Some((field, value)) => Err(StoreError::NotFinite { field, value }),
            None => Ok(()),
        }
    }
}

/// Open a file for reading, if it is one: no link, no device, no FIFO that would wait for a writer.
pub(super) fn open_regular(path: &Path) -> std::io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file"))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    // Whatever the umask of this process is.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn draft_name() -> String {
    let mut random = [0; 8];
    // Without random bytes the name is still refused if it is taken, since the file is made new.
    let _ = getrandom::fill(&mut random);
    format!(".manifest-{}-{:016x}.new", std::process::id(), u64::from_le_bytes(random))
}
