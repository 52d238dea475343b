//! The copies of added components.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use super::{directory, error::StoreError, state::State};
use crate::names::Digest;

impl State {
    /// Keep these bytes, whose digest is `digest`, readable by the user alone. On disk when this returns. Where they are kept already, they
    /// are written again: whatever stands there now may not be them.
    pub fn keep_component(&self, digest: &Digest, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let layout = self.layout();
        directory::make_private(&layout.plugins())?;
        directory::make_private(&layout.plugin(digest))?;
        let path = layout.component(digest);
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        });
        written.map_err(|error| StoreError::io("written", &path, error))?;
        Ok(path)
    }

    /// Forget a component. One that is not kept is forgotten already.
    pub fn forget_component(&self, digest: &Digest) -> Result<(), StoreError> {
        let folder = self.layout().plugin(digest);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("removed", &folder, error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_component_is_kept_for_its_user_alone_and_forgotten_twice() {
        let place = tempfile::tempdir().unwrap();
        let state = State::open(&place.path().join("state")).unwrap();
        let digest = Digest::of(b"bytes");
        let path = state.keep_component(&digest, b"other").unwrap();
        assert_eq!(state.keep_component(&digest, b"bytes").unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), b"bytes");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no part is left behind");
        for _ in 0..2 {
            state.forget_component(&digest).unwrap();
        }
        assert!(!path.exists());
    }
}
