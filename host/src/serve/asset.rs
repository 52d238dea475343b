//! Inputs that lie beside the workspace of a session.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    error::ServeError,
    method::{Done, Method},
    server::Server,
    session::SessionParameters,
};
use crate::names::RunId;

/// `asset.materialize`.
pub(super) struct Materialize;
/// `asset.for-tests`.
pub(super) struct ForTests;
/// `asset.resolve`.
pub(super) struct Resolve;

/// Whether assets were placed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Materialized {
    /// They were; in evaluation mode they stay where they are, and this is false.
    placed: bool,
}

/// Where tests find assets.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestVariables {
    /// The variables that say it; every later command of the session has them.
    variables: BTreeMap<String, String>,
}

/// A value with placeholders in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveParameters {
    /// The session.
    session: RunId,
    /// Any value: `{{static:NAME}}` is replaced in texts, in lists, and in the keys and values of objects.
    value: Value,
}

/// The value without placeholders.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Resolved {
    /// The value, with the paths at which commands of this session see the assets.
    value: Value,
}

impl Method for Materialize {
    const NAME: &'static str = "asset.materialize";
    const SUMMARY: &'static str = "Copy the assets of the spec into the workspace, in agent mode. Can be repeated.";
    type Parameters = SessionParameters;
    type Answer = Materialized;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<Materialized>, ServeError> {
        let placed = server.session(&asked.session)?.session.materialize_assets().await?;
        Ok(Materialized { placed }.into())
    }
}

impl Method for ForTests {
    const NAME: &'static str = "asset.for-tests";
    const SUMMARY: &'static str =
        "Copy the assets into the hidden folder of the tests, which no snapshot has, and say by which variables they find them.";
    type Parameters = SessionParameters;
    type Answer = TestVariables;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<TestVariables>, ServeError> {
        let variables = server.session(&asked.session)?.session.assets_for_tests().await?;
        Ok(TestVariables { variables }.into())
    }
}

impl Method for Resolve {
    const NAME: &'static str = "asset.resolve";
    const SUMMARY: &'static str = "Replace `{{static:NAME}}` in a value with the path at which commands see that asset.";
    type Parameters = ResolveParameters;
    type Answer = Resolved;

    async fn call(server: Arc<Server>, asked: ResolveParameters) -> Result<Done<Resolved>, ServeError> {
        let value = server.session(&asked.session)?.session.resolve(&asked.value).await?;
        Ok(Resolved { value }.into())
    }
}
