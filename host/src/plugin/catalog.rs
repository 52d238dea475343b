//! All plugins that can be named.

use std::{
    collections::{BTreeMap, btree_map},
    path::{Path, PathBuf},
};

use super::{
    added::Added,
    bundled::{BUNDLED, BundledPlugin},
    component::{PluginFile, Source},
    error::PluginError,
};
use crate::names::{Digest, RuntimeName};

/// The plugins that can be named: the bundled ones, those that the user added, and files that the user named.
pub struct Catalog {
    entries: BTreeMap<RuntimeName, Place>,
    problems: Vec<(PathBuf, PluginError)>,
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// The runtime.
    pub name: RuntimeName,
    /// Version of the plugin.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// Where it came from.
    pub source: Source,
}

enum Place {
    Bundled(&'static BundledPlugin),
    Added(Box<Added>),
    File(Box<PluginFile>),
}

impl Catalog {
    /// The bundled plugins, the added ones, and those at `paths`: files, or folders of `.wasm` files. A file that cannot be used is kept as a
    /// problem and spoils nothing else. Nothing takes the name of a bundled plugin.
    #[must_use]
    pub fn open(paths: &[PathBuf], added: impl IntoIterator<Item = Added>) -> Self {
        let mut catalog = Self { entries: BTreeMap::new(), problems: vec![] };
        for plugin in BUNDLED {
            if let Ok(name) = plugin.name.parse() {
                catalog.entries.insert(name, Place::Bundled(plugin));
            }
        }
        for added in added {
            if let btree_map::Entry::Vacant(vacant) = catalog.entries.entry(added.name.clone()) {
                vacant.insert(Place::Added(Box::new(added)));
            } else {
                let (name, second) = (added.name.clone(), added.file.clone());
                catalog.problems.push((added.file, PluginError::Duplicate { name, first: "the bundled plugin".into(), second }));
            }
        }
        for path in paths.iter().flat_map(|path| files(path)) {
            if let Err(error) = PluginFile::read(&path).and_then(|file| catalog.add(file, &path)) {
                catalog.problems.push((path, error));
            }
        }
        catalog
    }

    /// Every plugin, sorted by name. Loads no component.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |(name, place): (&RuntimeName, &Place)| match place {
            Place::Bundled(plugin) => Entry {
                name: name.clone(),
                version: plugin.version.to_owned(),
                summary: plugin.summary.to_owned(),
                source: Source::Bundled,
            },
            Place::Added(added) => Entry {
                name: name.clone(),
                version: added.version.clone(),
                summary: added.summary.clone(),
                source: Source::Added(added.source.clone()),
            },
            Place::File(file) => Entry {
                name: name.clone(),
                version: file.manifest.plugin.version.clone(),
                summary: file.manifest.plugin.summary.clone(),
                source: file.source.clone(),
            },
        };
        self.entries.iter().map(entry).collect()
    }

    /// The names that are taken by bundled plugins and added ones.
    pub fn taken(&self) -> impl Iterator<Item = &RuntimeName> {
        self.entries.iter().filter(|(_, place)| !matches!(place, Place::File(_))).map(|(name, _)| name)
    }

    /// Whether exactly these bytes were added under this name.
    #[must_use]
    pub fn is_added(&self, name: &RuntimeName, digest: &Digest) -> bool {
        matches!(self.entries.get(name), Some(Place::Added(added)) if added.digest == *digest)
    }

    /// The files that cannot be used, with the reasons.
    #[must_use]
    pub fn problems(&self) -> &[(PathBuf, PluginError)] {
        &self.problems
    }

    /// The plugin that `wanted` means: a name, or the path of a file.
    pub fn find(&self, wanted: &str) -> Result<PluginFile, PluginError> {
        if wanted.contains('/') || Path::new(wanted).extension().is_some_and(|extension| extension == "wasm") {
            let file = PluginFile::read(Path::new(wanted))?;
            return match self.entries.get(&file.manifest.plugin.name) {
                Some(Place::Bundled(_)) => Err(duplicate(&file, "the bundled plugin", Path::new(wanted))),
                // The same bytes are the same plugin, however it is named.
                Some(Place::Added(added)) if added.digest == file.digest => Ok(file.come_from(Source::Added(added.source.clone()))),
                Some(Place::Added(added)) => Err(PluginError::Another { name: added.name.clone(), path: wanted.into() }),
                _ => Ok(file),
            };
        }
        match wanted.parse::<RuntimeName>().ok().and_then(|name| self.entries.get(&name)) {
            Some(Place::Bundled(plugin)) => PluginFile::bundled(plugin),
            Some(Place::Added(added)) => PluginFile::added(added),
            Some(Place::File(file)) => Ok((**file).clone()),
            None => Err(PluginError::Unknown {
                wanted: wanted.escape_debug().take(100).collect(),
                known: self.entries.keys().map(RuntimeName::as_str).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn add(&mut self, file: PluginFile, path: &Path) -> Result<(), PluginError> {
        match self.entries.entry(file.manifest.plugin.name.clone()) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Place::File(Box::new(file)));
                Ok(())
            }
            btree_map::Entry::Occupied(taken) => match taken.get() {
                Place::Bundled(_) => Err(duplicate(&file, "the bundled plugin", path)),
                Place::Added(first) if first.digest == file.digest => Ok(()),
                Place::Added(first) => Err(PluginError::Another { name: first.name.clone(), path: path.to_owned() }),
                Place::File(first) if first.digest == file.digest => Ok(()),
                Place::File(first) => Err(duplicate(&file, &origin(&first.source), path)),
            },
        }
    }
}

fn duplicate(file: &PluginFile, first: &str, second: &Path) -> PluginError {
    PluginError::Duplicate { name: file.manifest.plugin.name.clone(), first: first.to_owned(), second: second.to_owned() }
}

fn origin(source: &Source) -> String {
    match source {
        Source::Bundled => "the bundled plugin".to_owned(),
        Source::File(path) | Source::Added(path) => format!("`{}`", path.display()),
    }
}

/// The plugin files that a path means, in order. A path that is no folder is kept as it is: reading it tells what is wrong.
fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(listing) = path.read_dir() else { return vec![path.to_owned()] };
    let is_plugin = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let mut files: Vec<_> = listing.filter_map(Result::ok).map(|entry| entry.path()).filter(is_plugin).collect();
    files.sort();
    files
}
