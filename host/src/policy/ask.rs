//! What a plugin asks for, as written in the `[asks]` table of its `plugin.toml`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::names::Export;

/// Everything that a plugin may ever ask for. What is not here is denied whatever the user grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asks {
    /// To launch the command that the user typed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Purpose>,
    /// Other programs, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub program: Vec<ProgramAsk>,
    /// Folders of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folder: Vec<FolderAsk>,
    /// Environment variables that it sets for the user's command.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub variables: BTreeSet<String>,
}

/// Why something is asked for: one sentence for a person, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purpose(String);

impl Purpose {
    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Purpose {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.chars().count();
        if (1..=200).contains(&length) && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(format!("a purpose is one sentence of 1 to 200 characters without control characters, this one has {length}"))
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.0
    }
}

/// A program other than the user's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramAsk {
    /// Its bare name, as in `PATH`.
    pub name: ProgramName,
    /// Why.
    pub purpose: Purpose,
    /// The exports in which it is used.
    pub during: BTreeSet<Export>,
}

/// A bare program name: no folder, no pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgramName(String);

impl ProgramName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProgramName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts && text.len() <= 64 && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(format!(
            "`{shown}` is not a program name: expected letters, digits, `.`, `_`, `+` and `-`, at most 64, without a folder or a pattern"
        ))
    }
}

impl TryFrom<String> for ProgramName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ProgramName> for String {
    fn from(name: ProgramName) -> Self {
        name.0
    }
}

/// One folder of the run, and what the plugin does there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderAsk {
    /// Which.
    pub path: Folder,
    /// How.
    pub access: Access,
    /// Why.
    pub purpose: Purpose,
}

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// List and read.
    Read,
    /// List, read, create, change and remove.
    Write,
}

/// A folder of a run, by the name under which a plugin finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Folder {
    /// Where the command runs.
    #[serde(rename = "/workspace")]
    Workspace,
    /// The sources of what is launched; never writable.
    #[serde(rename = "/source")]
    Source,
    /// What `build-env` makes.
    #[serde(rename = "/env")]
    Env,
    /// What the run leaves behind.
    #[serde(rename = "/output")]
    Output,
    /// The plugin's own, kept across runs.
    #[serde(rename = "/state")]
    State,
    /// Inputs placed beside the workspace; never writable.
    #[serde(rename = "/assets")]
    Assets,
}

impl Folder {
    /// Every folder.
    pub const ALL: [Self; 6] = [Self::Workspace, Self::Source, Self::Env, Self::Output, Self::State, Self::Assets];

    /// The guest path.
    #[must_use]
    pub const fn guest_path(self) -> &'static str {
        match self {
            Self::Workspace => "/workspace",
            Self::Source => "/source",
            Self::Env => "/env",
            Self::Output => "/output",
            Self::State => "/state",
            Self::Assets => "/assets",
        }
    }

    /// The most that may be granted.
    #[must_use]
    pub const fn most(self) -> Access {
        match self {
            Self::Source | Self::Assets => Access::Read,
            Self::Workspace | Self::Env | Self::Output | Self::State => Access::Write,
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.guest_path())
    }
}
