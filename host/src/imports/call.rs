//! Everything that the imports need to know about one call of a plugin.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::time::Instant;

use super::{children::Children, network::Reach};
use crate::{
    egress::Client,
    names::{Export, Failure, RunId},
    policy::{self, Access, ChildNetwork, EndpointName, Folder, Places, Profile, Rights, SecretName, open_folder},
    sandbox::{Launcher, Sink, StartOptions},
    secrets::Held,
    store::{Record, StoreError},
    workspace::{GuestPath, Root, WorkspaceError},
};

/// One call of one export, as the imports see it.
#[derive(Clone)]
pub struct Call {
    /// Which export runs.
    pub export: Export,
    /// Who runs, and what it may do.
    pub rights: Arc<Rights>,
    /// Where its effects are written down.
    pub record: Arc<Record>,
    /// Who hears what it says.
    pub listener: Arc<dyn Listener>,
    /// The folders of the run.
    pub folders: Arc<Folders>,
    /// The processes of the run.
    pub children: Arc<Children>,
    /// The secrets that the plugin may have used, and what hides them.
    pub secrets: Arc<Held>,
    /// What sends its requests.
    pub client: Arc<Client>,
    /// The user's command, in `start` only.
    pub command: Option<Arc<CommandLaunch>>,
    /// Where the output of other programs goes besides the answer, live.
    pub program_output: Option<Arc<dyn Sink>>,
    /// Variables that other programs start with.
    pub base_variables: Arc<BTreeMap<OsString, OsString>>,
    /// What other programs see of the machine beside the folders of the run, where they are strict: the configuration of their tools.
    pub machine_reads: Arc<BTreeSet<PathBuf>>,
    /// What the user wants other programs to see of the machine.
    pub profile: Profile,
    /// What strict programs reach over the network, and how.
    pub reach: Arc<Reach>,
    /// When the call has to be over.
    pub deadline: Instant,
}

impl Call {
    /// A call that belongs to no run: it has no folders, no command and nothing that was said about hosts, and nobody hears what it says. Its record is checked and chained like
    /// any other, in memory.
    pub fn outside_of_a_run(export: Export, rights: Arc<Rights>, launcher: Launcher, deadline: Instant) -> Result<Self, StoreError> {
        Ok(Self {
            export,
            rights,
            record: Arc::new(Record::in_memory(&RunId::generate())?),
            listener: Arc::new(Deaf),
            folders: Arc::default(),
            children: Arc::new(Children::new(launcher)),
            secrets: Arc::default(),
            client: Arc::default(),
            command: None,
            program_output: None,
            base_variables: Arc::default(),
            machine_reads: Arc::default(),
            reach: Arc::default(),
            profile: Profile::Own,
            deadline,
        })
    }
}

impl Call {
    /// The sockets of this machine behind which hosts are that the plugin may send requests to.
    #[must_use]
    pub fn sockets(&self) -> BTreeMap<EndpointName, PathBuf> {
        let found = policy::sockets(&self.rights).into_iter();
        found.filter_map(|(name, asked)| self.client.socket(&name, asked).map(|socket| (name, socket))).collect()
    }
}

/// The user's command, ready to be launched once.
pub struct CommandLaunch {
    /// What the user typed.
    pub argv: Vec<OsString>,
    /// Its variables, whole.
    pub variables: BTreeMap<OsString, OsString>,
    /// The secrets among them, by the names of their variables.
    pub secrets: BTreeMap<String, SecretName>,
    /// The names of those that are its own, and not the host's.
    pub given: BTreeSet<OsString>,
    /// Where it runs unless the plugin chooses a folder below the workspace.
    pub working_directory: PathBuf,
    /// What the user wants it to see of the machine.
    pub profile: Profile,
    /// What it reaches of the network, where it is strict.
    pub network: ChildNetwork,
    /// Input, output, deadline. Taken by the launch, so that there is only one.
    pub options: std::sync::Mutex<Option<StartOptions>>,
}

/// The folders of a run on this machine, by the name under which a plugin knows them.
///
/// Each is held open from before the first command of the run: a command that puts a link where its output folder was, or another folder,
/// changes nothing about which folder that is for a plugin or for the host.
#[derive(Debug, Clone, Default)]
pub struct Folders(BTreeMap<Folder, Arc<Root>>);

impl Folders {
    /// Open these folders. Links in their paths are followed here, once.
    pub fn open(folders: impl IntoIterator<Item = (Folder, PathBuf)>) -> Result<Self, WorkspaceError> {
        let mut opened = Self::default();
        for (folder, path) in folders {
            opened.add(folder, &path)?;
        }
        Ok(opened)
    }

    /// Open one more.
    pub fn add(&mut self, folder: Folder, path: &Path) -> Result<(), WorkspaceError> {
        self.0.insert(folder, Arc::new(Root::open_real(path)?));
        Ok(())
    }

    /// `folder`, if the run has it.
    #[must_use]
    pub fn root(&self, folder: Folder) -> Option<&Root> {
        self.0.get(&folder).map(AsRef::as_ref)
    }

    /// Where `folder` is on this machine, if the run has it: absolute, and without a link in it when it was opened.
    #[must_use]
    pub fn host(&self, folder: Folder) -> Option<&Path> {
        self.root(folder).map(Root::path)
    }

    /// What a strict program of the plugin sees of them: each folder as the plugin itself may open it.
    pub(super) fn seen_by_program(&self, rights: &Rights) -> Places {
        let mut places = Places::default();
        for folder in Folder::ALL {
            let access = open_folder(rights, folder).map(|permit| permit.into_action().access);
            self.see(&mut places, folder, access);
        }
        places
    }

    /// What the user's command sees of them where it is strict: workspace and output to change, sources, assets and the environment to
    /// read. Also a setup line only reads the environment: a later run, which may be trusted, is given the same one.
    pub(super) fn seen_by_command(&self) -> Places {
        let mut places = Places::default();
        for (folder, access) in [
            (Folder::Workspace, Access::Write),
            (Folder::Output, Access::Write),
            (Folder::Source, Access::Read),
            (Folder::Assets, Access::Read),
            (Folder::Env, Access::Read),
        ] {
            self.see(&mut places, folder, Some(access));
        }
        places
    }

    fn see(&self, places: &mut Places, folder: Folder, access: Option<Access>) {
        let (Some(access), Some(path)) = (access, self.host(folder)) else { return };
        let set = match access {
            Access::Read => &mut places.reads,
            Access::Write => &mut places.writes,
        };
        set.insert(path.to_owned());
    }

    /// The directory that a guest path means, on this machine. Links are not followed, so it is inside its folder.
    pub(super) fn directory(&self, field: &str, text: &str) -> Result<PathBuf, Failure> {
        let invalid = |expected: String| Failure::invalid(field, text, expected);
        let path: GuestPath = text.parse().map_err(|error| invalid(format!("a path below a folder of the run ({error})")))?;
        let folder = path.folder();
        let root = self.root(folder).ok_or_else(|| invalid(format!("a path below a folder of the run; this one has no {folder}")))?;
        if let Some(inside) = path.inside() {
            root.open_dir(inside).map_err(|error| invalid(format!("a folder that exists ({error})")))?;
        }
        Ok(path.on_host(root.path()))
    }
}

/// Who hears what a plugin says.
pub trait Listener: Send + Sync {
    /// Take note. Must not block.
    fn hear(&self, talk: Talk);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: Talk) {}
}

/// Something that a plugin said while it ran. Its text is a stranger's: escape it before a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Talk {
    /// A line.
    Line {
        /// How important.
        level: TalkLevel,
        /// The text, at most 8 KiB.
        message: String,
    },
    /// How far a long step is.
    Progress {
        /// What is being done.
        label: String,
        /// Work done, at most `total`.
        done: u64,
        /// Work in all, if that is known.
        total: Option<u64>,
        /// What is counted.
        unit: String,
    },
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TalkLevel {
    /// For whoever looks for a mistake.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something did not work.
    Error,
}
