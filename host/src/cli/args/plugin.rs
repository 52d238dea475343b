//! `worldflux plugin`.

use std::{path::PathBuf, str::FromStr};

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use crate::policy::{Access, Folder, FolderName, Grants, ProgramName};

/// `worldflux plugin`.
#[derive(Debug, Clone, Args)]
pub struct PluginArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: PluginVerb,
}

/// What to do with plugins.
#[derive(Debug, Clone, Subcommand)]
pub enum PluginVerb {
    /// Put a plugin.toml into a component, so that one file is the whole plugin
    Pack(PackArgs),
    /// Say what a plugin file is, what it imports and what it asks for, without running it
    Inspect {
        /// The plugin
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Allow a plugin some of what it asks for
    Grant(GrantArgs),
    /// Take back all that a plugin was granted
    Revoke {
        /// The name or the file of the plugin
        #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
        plugin: String,
    },
    /// List what was granted
    Grants,
}

/// `worldflux plugin pack`.
#[derive(Debug, Clone, Args)]
pub struct PackArgs {
    /// The component
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub component: PathBuf,
    /// Its plugin.toml
    #[arg(value_name = "PLUGIN_TOML", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    /// Write the plugin here [default: over the component]
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  worldflux plugin grant bare --command
  worldflux plugin grant ./bare.wasm --program git --folder /workspace=read
  worldflux plugin grant ./bare.wasm --all-asked";

/// `worldflux plugin grant`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("rights").multiple(true).args(["command", "programs", "folders", "variables"]))]
#[group(skip)]
pub struct GrantArgs {
    /// The name or the file of the plugin
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// To launch the command that you type
    #[arg(long)]
    pub command: bool,
    /// To start this program
    #[arg(long = "program", value_name = "NAME")]
    pub programs: Vec<ProgramName>,
    /// To see a folder of the run: `/workspace=read`, `/output=write`
    #[arg(long = "folder", value_name = "FOLDER=ACCESS")]
    pub folders: Vec<FolderGrant>,
    /// To set this variable for your command
    #[arg(long = "variable", value_name = "NAME")]
    pub variables: Vec<String>,
    /// All that it asks for
    #[arg(long, conflicts_with = "rights", required_unless_present = "rights")]
    pub all_asked: bool,
}

impl GrantArgs {
    /// What was typed, one by one; nothing for `--all-asked`.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let mut grants = Grants { command: self.command, ..Grants::default() };
        grants.programs.extend(self.programs.iter().cloned());
        grants.variables.extend(self.variables.iter().cloned());
        for FolderGrant { folder, access } in &self.folders {
            grants.folders.entry(folder.clone()).and_modify(|held| *held = (*held).max(*access)).or_insert(*access);
        }
        grants
    }
}

/// A folder and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderGrant {
    /// Which.
    pub folder: FolderName,
    /// What.
    pub access: Access,
}

impl FromStr for FolderGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected {} or an absolute path, and `=read` or `=write`", Folder::ALL.map(Folder::guest_path).join(", "));
        let (folder, access) = text.rsplit_once('=').ok_or_else(expected)?;
        let folder: FolderName = folder.parse()?;
        let access = match access {
            "read" => Access::Read,
            "write" => Access::Write,
            _ => return Err(expected()),
        };
        if access > folder.most() {
            return Err(format!("`{folder}` can only be read"));
        }
        Ok(Self { folder, access })
    }
}
