//! Rights, as they are typed.

use std::str::FromStr;

use clap::Args;

use crate::policy::{Access, Amount, Asks, Device, Folder, FolderName, Grants, HttpGrant, Level, ProgramName, SecretName, check_variable};

/// Rights, one by one.
#[derive(Debug, Clone, Args)]
#[group(id = "rights", multiple = true)]
pub struct RightArgs {
    /// To launch the command that you type
    #[arg(long)]
    pub command: bool,
    /// To start this program
    #[arg(long = "program", value_name = "NAME")]
    pub programs: Vec<ProgramName>,
    /// To see a folder of the run, `/workspace=read`, or one of this machine, `/data/sets=write`
    #[arg(long = "folder", value_name = "FOLDER=ACCESS")]
    pub folders: Vec<FolderGrant>,
    /// To let its programs use a device: `gpu`
    #[arg(long = "device", value_name = "NAME")]
    pub devices: Vec<Device>,
    /// To set this variable for your command
    #[arg(long = "variable", value_name = "NAME", value_parser = variable)]
    pub variables: Vec<String>,
    /// The most that its programs may use up: `memory=8GiB`, `cpus=1.5`, `processes=64`, `file=10GiB`
    #[arg(long = "resource", value_name = "NAME=AMOUNT")]
    pub resources: Vec<Amount>,
    /// The weakest level of confinement at which its programs may be started: `full` (the default), `full-bwrap`, `kernel-filter`
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// To start programs without any confinement: they can do whatever you can do
    #[arg(long, conflicts_with = "level")]
    pub unconfined: bool,
    /// To make requests there: `https://api.modal.com/v1`; with some methods only, `GET,HEAD https://api.modal.com/v1`
    #[arg(long = "http", value_name = "URL")]
    pub http: Vec<HttpGrant>,
    /// To have a secret used, in the way that it asks for
    #[arg(long = "secret", value_name = "NAME")]
    pub secrets: Vec<SecretName>,
}

impl RightArgs {
    /// Whether no right was typed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.grants(&Asks::default()).is_nothing() && self.level.is_none()
    }

    /// What was typed, as grants to a plugin that asks for this. A secret is granted with the uses that it asks for.
    #[must_use]
    pub fn grants(&self, asks: &Asks) -> Grants {
        let level = if self.unconfined { Some(Level::None) } else { self.level.filter(|level| *level != Level::Full) };
        let mut grants = Grants { command: self.command, level, ..Grants::default() };
        grants.programs.extend(self.programs.iter().cloned());
        grants.http.extend(self.http.iter().cloned());
        let uses = asks.secrets();
        let with_uses = |name: &SecretName| (name.clone(), uses.get(name).cloned().unwrap_or_default());
        grants.secrets.extend(self.secrets.iter().map(with_uses));
        grants.devices.extend(self.devices.iter().copied());
        grants.variables.extend(self.variables.iter().cloned());
        grants.resources = self.resources.iter().copied().collect();
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

fn variable(text: &str) -> Result<String, String> {
    check_variable(text).map(|()| text.to_owned())
}

fn level(text: &str) -> Result<Level, String> {
    match text.parse()? {
        Level::None => Err("that is no confinement at all; if you mean it, say --unconfined".into()),
        level => Ok(level),
    }
}
