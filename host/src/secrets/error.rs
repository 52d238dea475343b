//! Why a secret cannot be kept or used. No message holds a value.

use std::{io, path::PathBuf};

use crate::policy::{SecretName, shell_word};

/// Why a secret cannot be kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The value cannot be a secret.
    #[error("the value of secret `{name}` {why}")]
    Value {
        /// Which secret.
        name: SecretName,
        /// What is wrong with its value: "is empty".
        why: String,
    },
    /// There is no value.
    #[error("secret `{name}` has no value: it was not set, and there is no variable {variable}")]
    Missing {
        /// Which secret.
        name: SecretName,
        /// The variable that would have been taken.
        variable: String,
    },
    /// The file cannot be read.
    #[error("cannot read the secrets `{path}`: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the secrets `{path}`: {cause}", path = path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Somebody else could have read or written the file.
    #[error("`{path}` is not trusted: {why}", path = path.display())]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
        /// Why: "others can read it (mode 0644)".
        why: String,
        /// What to do about it.
        cure: String,
    },
    /// The file has another form.
    #[error("the secrets `{path}` are not understood{}", at_line(*line))]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: Option<usize>,
    },
    /// There is no keyring that could be used.
    #[error("no keyring of the operating system can be used: {why}")]
    NoKeyring {
        /// Why.
        why: String,
    },
    /// The keyring should have the value, and does not give it.
    #[error("the keyring of the operating system does not give secret `{name}`: {why}")]
    Keyring {
        /// Which secret.
        name: SecretName,
        /// Why.
        why: String,
    },
    /// A secret would go over a connection that everybody on the way can read.
    #[error("secret `{name}` is never sent over http, which everybody on the way can read")]
    Clear {
        /// Which secret.
        name: SecretName,
    },
    /// The value does not have the form that its use needs.
    #[error("the value of secret `{name}` cannot be used as {scheme}: expected {expected}")]
    Form {
        /// Which secret.
        name: SecretName,
        /// How it was to be used: `bearer`.
        scheme: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
    /// A request already has a header that a secret is to be put into.
    #[error("header `{header}` belongs to secret `{name}`: the host sets it")]
    Taken {
        /// Which secret.
        name: SecretName,
        /// The header.
        header: String,
    },
    /// The request cannot be signed.
    #[error("a request cannot be signed with secret `{name}`: {why}")]
    Unsigned {
        /// Which secret.
        name: SecretName,
        /// Why.
        why: &'static str,
    },
}

impl SecretError {
    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Value { name, .. } | Self::Missing { name, .. } | Self::Form { name, .. } => Some(format!("worldflux secret set {name}")),
            Self::Untrusted { cure, .. } => Some(cure.clone()),
            Self::Broken { path, .. } => {
                Some(format!("mend it, or remove it with `rm {}` and set the secrets again", shell_word(&path.display().to_string())))
            }
            Self::NoKeyring { .. } => Some("keep it in a file that only you can read: `--store file`".into()),
            Self::Keyring { name, .. } => Some(format!("unlock the keyring, or set it again: worldflux secret set {name}")),
            _ => None,
        }
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(": see line {line}")).unwrap_or_default()
}
