//! The key that authenticates the compiled-code cache.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
};

use rustix::fs::{Mode, OFlags};

use super::state::State;

const LENGTH: usize = 32;

impl State {
    /// The key that authenticates the compiled-code cache: 32 random bytes, made once, mode 0600.
    ///
    /// `None` where it cannot be read or made, or where others could have read or changed it: then nothing in the cache is believed and
    /// components are compiled anew.
    #[must_use]
    pub fn cache_key(&self) -> Option<[u8; 32]> {
        self.read_key().or_else(|| {
            self.make_key().ok()?;
            self.read_key()
        })
    }

    fn read_key(&self) -> Option<[u8; LENGTH]> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(self.layout().key()).ok()?;
        let found = file.metadata().ok()?;
        let others = Mode::RWXG | Mode::RWXO;
        let private = !Mode::from_raw_mode(found.mode()).intersects(others) && found.uid() == rustix::process::geteuid().as_raw();
        if !found.is_file() || !private || found.len() != LENGTH as u64 {
            return None;
        }
        let mut key = [0; LENGTH];
        file.read_exact(&mut key).ok()?;
        Some(key)
    }

    /// Written whole under another name first: who reads the key never sees half of it.
    fn make_key(&self) -> io::Result<()> {
        let (mut key, mut name) = ([0; LENGTH], [0; 8]);
        getrandom::fill(&mut key).and_then(|()| getrandom::fill(&mut name)).map_err(io::Error::other)?;
        let path = self.layout().key();
        let draft = path.with_extension(format!("{:016x}.new", u64::from_le_bytes(name)));
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
            file.write_all(&key)?;
            file.sync_all()
        });
        // A link refuses to replace: of two processes that make the key at once, both use the first one's.
        let linked = written.and_then(|()| match std::fs::hard_link(&draft, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
        let _ = std::fs::remove_file(&draft);
        linked?;
        File::open(self.layout().root())?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| State::open(folder.path()).unwrap().cache_key().unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| Some(*key) == state.cache_key()));
        assert_eq!(fs::metadata(state.layout().key()).unwrap().permissions().mode() & 0o777, 0o600);
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("key"));
        assert_eq!(names, ["key"], "no draft is left");
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_cut_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let key = state.cache_key().unwrap();
        let path = state.layout().key();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(state.cache_key(), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(state.cache_key(), Some(key));
        fs::write(&path, "short").unwrap();
        assert_eq!(state.cache_key(), None);
        fs::remove_file(&path).unwrap();
        assert!(state.cache_key().is_some_and(|new| new != key));
    }
}
