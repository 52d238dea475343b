//! Taking an environment away.

use super::{
    hold::{Attempt, Grip, Hold},
    row::{EnvironmentId, EnvironmentRow, EnvironmentState},
};
use crate::store::{
    error::StoreError,
    state::{Durability, State},
    tree,
};

/// An environment that is being torn down, by this process alone. Dropped before [`EnvironmentRelease::remove`], it stays in state
/// `releasing`, and whoever takes it next finishes.
#[derive(Debug)]
pub struct EnvironmentRelease {
    row: EnvironmentRow,
    _hold: Hold,
}

impl State {
    /// Take an environment to tear it down. `None` where somebody uses, builds or removes it.
    pub fn take_environment(&self, id: &EnvironmentId) -> Result<Option<EnvironmentRelease>, StoreError> {
        match Hold::attempt(&self.layout().environment(id), Grip::Exclusive)? {
            Attempt::Held(hold) => EnvironmentRelease::begin(self, self.environment(id)?, hold).map(Some),
            Attempt::Taken => Ok(None),
            Attempt::Gone => {
                self.forget_without_folder(id)?;
                Err(StoreError::NoSuchEnvironment(id.clone()))
            }
        }
    }

    /// Drop the row of an environment whose folder does not exist.
    pub(super) fn forget_without_folder(&self, id: &EnvironmentId) -> Result<(), StoreError> {
        self.write(Durability::Ordinary, |transaction| {
            if !self.layout().environment(id).exists() {
                transaction.execute("DELETE FROM environments WHERE id = ?1", [id.as_str()]).map_err(self.failed())?;
            }
            Ok(())
        })
    }
}

impl EnvironmentRelease {
    pub(super) fn begin(state: &State, mut row: EnvironmentRow, hold: Hold) -> Result<Self, StoreError> {
        row.state = EnvironmentState::Releasing;
        let sql = "UPDATE environments SET state = ?2 WHERE id = ?1";
        state.change_environment(Durability::Ordinary, &row.id, sql, (row.id.as_str(), row.state.word()))?;
        Ok(Self { row, _hold: hold })
    }

    /// The row; its `handle` is what `teardown` wants.
    #[must_use]
    pub const fn row(&self) -> &EnvironmentRow {
        &self.row
    }

    /// `teardown` has succeeded: remove the folder, then the row. After an error both can be removed again later.
    pub fn remove(self, state: &State) -> Result<(), StoreError> {
        tree::remove_tree(&state.layout().environment(&self.row.id))?;
        state.write(Durability::Ordinary, |transaction| {
            transaction.execute("DELETE FROM environments WHERE id = ?1", [self.row.id.as_str()]).map_err(state.failed())?;
            Ok(())
        })
    }
}
