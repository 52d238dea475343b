//! Proof that an action was allowed.

/// Proof that one action was allowed. Made by `decide` alone, used up by the mechanism that acts.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit<A> {
    action: A,
}

impl<A> Permit<A> {
    /// Only `decide` calls this; `tests/house` checks it.
    pub(super) const fn grant(action: A) -> Self {
        Self { action }
    }

    /// What is allowed.
    pub const fn action(&self) -> &A {
        &self.action
    }

    /// Use the permit up.
    pub fn into_action(self) -> A {
        self.action
    }
}
