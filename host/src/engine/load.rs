//! A component that is ready to be called.

use wasmtime::component::{Component, Linker};

use crate::{
    imports::{Guest, RuntimePluginPre},
    names::{Bytes, Digest},
};

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is too large to be compiled.
    #[error("the component has {}, at most {} are compiled", Bytes(*bytes as u64), Bytes(*most as u64))]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is compiled.
        most: usize,
    },
    /// It is above a limit of what is compiled, or compiling it was.
    #[error("it is more than is compiled: {0}")]
    Limit(String),
    /// The compiler gave no answer that can be used.
    #[error("it cannot be compiled: {0}")]
    Compiler(String),
    /// It is no valid component.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// It imports what the host does not have, or lacks an export, or has one of another type.
    #[error("it does not fit the protocol: {0}")]
    Protocol(String),
    /// The engine itself cannot be used on this machine.
    #[error("the WebAssembly engine cannot be used: {0}")]
    Engine(String),
}

impl LoadError {
    pub(super) fn engine(error: &wasmtime::Error) -> Self {
        Self::Engine(one_line(error))
    }

    pub(super) fn invalid(error: &wasmtime::Error) -> Self {
        Self::Invalid(one_line(error))
    }
}

/// A linked component. Making an instance of it takes microseconds.
#[derive(Clone)]
pub struct Plugin {
    pub(super) pre: RuntimePluginPre<Guest>,
    digest: Digest,
}

impl Plugin {
    pub(super) fn link(linker: &Linker<Guest>, component: &Component, digest: Digest) -> Result<Self, LoadError> {
        let protocol = |error: wasmtime::Error| LoadError::Protocol(one_line(&error));
        let pre = linker.instantiate_pre(component).map_err(protocol)?;
        let pre = RuntimePluginPre::new(pre).map_err(protocol)?;
        Ok(Self { pre, digest })
    }

    /// Digest of the component's bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// An error with its causes, in one line.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(1_000).collect()
}

/// Why a guest trapped, then where: what is cut off at the end is the least of it.
pub(super) fn reason_and_place(error: &wasmtime::Error) -> String {
    let reason = error.root_cause().to_string();
    let place = one_line(error);
    let text = if place == reason { reason } else { format!("{reason} ({place})") };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}
