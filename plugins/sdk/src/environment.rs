//! What `build_env` makes and `teardown` releases.

use crate::Detail;
pub use crate::bindings::exports::worldflux::runtime::plugin::{Environment, Release};

impl Environment {
    /// An environment that was made now.
    pub fn made(handle: impl Into<String>) -> Self {
        Self { handle: handle.into(), reused: false, interpreter: None, metadata: Vec::new() }
    }

    /// The environment of a runtime that makes none.
    #[must_use]
    pub fn nothing() -> Self {
        Self::made("nothing")
    }

    /// The same, there before this call if `reused`.
    #[must_use]
    pub fn reused(mut self, reused: bool) -> Self {
        self.reused = reused;
        self
    }

    /// The same with its interpreter, a guest path.
    #[must_use]
    pub fn interpreter(mut self, interpreter: impl Into<String>) -> Self {
        self.interpreter = Some(interpreter.into());
        self
    }

    /// The same with one more value for the manifest.
    #[must_use]
    pub fn metadata(mut self, detail: Detail) -> Self {
        self.metadata.push(detail);
        self
    }
}

impl Release {
    /// Nothing is left, and this is how it is known.
    pub fn because(evidence: impl Into<String>) -> Self {
        Self { evidence: evidence.into(), details: Vec::new() }
    }
}
