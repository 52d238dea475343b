//! Why a file is no plugin, or a name no runtime.

use std::path::PathBuf;

use super::pack::PackError;
use crate::{
    names::{Digest, RuntimeName},
    policy::shell_word,
};

/// Why a plugin cannot be used, before anything of it ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// There is no runtime of this name.
    #[error("there is no runtime `{wanted}`; there are: {known}")]
    Unknown {
        /// What was asked for, escaped.
        wanted: String,
        /// The names that exist, in order.
        known: String,
    },
    /// Two plugins have the same name.
    #[error("`{second}` calls itself `{name}`, and so does {first}", second = second.display())]
    Duplicate {
        /// The name.
        name: RuntimeName,
        /// Who has it: `the bundled plugin`, or a path.
        first: String,
        /// Who wants it too.
        second: PathBuf,
    },
    /// The name means something else where the name of a plugin can stand.
    #[error("no plugin can be called `{name}`: the word means something else to worldflux")]
    Reserved {
        /// The name.
        name: RuntimeName,
    },
    /// The name could be taken for another.
    #[error("the name `{name}` could be taken for `{other}`, which is another plugin")]
    Confusable {
        /// The name.
        name: RuntimeName,
        /// The plugin that is there.
        other: RuntimeName,
        /// Whether they differ in nothing that a person sees at once.
        looks_the_same: bool,
    },
    /// A file has the name of an added plugin, and is another.
    #[error("`{path}` calls itself `{name}`, and is not the plugin that you added under this name", path = path.display())]
    Another {
        /// The name.
        name: RuntimeName,
        /// The file.
        path: PathBuf,
    },
    /// The copy of an added plugin is not what was added.
    #[error("`{path}` is not the plugin `{name}` that you added: its digest is {found}, and {expected} was added", path = path.display())]
    Tampered {
        /// The name.
        name: RuntimeName,
        /// The copy.
        path: PathBuf,
        /// The digest that was added.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The file cannot be read.
    #[error("cannot read the plugin `{path}`: {cause}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is no component, or its custom section is damaged.
    #[error("`{origin}`: {cause}")]
    Packing {
        /// Where the bytes came from.
        origin: String,
        /// What is wrong.
        cause: PackError,
    },
    /// The component carries no `plugin.toml`.
    #[error("`{origin}` is a component without a plugin.toml inside")]
    Unpacked {
        /// Where the bytes came from.
        origin: String,
    },
    /// The `plugin.toml` cannot be used.
    #[error("plugin.toml of `{origin}`, line {line}, column {column}: {message}")]
    Manifest {
        /// Where the text came from.
        origin: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The `plugin.toml` asks for what no plugin can have, or in a way that nobody could read.
    #[error("plugin.toml of `{origin}`: {message}")]
    Refused {
        /// Where the text came from.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// The bytes are not valid WebAssembly.
    #[error("`{origin}` is not a valid component: {message}")]
    Malformed {
        /// Where the bytes came from.
        origin: String,
        /// What is wrong, and at which byte.
        message: String,
    },
    /// It imports something that no host of this protocol has.
    #[error("`{origin}` imports `{import}`, which this host does not have")]
    UnknownImport {
        /// Where the bytes came from.
        origin: String,
        /// The import.
        import: String,
    },
    /// It does not export the plugin interface.
    #[error("`{origin}` does not export `{expected}`; it exports: {found}")]
    NotAPlugin {
        /// Where the bytes came from.
        origin: String,
        /// The interface that is needed.
        expected: String,
        /// What it exports instead.
        found: String,
    },
    /// It was made for another version of the protocol.
    #[error("`{origin}` was made for {found}, this host speaks {expected}")]
    Protocol {
        /// Where the bytes came from.
        origin: String,
        /// What it was made for.
        found: String,
        /// What this host speaks.
        expected: String,
    },
}

impl PluginError {
    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { .. } => "`worldflux runtime list` shows them; a plugin file is named by its path, such as ./name.wasm".into(),
            Self::Unpacked { origin } => format!("worldflux plugin pack {} plugin.toml", shell_word(origin)),
            Self::Duplicate { second, .. } => format!("leave `{}` out, or change the name in its plugin.toml", second.display()),
            Self::Reserved { .. } | Self::Confusable { looks_the_same: true, .. } => {
                "ask its author for another name in its plugin.toml".into()
            }
            Self::Confusable { looks_the_same: false, .. } => "if you know both and want both, say so with --similar-name".into(),
            Self::Another { path, .. } => format!("worldflux plugin update {}", shell_word(&path.display().to_string())),
            Self::Tampered { name, .. } => {
                format!("nothing of it was run; `worldflux plugin remove {name}`, and add it again from where you trust")
            }
            Self::Packing { cause: PackError::CoreModule, .. } => {
                "build it for wasm32-wasip2, or turn it into a component with `wasm-tools component new`".into()
            }
            Self::UnknownImport { .. } | Self::NotAPlugin { .. } | Self::Protocol { .. } => {
                "build it against the WIT of this version, `worldflux --version` names it".into()
            }
            Self::Read { .. } | Self::Refused { .. } | Self::Packing { .. } | Self::Manifest { .. } | Self::Malformed { .. } => {
                return None;
            }
        })
    }

    /// Whether it speaks another version of the protocol, or none.
    #[must_use]
    pub const fn is_protocol_mismatch(&self) -> bool {
        matches!(self, Self::UnknownImport { .. } | Self::NotAPlugin { .. } | Self::Protocol { .. })
    }
}
