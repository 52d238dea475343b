//! The plugins that the user added, as they are pinned.

use crate::{
    config::{ConfigError, Folders, LockFile},
    plugin::Added,
    store::Layout,
};

/// The added plugins. Nothing of them is read: each is verified when it is used.
pub fn added_plugins(folders: &Folders) -> Result<Vec<Added>, ConfigError> {
    let layout = Layout::new(&folders.state);
    let lock = LockFile::load(&folders.config)?;
    let added = lock.entries().iter().map(|(name, pinned)| Added {
        name: name.clone(),
        digest: pinned.digest,
        size: pinned.size,
        version: pinned.version.clone(),
        summary: pinned.summary.clone(),
        source: pinned.source.clone().into(),
        file: layout.component(&pinned.digest),
    });
    Ok(added.collect())
}
