//! The actions that need a permit.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use super::{
    confinement::Confinement,
    folder::{Access, FolderName},
    secret::SecretName,
};

/// Start a process on this machine, with everything that decides what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartProcess {
    /// Program and arguments. A program without `/` is looked up in `PATH` of `variables`.
    pub argv: Vec<OsString>,
    /// The whole environment of the process; nothing is inherited.
    pub variables: BTreeMap<OsString, OsString>,
    /// Where it runs, on this machine.
    pub working_directory: PathBuf,
    /// What it sees of the machine.
    pub confinement: Confinement,
}

/// Open a folder of the run or of this machine for the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFolder {
    /// Which.
    pub folder: FolderName,
    /// How.
    pub access: Access,
}

/// Put a secret into a variable of the command that the user typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveSecret {
    /// Which.
    pub secret: SecretName,
    /// The name of the variable.
    pub variable: String,
}

/// The programs that the host starts for itself. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostTool {
    /// `git rev-parse` and `git status`, for the provenance in the manifest.
    Git,
}
