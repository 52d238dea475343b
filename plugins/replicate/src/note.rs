//! What a run has made, written down in `/state` before it is made: the API keeps no mark of the run, and the host has no handle before `start`
//! has answered.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use worldflux_plugin::{AtPath as _, Failure, context::Context};

use crate::handle::{Handle, Kind};

/// How long what a run made is remembered after its end: longer than any two clocks differ by which it could be taken for new.
const REMEMBERED: Duration = Duration::from_hours(1);

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    /// Ids of the files that were sent for it.
    pub(crate) files: Vec<String>,
    /// What was asked for, once it may have been.
    pub(crate) asked: Option<Asked>,
    /// The id of what was made, once it is known.
    pub(crate) id: Option<String>,
}

/// By what a prediction is found again whose id never came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) version: Option<String>,
    pub(crate) input: Map<String, Value>,
    /// It is not older than this: milliseconds of Unix time, as the clock of the API goes.
    pub(crate) since: u64,
}

impl Asked {
    pub(crate) fn since(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.since)
    }
}

impl Note {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, files: Vec::new(), asked: None, id: None }
    }

    /// The note of this run.
    pub(crate) fn read(context: &Context) -> Result<Option<Self>, Failure> {
        let path = path(context);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Failure::other(format!("`{}` cannot be read: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at(&path),
        }
    }

    /// Keep it, at once or not at all.
    pub(crate) fn write(&self, context: &Context) -> Result<(), Failure> {
        let (folder, path) = (folder(context), path(context));
        fs::create_dir_all(&folder).at(&folder)?;
        let new = path.with_extension("new");
        let text = serde_json::to_vec(self).map_err(|error| Failure::other(format!("the note of the run cannot be written: {error}")))?;
        fs::write(&new, text).at(&new)?;
        fs::rename(&new, &path).at(&path)
    }

    /// The run is over. What it made is remembered for a while: the clocks do not tell it from what a run makes that comes right after.
    pub(crate) fn retire(&self, context: &Context) -> Result<(), Failure> {
        let (path, past) = (path(context), past(context));
        fs::create_dir_all(&past).at(&past)?;
        for entry in fs::read_dir(&past).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|status| status.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > REMEMBERED) {
                // One that stays is only remembered for longer.
                let _ = fs::remove_file(entry.path());
            }
        }
        let left =
            if self.id.is_some() { fs::rename(&path, past.join(format!("{}.json", context.run.run_id))) } else { fs::remove_file(&path) };
        match left {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(&path),
            _ => Ok(()),
        }
    }

    /// What was made, where that is known.
    pub(crate) fn handle(&self) -> Result<Option<Handle>, Failure> {
        self.id.as_deref().map(|id| Handle::new(self.kind, id)).transpose()
    }

    /// The ids that other runs have, or had a while ago.
    pub(crate) fn of_others(context: &Context) -> BTreeSet<String> {
        let own = path(context);
        let folders = [folder(context), past(context)];
        let entries = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
        let notes = entries.filter(|path| *path != own).filter_map(|path| serde_json::from_slice::<Self>(&fs::read(path).ok()?).ok());
        notes.filter_map(|note| note.id).collect()
    }
}

fn folder(context: &Context) -> PathBuf {
    PathBuf::from(&context.folders.state.guest).join("runs")
}

fn past(context: &Context) -> PathBuf {
    PathBuf::from(&context.folders.state.guest).join("past")
}

/// A run id is safe in a path: the protocol says so.
fn path(context: &Context) -> PathBuf {
    folder(context).join(format!("{}.json", context.run.run_id))
}
