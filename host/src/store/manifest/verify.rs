//! Tells whether what the manifest describes is still so.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read as _},
    path::Path,
};

use serde::Serialize;

use super::{document::Manifest, file::open_regular};
use crate::{
    names::{Bytes, Digest},
    store::{error::StoreError, record::verify_record},
};

/// One thing that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as the manifest names it.
    pub file: String,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file.escape_debug(), self.what)
    }
}

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ManifestReport {
    /// How many files were looked at.
    pub files: usize,
    /// How many bytes of them were digested.
    pub bytes: Bytes,
    /// What differs; empty where everything is as the manifest says.
    pub problems: Vec<Problem>,
}

/// Digest again what the manifest at `path` describes: logs, artifacts and the record.
///
/// An error means that the manifest itself cannot be read. Links and what is no regular file are problems and are not opened for reading.
pub fn verify_manifest(path: &Path) -> Result<ManifestReport, StoreError> {
    let manifest = Manifest::read(path)?;
    let mut report = ManifestReport::default();
    for log in &manifest.logs {
        report.check_file(&manifest, path, &log.path, log.bytes, &log.sha256);
    }
    for artifact in &manifest.artifacts {
        report.check_file(&manifest, path, &artifact.path, artifact.bytes, &artifact.sha256);
    }
    report.check_names("logs", manifest.logs.iter().map(|log| log.name.as_str()));
    report.check_names("artifacts", manifest.artifacts.iter().map(|artifact| artifact.name.as_str()));
    report.check_record(&manifest, path);
    Ok(report)
}

impl ManifestReport {
    /// Whether everything is as the manifest says.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &str, what: impl Into<String>) {
        self.problems.push(Problem { file: file.to_owned(), what: what.into() });
    }

    fn check_file(&mut self, manifest: &Manifest, at: &Path, name: &str, bytes: Bytes, sha256: &Digest) {
        self.files += 1;
        let Some(path) = manifest.locate(at, name) else {
            return self.problem(name, "the path leads out of the output directory");
        };
        let (found, found_bytes) = match digest(&path, bytes) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.problem(name, "it is missing"),
            Err(error) => return self.problem(name, format!("it cannot be read: {error}")),
        };
        self.bytes.0 += found_bytes;
        if found_bytes > bytes.0 {
            self.problem(name, format!("it is longer than the {} bytes of the manifest", bytes.0));
        } else if found_bytes < bytes.0 {
            self.problem(name, format!("it has {found_bytes} bytes, the manifest says {}", bytes.0));
        } else if found != *sha256 {
            self.problem(name, format!("its digest is {found}, the manifest says {sha256}"));
        }
    }

    fn check_names<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                self.problem(name, format!("the name stands twice in `{list}`"));
            }
        }
    }

    fn check_record(&mut self, manifest: &Manifest, at: &Path) {
        self.files += 1;
        let record = &manifest.record;
        let Some(path) = manifest.locate(at, &record.path) else {
            return self.problem(&record.path, "the path leads out of the output directory");
        };
        if let Err(error) = open_regular(&path) {
            return self.problem(&record.path, format!("it cannot be read: {error}"));
        }
        let summary = match verify_record(&path) {
            Ok(summary) => summary,
            Err(error) => return self.problem(&record.path, error.to_string()),
        };
        if let Some(torn) = summary.torn {
            self.problem(&record.path, format!("line {} is torn", torn.line));
        }
        if summary.run != manifest.run_id {
            self.problem(&record.path, format!("it is the record of run `{}`, the manifest is of `{}`", summary.run, manifest.run_id));
        }
        let head = summary.head;
        if head.count != record.count {
            self.problem(&record.path, format!("it has {} entries, the manifest says {}", head.count, record.count));
        } else if head.hash != record.head {
            self.problem(&record.path, format!("its last hash is {}, the manifest says {}", head.hash, record.head));
        }
    }
}

/// Digest and length of a file, reading at most one byte more than expected: a file that grows does not hold the verification up.
fn digest(path: &Path, expected: Bytes) -> io::Result<(Digest, u64)> {
    Digest::of_reader(open_regular(path)?.take(expected.0.saturating_add(1)))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
