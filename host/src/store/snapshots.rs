//! Which snapshots are of the workspace of a run.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{State, directory, error::StoreError};
use crate::names::{Digest, RunId};

/// What the workspace of a run held: the digests of its snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshots {
    /// Before anything happened; null where the snapshot failed.
    pub before: Option<Digest>,
    /// After the command had ended; null where the snapshot failed, or was never taken.
    pub after: Option<Digest>,
    /// What a session handed over, in order; the same digest once for each time.
    #[serde(default)]
    pub checkpoints: Vec<Digest>,
    /// What a session that goes on may still go back to. None of it outlives the session.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(skip)]
    pub passing: BTreeSet<Digest>,
}

impl Snapshots {
    fn all(self) -> impl Iterator<Item = Digest> {
        self.before.into_iter().chain(self.after).chain(self.checkpoints).chain(self.passing)
    }
}

impl State {
    /// The folder of all snapshots.
    pub fn snapshot_folder(&self) -> Result<PathBuf, StoreError> {
        let folder = self.layout().snapshots();
        directory::make(&folder)?;
        Ok(folder)
    }

    /// Write down which snapshots are of a run: as long as its folder is there, they are kept.
    pub fn keep_snapshots(&self, run: &RunId, snapshots: &Snapshots) -> Result<(), StoreError> {
        let path = self.layout().snapshots_of(run);
        let draft = path.with_extension("part");
        let text = serde_json::to_vec(snapshots).map_err(|error| StoreError::io("written", &path, error))?;
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).map_err(|error| StoreError::io("written", &path, error))
    }

    /// Which snapshots are of a run; none where nobody wanted to know.
    pub fn snapshots(&self, run: &RunId) -> Result<Snapshots, StoreError> {
        let path = self.layout().snapshots_of(run);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Snapshots::default()),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        serde_json::from_slice(&text).map_err(|error| StoreError::Malformed {
            path,
            expected: "the digests of snapshots",
            why: error.to_string(),
        })
    }

    /// Every snapshot that is of some run.
    pub fn wanted_snapshots(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let folder = self.layout().runs();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(StoreError::io("read", &folder, error)),
        };
        let mut wanted = BTreeSet::new();
        for entry in entries {
            let name = entry.map_err(|error| StoreError::io("read", &folder, error))?.file_name();
            let Some(run) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            wanted.extend(self.snapshots(&run)?.all());
        }
        Ok(wanted)
    }
}
