//! Why a run did not begin, or a question about runs has no answer.

use std::path::PathBuf;

use crate::{
    config::ConfigError,
    engine::{CallError, LoadError},
    names::{Digest, RunId, RuntimeName},
    plugin::PluginError,
    policy::Level,
    secrets::SecretError,
    store::{ReasonCode, StoreError},
    workspace::WorkspaceError,
};

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// What the user wrote cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no such plugin, or its file cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The component cannot be compiled or linked.
    #[error("plugin `{plugin}`: {cause}")]
    Load {
        /// The plugin.
        plugin: RuntimeName,
        /// Why.
        cause: LoadError,
    },
    /// The engine cannot be used on this machine.
    #[error(transparent)]
    Engine(LoadError),
    /// The plugin could not say what it is.
    #[error("plugin `{plugin}`: {cause}")]
    Call {
        /// The plugin.
        plugin: RuntimeName,
        /// Why.
        cause: CallError,
    },
    /// The plugin says another name or version than its `plugin.toml`.
    #[error("the plugin with digest {digest} is `{said}` by its own word and `{written}` in its plugin.toml")]
    Impostor {
        /// Which component.
        digest: Digest,
        /// What `describe` says.
        said: String,
        /// What `plugin.toml` says.
        written: String,
    },
    /// The state directory does not do what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output directory cannot be written.
    #[error("the output directory `{path}` cannot be written: {cause}", path = path.display())]
    Output {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A folder of the run holds more than a strict command may see.
    #[error("{what} `{path}` cannot be shown to a strict command or to a plugin that you added: {rule}", path = path.display())]
    TooMuch {
        /// Which folder.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What it holds.
        rule: String,
    },
    /// A folder of the run cannot be opened.
    #[error(transparent)]
    Folder(#[from] WorkspaceError),
    /// The input of the command cannot be read.
    #[error("the input `{path}` cannot be read: {cause}", path = path.display())]
    Stdin {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Nothing is remembered of the workspace of a run.
    #[error("nothing is known of what the workspace of run `{run}` held {when} its command")]
    NoSnapshot {
        /// The run.
        run: RunId,
        /// `before` or `after`.
        when: &'static str,
    },
    /// A secret cannot be kept or had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What was typed is not done, for a reason that says itself.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What the person can do next; empty where there is nothing.
        hint: String,
    },
    /// A session was begun and could not be made ready. Everything of it is cleaned up, and its manifest is written.
    #[error("session `{run}` was not opened: {message}")]
    NotOpened {
        /// The session.
        run: RunId,
        /// Why, for programs.
        reason: ReasonCode,
        /// Why, for people.
        message: String,
        /// What the person can do next.
        next_action: String,
        /// The log of what failed, where it is a command that did.
        log: Option<PathBuf>,
    },
    /// The attacks of the self-test could not be made.
    #[error("the self-test could not be made: {0}")]
    Selftest(String),
    /// A network was named for a command that cannot be kept to it.
    #[error("the network `{network}` cannot be kept: {rule}")]
    Network {
        /// What was named.
        network: String,
        /// Why not.
        rule: String,
        /// What the person can do next.
        cure: String,
    },
    /// The strict profile was asked for, and this machine cannot keep it.
    #[error("`--sandbox strict` cannot be kept: it needs level `{needed}`, and this machine has proven `{have}`: {why}")]
    SandboxUnavailable {
        /// The weakest level that is enough.
        needed: Level,
        /// The level that was proven.
        have: Level,
        /// What keeps this machine from more.
        why: String,
        /// What a person can do about it.
        fix: String,
        /// The line that makes the proven level enough.
        lower: String,
    },
}

impl RunError {
    /// What kind of error it is, for programs: a word that keeps its meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Plugin(_) => "plugin",
            Self::Load { .. } => "plugin-load",
            Self::Engine(_) => "engine",
            Self::Call { .. } => "plugin-call",
            Self::Impostor { .. } => "plugin-impostor",
            Self::Store(_) => "store",
            Self::Output { .. } => "output",
            Self::TooMuch { .. } => "too-much",
            Self::Folder(_) => "workspace",
            Self::Stdin { .. } => "stdin",
            Self::NoSnapshot { .. } => "no-snapshot",
            Self::Secret(_) => "secret",
            Self::Refused { .. } => "refused",
            Self::NotOpened { reason, .. } => reason.word(),
            Self::Selftest(_) => "selftest",
            Self::Network { .. } => "network",
            Self::SandboxUnavailable { .. } => "sandbox-unavailable",
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Refused { hint, .. } => Some(hint.clone()).filter(|hint| !hint.is_empty()),
            Self::Plugin(error) => error.hint(),
            Self::Secret(error) => error.hint(),
            Self::Store(error) => Some(error.hint()).filter(|hint| !hint.is_empty()),
            Self::Load { cause: LoadError::TooLarge { .. } | LoadError::Limit(_), .. } => {
                Some("ask the author for a smaller build; `worldflux plugin inspect FILE` shows what it is without compiling it".into())
            }
            Self::Load { cause: LoadError::Compiler(_) | LoadError::Engine(_), .. } => {
                Some("`worldflux doctor` tells what this machine lacks".into())
            }
            Self::Load { .. } => Some("build it against the WIT of this version, `worldflux --version` names it".into()),
            Self::Engine(_) | Self::Selftest(_) => Some("`worldflux doctor` tells what this machine lacks".into()),
            Self::Call { plugin, .. } => Some(format!("`worldflux runtime info {plugin}` shows where the plugin came from")),
            Self::Impostor { .. } => Some("ask the author for a build whose plugin.toml and code agree".into()),
            Self::TooMuch { .. } => Some(
                "work in a folder of its own, or name what is meant yourself, with `--workspace DIR`, `--output DIR` or `--stdin FILE`"
                    .into(),
            ),
            Self::Folder(error) => error.hint().or_else(|| Some("check that the folder exists and that you may open it".into())),
            Self::NoSnapshot { .. } => Some("let the command run with `--snapshot`".into()),
            Self::Output { .. } => Some("choose another one with `--output DIR`".into()),
            Self::Stdin { .. } => Some("choose another one with `--stdin FILE`".into()),
            Self::Network { cure, .. } => Some(cure.clone()),
            Self::NotOpened { next_action, .. } => Some(next_action.clone()).filter(|action| !action.is_empty()),
            Self::SandboxUnavailable { have: Level::None, fix, .. } => {
                Some(format!("{fix}; or use `--sandbox own`, if you trust the command as you trust your shell"))
            }
            Self::SandboxUnavailable { have, fix, lower, .. } => Some(format!("{fix}; or be content with `{have}`: {lower}")),
        }
    }
}
