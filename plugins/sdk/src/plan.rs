//! What would be made, and what it would cost.

pub use crate::bindings::exports::worldflux::runtime::plugin::{Outline, PlannedResource};

impl Outline {
    /// Nothing is made, and nothing costs anything.
    #[must_use]
    pub fn free() -> Self {
        Self { resources: Vec::new(), price_in_all: Some(0), steps: Vec::new(), reuse_key: None, details: Vec::new() }
    }

    /// The same with one more thing that is made, once and free of charge.
    #[must_use]
    pub fn makes(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.resources.push(PlannedResource { kind: kind.into(), name: name.into(), count: 1, price_per_hour: Some(0) });
        self
    }

    /// The same with one more step, in words.
    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// The same with the digest of everything that the environment is made from, as `sha256:` and 64 hexadecimal digits; `None` for one
    /// that is made for this run alone.
    #[must_use]
    pub fn reuse_key(mut self, key: Option<String>) -> Self {
        self.reuse_key = key;
        self
    }
}
