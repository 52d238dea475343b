//! `worldflux secret`.

use clap::{Args, Subcommand, ValueEnum};

use crate::policy::SecretName;

/// `worldflux secret`.
#[derive(Debug, Clone, Args)]
pub struct SecretArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: SecretVerb,
}

/// What to do with secrets. None of it takes a value: other users of the machine read command lines.
#[derive(Debug, Clone, Subcommand)]
pub enum SecretVerb {
    /// Keep a secret; its value is read from standard input, or typed unseen
    ///
    /// A secret that was not set is taken from the environment variable of its name: hf-token from HF_TOKEN.
    #[command(after_help = "Examples:
  worldflux secret set hf-token                  type it, unseen
  pass show hf | worldflux secret set hf-token   take it from somewhere else")]
    Set {
        /// The name under which plugins ask for it
        #[arg(value_name = "NAME")]
        name: SecretName,
        /// Where to keep it [default: the keyring of the operating system where there is one, else a file that only you can read]
        #[arg(long, value_name = "file|keyring", value_enum, hide_possible_values = true)]
        store: Option<StoreChoice>,
    },
    /// List secrets, where each is kept, and the plugins that may have it used; never a value
    List,
    /// Forget a secret
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: SecretName,
    },
}

/// Where to keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreChoice {
    /// A file in the configuration directory that only you can read
    File,
    /// The keyring of the operating system
    Keyring,
}
