//! The rows of environments.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    names::{Digest, Moment, RunId},
    store::{
        error::StoreError,
        layout::Layout,
        run::{json, parsed, parsed_option},
        state::{Durability, State},
        status::words,
    },
};

/// Names an environment; made by the store, safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct EnvironmentId(String);

impl EnvironmentId {
    pub(super) fn generate() -> Result<Self, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| StoreError::io("read", "/dev/urandom", std::io::Error::other(error)))?;
        Ok(Self(format!("env-{:016x}", u64::from_le_bytes(random))))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hex = text.strip_prefix("env-").unwrap_or_default();
        if hex.len() == 16 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(100).collect();
        Err(format!("`{shown}` is not an environment id: expected `env-` and 16 lower-case hexadecimal digits"))
    }
}

impl TryFrom<String> for EnvironmentId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<EnvironmentId> for String {
    fn from(id: EnvironmentId) -> Self {
        id.0
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

words! {
    /// What was reached with an environment. Whether somebody is still at it, its lock says.
    EnvironmentState {
        /// `build-env` was about to be called, or has not answered.
        Building = "building",
        /// It can be used.
        Ready = "ready",
        /// `teardown` was about to be called, or has not answered.
        Releasing = "releasing",
        /// It cannot be used any more and has to be built again.
        Broken = "broken",
    }
}

/// An environment as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentRow {
    /// Its id.
    pub id: EnvironmentId,
    /// Name of the runtime.
    pub runtime: String,
    /// The component that made it.
    pub plugin_digest: Digest,
    /// Digest of what it was made from; `None` where it is for one run alone.
    pub reuse_key: Option<Digest>,
    /// The plugin's name for it.
    pub handle: Option<String>,
    /// What the plugin sees as `/env`.
    pub folder: PathBuf,
    /// What was reached.
    pub state: EnvironmentState,
    /// When it was first claimed.
    pub created_at: Moment,
    /// When a run last began or ceased to use it.
    pub used_at: Moment,
    /// The run that built it.
    pub made_by: RunId,
    /// What the plugin told about it.
    pub metadata: BTreeMap<String, Value>,
}

const COLUMNS: &str = "id, runtime, plugin_digest, reuse_key, handle, state, created_at, used_at, made_by, metadata";

impl State {
    /// All environments, the one used last first.
    pub fn environments(&self) -> Result<Vec<EnvironmentRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM environments ORDER BY used_at DESC, rowid DESC");
            connection.prepare_cached(&sql)?.query_map((), |row| from_row(row, self.layout()))?.collect()
        })
    }

    /// One environment.
    pub fn environment(&self, id: &EnvironmentId) -> Result<EnvironmentRow, StoreError> {
        self.read(|connection| find(connection, self.layout(), id))?.ok_or_else(|| StoreError::NoSuchEnvironment(id.clone()))
    }

    /// Change one row. [`StoreError::NoSuchEnvironment`] where it is gone.
    pub(super) fn change_environment(
        &self,
        durability: Durability,
        id: &EnvironmentId,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        match self.write(durability, |transaction| {
            transaction.prepare_cached(sql).and_then(|mut update| update.execute(values)).map_err(self.failed())
        })? {
            0 => Err(StoreError::NoSuchEnvironment(id.clone())),
            _ => Ok(()),
        }
    }
}

pub(super) fn find(connection: &Connection, layout: &Layout, id: &EnvironmentId) -> rusqlite::Result<Option<EnvironmentRow>> {
    let sql = format!("SELECT {COLUMNS} FROM environments WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_str()], |row| from_row(row, layout)).optional()
}

pub(super) fn find_by_key(
    connection: &Connection,
    runtime: &str,
    digest: &Digest,
    key: &Digest,
) -> rusqlite::Result<Option<EnvironmentId>> {
    let sql = "SELECT id FROM environments WHERE runtime = ?1 AND plugin_digest = ?2 AND reuse_key = ?3";
    connection.prepare_cached(sql)?.query_row((runtime, digest.to_string(), key.to_string()), |row| parsed(row, "id")).optional()
}

pub(super) fn insert(transaction: &Transaction<'_>, row: &EnvironmentRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO environments (id, runtime, plugin_digest, reuse_key, state, created_at, used_at, made_by) \
               VALUES (:id, :runtime, :digest, :key, :state, :created, :used, :by)";
    transaction.prepare_cached(sql)?.execute(named_params! {
        ":id": row.id.as_str(), ":runtime": row.runtime, ":digest": row.plugin_digest.to_string(),
        ":key": row.reuse_key.map(|key| key.to_string()), ":state": row.state.word(), ":created": row.created_at.unix_millis(),
        ":used": row.used_at.unix_millis(), ":by": row.made_by.as_str(),
    })?;
    Ok(())
}

fn from_row(row: &Row<'_>, layout: &Layout) -> rusqlite::Result<EnvironmentRow> {
    let id: EnvironmentId = parsed(row, "id")?;
    Ok(EnvironmentRow {
        folder: layout.environment_tree(&id),
        id,
        runtime: row.get("runtime")?,
        plugin_digest: parsed(row, "plugin_digest")?,
        reuse_key: parsed_option(row, "reuse_key")?,
        handle: row.get("handle")?,
        state: parsed(row, "state")?,
        created_at: Moment::from_unix_millis(row.get("created_at")?),
        used_at: Moment::from_unix_millis(row.get("used_at")?),
        made_by: parsed(row, "made_by")?,
        metadata: json(row, "metadata")?,
    })
}
