//! Claiming an environment for a run: build it, or use the one that is there.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    hold::{Attempt, Grip, Hold},
    release::EnvironmentRelease,
    row::{self, EnvironmentId, EnvironmentRow, EnvironmentState},
};
use crate::{
    names::{Digest, Moment, RunId},
    store::{
        directory,
        error::StoreError,
        state::{Durability, State},
        tree,
    },
};

/// How often a claimant that waits looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What environment a run needs.
#[derive(Debug, Clone)]
pub struct EnvironmentRequest {
    /// Name of the runtime.
    pub runtime: String,
    /// The component that makes it.
    pub plugin_digest: Digest,
    /// Digest of what it is made from; `None` asks for one of the run's own.
    pub reuse_key: Option<Digest>,
    /// The run.
    pub run: RunId,
}

/// What a run is to do with its environment.
#[derive(Debug)]
pub enum EnvironmentClaim {
    /// Build it: the folder is empty and nobody else is there.
    Build(EnvironmentBuild),
    /// Use it: it is ready.
    Use(EnvironmentUse),
}

/// An environment that this run builds, alone. Dropped, it stays half built, and the next claimant empties it and builds again.
#[derive(Debug)]
pub struct EnvironmentBuild {
    row: EnvironmentRow,
    hold: Hold,
}

/// An environment that this run uses, perhaps beside others. Dropped, it is no longer used, and stays.
#[derive(Debug)]
pub struct EnvironmentUse {
    row: EnvironmentRow,
    hold: Hold,
}

impl State {
    /// Claim an environment. Of several runs with the same key one builds; the others wait here and then use what it built.
    ///
    /// Needs a tokio runtime. Giving up the wait claims nothing.
    pub async fn claim_environment(&self, request: &EnvironmentRequest) -> Result<EnvironmentClaim, StoreError> {
        loop {
            if let Some(claim) = self.try_claim_environment(request)? {
                return Ok(claim);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Claim an environment without waiting; `None` where another run builds or removes it now.
    pub fn try_claim_environment(&self, request: &EnvironmentRequest) -> Result<Option<EnvironmentClaim>, StoreError> {
        directory::make(&self.layout().environments())?;
        loop {
            let id = match self.find_or_begin(request)? {
                Found::New(build) => return Ok(Some(EnvironmentClaim::Build(*build))),
                Found::Known(id) => id,
            };
            match self.enter(&id, request)? {
                Entered::Claimed(claim) => return Ok(Some(*claim)),
                Entered::Taken => return Ok(None),
                // Its row or its folder went away in between: look again.
                Entered::Gone => self.forget_without_folder(&id)?,
            }
        }
    }

    fn find_or_begin(&self, request: &EnvironmentRequest) -> Result<Found, StoreError> {
        self.write(Durability::Ordinary, |transaction| {
            if let Some(key) = &request.reuse_key {
                let found = row::find_by_key(transaction, &request.runtime, &request.plugin_digest, key).map_err(self.failed())?;
                if let Some(id) = found {
                    return Ok(Found::Known(id));
                }
            }
            let row = self.new_row(request)?;
            // The folder is made and held before anybody can see the row.
            directory::make(&row.folder)?;
            let folder = self.layout().environment(&row.id);
            let Attempt::Held(hold) = Hold::attempt(&folder, Grip::Exclusive)? else {
                return Err(StoreError::NoSuchEnvironment(row.id));
            };
            row::insert(transaction, &row).map_err(self.failed())?;
            Ok(Found::New(Box::new(EnvironmentBuild { row, hold })))
        })
    }

    fn enter(&self, id: &EnvironmentId, request: &EnvironmentRequest) -> Result<Entered, StoreError> {
        let folder = self.layout().environment(id);
        let hold = match Hold::attempt(&folder, Grip::Shared)? {
            Attempt::Held(hold) => hold,
            Attempt::Taken => return Ok(Entered::Taken),
            Attempt::Gone => return Ok(Entered::Gone),
        };
        // Only what is read while the folder is held is true for as long as it is held.
        let Some(row) = self.read(|connection| row::find(connection, self.layout(), id))? else {
            return Ok(Entered::Gone);
        };
        if row.state == EnvironmentState::Ready {
            return self.begin_use(row, hold).map(|used| Entered::Claimed(Box::new(EnvironmentClaim::Use(used))));
        }
        if !hold.change(&folder, Grip::Exclusive)? {
            return Ok(Entered::Taken);
        }
        let Some(row) = self.read(|connection| row::find(connection, self.layout(), id))? else {
            return Ok(Entered::Gone);
        };
        if row.state == EnvironmentState::Ready {
            // Somebody else built it while the grip was changed.
            if !hold.change(&folder, Grip::Shared)? {
                return Ok(Entered::Taken);
            }
            return self.begin_use(row, hold).map(|used| Entered::Claimed(Box::new(EnvironmentClaim::Use(used))));
        }
        self.build_again(row, hold, &request.run).map(|build| Entered::Claimed(Box::new(EnvironmentClaim::Build(build))))
    }

    /// The handle stays: the plugin may need it to find what its half-built environment left outside the folder.
    fn build_again(&self, mut row: EnvironmentRow, hold: Hold, run: &RunId) -> Result<EnvironmentBuild, StoreError> {
        (row.state, row.made_by, row.used_at) = (EnvironmentState::Building, run.clone(), Moment::now());
        let sql = "UPDATE environments SET state = ?2, made_by = ?3, used_at = ?4 WHERE id = ?1";
        let values = (row.id.as_str(), row.state.word(), run.as_str(), row.used_at.unix_millis());
        self.change_environment(Durability::Ordinary, &row.id, sql, values)?;
        tree::remove_tree(&row.folder)?;
        directory::make(&row.folder)?;
        Ok(EnvironmentBuild { row, hold })
    }

    fn begin_use(&self, mut row: EnvironmentRow, hold: Hold) -> Result<EnvironmentUse, StoreError> {
        row.used_at = Moment::now();
        self.touch(&row)?;
        Ok(EnvironmentUse { row, hold })
    }

    fn touch(&self, row: &EnvironmentRow) -> Result<(), StoreError> {
        let sql = "UPDATE environments SET used_at = ?2 WHERE id = ?1";
        self.change_environment(Durability::Ordinary, &row.id, sql, (row.id.as_str(), row.used_at.unix_millis()))
    }

    fn new_row(&self, request: &EnvironmentRequest) -> Result<EnvironmentRow, StoreError> {
        let id = EnvironmentId::generate()?;
        let now = Moment::now();
        Ok(EnvironmentRow {
            folder: self.layout().environment_tree(&id),
            id,
            runtime: request.runtime.clone(),
            plugin_digest: request.plugin_digest,
            reuse_key: request.reuse_key,
            handle: None,
            state: EnvironmentState::Building,
            created_at: now,
            used_at: now,
            made_by: request.run.clone(),
            metadata: BTreeMap::new(),
        })
    }
}

enum Found {
    New(Box<EnvironmentBuild>),
    Known(EnvironmentId),
}

enum Entered {
    Claimed(Box<EnvironmentClaim>),
    Taken,
    Gone,
}

impl EnvironmentBuild {
    /// The row. Its `handle` is set where a former, half-built environment had one.
    #[must_use]
    pub const fn row(&self) -> &EnvironmentRow {
        &self.row
    }

    /// `build-env` has answered with a handle: others may use it from here on. On disk when this returns.
    ///
    /// [`StoreError::NoSuchEnvironment`] where somebody removed it in the moment in which it became ready.
    pub fn mark_ready(mut self, state: &State, handle: &str, metadata: &BTreeMap<String, Value>) -> Result<EnvironmentUse, StoreError> {
        write_ready(state, &mut self.row, handle, metadata)?;
        // The system gives the exclusive lock up before it gives the shared one (flock(2)).
        if !self.hold.change(&state.layout().environment(&self.row.id), Grip::Shared)? {
            return Err(StoreError::NoSuchEnvironment(self.row.id));
        }
        Ok(EnvironmentUse { row: self.row, hold: self.hold })
    }

    /// The build failed: tear down what there is.
    pub fn release(self, state: &State) -> Result<EnvironmentRelease, StoreError> {
        EnvironmentRelease::begin(state, self.row, self.hold)
    }
}

impl EnvironmentUse {
    /// The row.
    #[must_use]
    pub const fn row(&self) -> &EnvironmentRow {
        &self.row
    }

    /// `build-env` was called with the handle that was kept and has answered, perhaps with another one. On disk when this returns.
    pub fn renew(&mut self, state: &State, handle: &str, metadata: &BTreeMap<String, Value>) -> Result<(), StoreError> {
        write_ready(state, &mut self.row, handle, metadata)
    }

    /// It does not work any more: the next claimant builds it again.
    pub fn mark_broken(mut self, state: &State) -> Result<(), StoreError> {
        self.row.state = EnvironmentState::Broken;
        let sql = "UPDATE environments SET state = ?2 WHERE id = ?1";
        state.change_environment(Durability::Ordinary, &self.row.id, sql, (self.row.id.as_str(), self.row.state.word()))
    }

    /// This run is done with it, and it stays for the next one.
    pub fn leave(mut self, state: &State) -> Result<(), StoreError> {
        self.row.used_at = Moment::now();
        state.touch(&self.row)
    }

    /// This run is done with it and it shall go: tear it down. `None` where other runs still use it; then this run has left it.
    pub fn release(self, state: &State) -> Result<Option<EnvironmentRelease>, StoreError> {
        if !self.hold.change(&state.layout().environment(&self.row.id), Grip::Exclusive)? {
            return Ok(None);
        }
        // While the grip was changed somebody else may have removed it.
        match state.environment(&self.row.id) {
            Ok(row) => EnvironmentRelease::begin(state, row, self.hold).map(Some),
            Err(StoreError::NoSuchEnvironment(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn write_ready(state: &State, row: &mut EnvironmentRow, handle: &str, metadata: &BTreeMap<String, Value>) -> Result<(), StoreError> {
    (row.state, row.used_at) = (EnvironmentState::Ready, Moment::now());
    (row.handle, row.metadata) = (Some(handle.to_owned()), metadata.clone());
    let json: Value = metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let sql = "UPDATE environments SET state = ?2, handle = ?3, metadata = ?4, used_at = ?5 WHERE id = ?1";
    let values = (row.id.as_str(), row.state.word(), handle, json.to_string(), row.used_at.unix_millis());
    state.change_environment(Durability::Durable, &row.id, sql, values)
}
