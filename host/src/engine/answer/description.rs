//! The answer of `describe`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{Details, Refused, details, json, name, refuse, text};
use crate::{imports::answers, names::RuntimeName};

/// What a runtime is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its name.
    pub name: RuntimeName,
    /// Its version.
    pub version: String,
    /// One line for a list.
    pub summary: String,
    /// JSON Schema of its settings.
    pub settings_schema: Value,
    /// What it can do beyond running one command.
    pub features: BTreeSet<Feature>,
    /// What paths become inside the environment.
    pub paths: PathMapping,
    /// Keys that this host does not know.
    pub details: Details,
}

/// What a runtime can do beyond running one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Output arrives while the command runs.
    Streams,
    /// Standard input can be given.
    Stdin,
    /// Standard input can be written while the command runs.
    InteractiveStdin,
    /// Ports can be published.
    Ports,
    /// Folders can be mounted.
    Mounts,
    /// Graphics processors can be used.
    Gpu,
    /// It costs money and says how much.
    Cost,
    /// Several commands can run at once.
    Concurrent,
    /// Commands can run as another user.
    Users,
    /// The network can be chosen.
    Networks,
}

/// What a path in the user's values becomes inside the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMapping {
    /// Commands see the paths of this machine.
    HostPaths,
    /// Commands see these.
    Fixed {
        /// The workspace.
        workspace: String,
        /// The assets.
        assets: String,
        /// The output folder.
        output: String,
    },
}

impl Feature {
    /// Its name, as in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Stdin => "stdin",
            Self::InteractiveStdin => "interactive-stdin",
            Self::Ports => "ports",
            Self::Mounts => "mounts",
            Self::Gpu => "gpu",
            Self::Cost => "cost",
            Self::Concurrent => "concurrent",
            Self::Users => "users",
            Self::Networks => "networks",
        }
    }
}

impl Description {
    pub(in crate::engine) fn checked(answer: answers::Description) -> Result<Self, Refused> {
        let settings_schema = json("settings-schema", &answer.settings_schema)?;
        if !settings_schema.is_object() {
            return refuse("settings-schema", "expected a JSON object");
        }
        Ok(Self {
            name: answer.name.parse().or_else(|error| refuse("name", format!("{error}")))?,
            version: name("version", answer.version)?,
            summary: text("summary", answer.summary, 200)?,
            settings_schema,
            features: features(answer.features),
            paths: match answer.paths {
                answers::PathMapping::HostPaths => PathMapping::HostPaths,
                answers::PathMapping::Fixed(paths) => PathMapping::Fixed {
                    workspace: name("paths.workspace", paths.workspace)?,
                    assets: name("paths.assets", paths.assets)?,
                    output: name("paths.output", paths.output)?,
                },
            },
            details: details("details", answer.details)?,
        })
    }
}

fn features(flags: answers::Features) -> BTreeSet<Feature> {
    use answers::Features as F;
    let all = [
        (F::STREAMS, Feature::Streams),
        (F::STDIN, Feature::Stdin),
        (F::INTERACTIVE_STDIN, Feature::InteractiveStdin),
        (F::PORTS, Feature::Ports),
        (F::MOUNTS, Feature::Mounts),
        (F::GPU, Feature::Gpu),
        (F::COST, Feature::Cost),
        (F::CONCURRENT, Feature::Concurrent),
        (F::USERS, Feature::Users),
        (F::NETWORKS, Feature::Networks),
    ];
    all.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, feature)| feature).collect()
}
