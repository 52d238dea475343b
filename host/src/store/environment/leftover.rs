//! Folders that a claimant left behind before it could write its row.

use std::{fs, time::Duration};

use super::{
    hold::{Attempt, Grip, Hold},
    row::EnvironmentId,
};
use crate::store::{error::StoreError, state::State, tree};

/// How old a folder without a row has to be: a claimant makes the folder a moment before the row.
const LEFTOVER: Duration = Duration::from_mins(1);

impl State {
    /// Remove folders that have no row, since their claimant died between making the folder and writing the row.
    pub fn remove_leftover_environments(&self) -> Result<(), StoreError> {
        let Ok(folders) = fs::read_dir(self.layout().environments()) else {
            return Ok(());
        };
        for entry in folders.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<EnvironmentId>().ok()) else { continue };
            let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
            if age.is_none_or(|age| age < LEFTOVER) || !matches!(self.environment(&id), Err(StoreError::NoSuchEnvironment(_))) {
                continue;
            }
            let folder = self.layout().environment(&id);
            if let Attempt::Held(_hold) = Hold::attempt(&folder, Grip::Exclusive)? {
                tree::remove_tree(&folder)?;
            }
        }
        Ok(())
    }
}
