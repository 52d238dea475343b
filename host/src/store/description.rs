//! What plugins said of themselves, kept so that a list loads no component.

use rusqlite::OptionalExtension as _;

use super::{
    error::StoreError,
    state::{Durability, State},
};
use crate::names::{Digest, RuntimeName};

impl State {
    /// The description, as JSON, that the component of this digest gave.
    pub fn description(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT description FROM descriptions WHERE digest = ?1")?
                .query_row([digest.to_string()], |row| row.get(0))
                .optional()
        })
    }

    /// Keep the description, as JSON, of the component of this digest. A repeat replaces.
    pub fn keep_description(&self, digest: &Digest, name: &RuntimeName, description: &str) -> Result<(), StoreError> {
        self.write(Durability::Ordinary, |transaction| {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO descriptions (digest, name, description) VALUES (?1, ?2, ?3)")
                .and_then(|mut insert| insert.execute((digest.to_string(), name.as_str(), description)))
                .map_err(self.failed())?;
            Ok(())
        })
    }

    /// Forget the description of the component of this digest.
    pub fn forget_description(&self, digest: &Digest) -> Result<(), StoreError> {
        self.write(Durability::Ordinary, |transaction| {
            transaction.execute("DELETE FROM descriptions WHERE digest = ?1", [digest.to_string()]).map_err(self.failed())?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_kept_by_digest_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let name = "local".parse().unwrap();
        state.keep_description(&one, &name, "{}").unwrap();
        state.keep_description(&one, &name, r#"{"a":1}"#).unwrap();
        assert_eq!(state.description(&one).unwrap().as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(state.description(&two).unwrap(), None);
        state.forget_description(&one).unwrap();
        assert_eq!(State::open(folder.path()).unwrap().description(&one).unwrap(), None);
    }
}
