//! All plugins that can be named.

use std::{
    collections::{BTreeMap, btree_map},
    path::{Path, PathBuf},
};

use super::{
    bundled::{BUNDLED, BundledPlugin},
    component::{PluginFile, Source},
    error::PluginError,
};
use crate::names::RuntimeName;

/// The plugins that can be named: the bundled ones, and files that the user added by path.
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
    File(Box<PluginFile>),
}

impl Catalog {
    /// The bundled plugins, and those at `paths`: files, or folders of `.wasm` files. A file that cannot be used is kept as a problem
    /// and spoils nothing else.
    #[must_use]
    pub fn open(paths: &[PathBuf]) -> Self {
        let mut catalog = Self { entries: BTreeMap::new(), problems: vec![] };
        for plugin in BUNDLED {
            if let Ok(name) = plugin.name.parse() {
                catalog.entries.insert(name, Place::Bundled(plugin));
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
            Place::File(file) => Entry {
                name: name.clone(),
                version: file.manifest.plugin.version.clone(),
                summary: file.manifest.plugin.summary.clone(),
                source: file.source.clone(),
            },
        };
        self.entries.iter().map(entry).collect()
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
                _ => Ok(file),
            };
        }
        match wanted.parse::<RuntimeName>().ok().and_then(|name| self.entries.get(&name)) {
            Some(Place::Bundled(plugin)) => PluginFile::bundled(plugin),
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
        Source::File(path) => format!("`{}`", path.display()),
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
