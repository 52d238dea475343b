//! The three ways in which a call does not succeed: the plugin said no, the plugin broke, we broke.

use std::time::Duration;

use crate::names::{Bytes, Cause, Export, Failure};

/// Why a call of a plugin has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The plugin said no, with a reason. It works as it should.
    #[error("{0}")]
    Refused(#[from] Failure),
    /// The plugin broke. Whatever it was doing may be half done.
    #[error("plugin fault in `{export}`: {fault}")]
    Fault {
        /// The export that was called.
        export: Export,
        /// How it broke.
        fault: PluginFault,
    },
    /// The host broke. Not the plugin's doing.
    #[error("host fault in `{export}`: {fault}")]
    Host {
        /// The export that was called.
        export: Export,
        /// How it broke.
        fault: HostFault,
    },
}

impl CallError {
    /// The same, where the plugin said no because it was `denied` something and could not say so itself: `wasi:http` tells it neither why nor
    /// what would allow it.
    #[must_use]
    pub(super) fn because_of(self, denied: Option<Failure>) -> Self {
        match (self, denied) {
            (Self::Refused(said), Some(denied)) if is_vague(&said.cause) => {
                let message = format!("{}: {}", said.message, denied.message);
                Self::Refused(Failure { message, hint: denied.hint.or(said.hint), repeatable: false, cause: denied.cause })
            }
            (error, _) => error,
        }
    }
}

/// Whether a denial can be what lies behind it.
const fn is_vague(cause: &Cause) -> bool {
    matches!(cause, Cause::Other | Cause::Unavailable { .. } | Cause::NotFound | Cause::Auth)
}

/// How a plugin broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginFault {
    /// It trapped.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It ran longer than it may.
    #[error("it did not answer within {0:?}")]
    Deadline(Duration),
    /// It wanted more memory than it may have.
    #[error("it needs more than {0} of memory")]
    Memory(Bytes),
    /// It wanted larger tables than it may have.
    #[error("it needs tables of more than {0} elements")]
    Table(usize),
    /// It exited instead of answering.
    #[error("it exited with code {0} instead of answering")]
    Exit(i32),
    /// It answered something that cannot be used.
    #[error("its answer cannot be used: {0}")]
    BadAnswer(String),
}

/// How the host broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostFault {
    /// What the instance needs could not be made.
    #[error("no instance could be made: {0}")]
    Instance(String),
    /// A panic in the host while it worked for the plugin.
    #[error("an error in worldflux itself: {0}")]
    Panic(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vague_no_after_a_denial_is_that_denial_and_any_other_is_what_it_says() {
        let denied = Cause::Denied { action: "GET https://a.b/".into(), rule: "it is not granted".into(), cure: "grant it".into() };
        let denied = Failure::new(denied, "denied").with_hint("grant it");
        let said = |cause| CallError::Refused(Failure::new(cause, "no")).because_of(Some(denied.clone()));
        for vague in [Cause::Other, Cause::Auth, Cause::NotFound, Cause::Unavailable { retry_after: None }] {
            let CallError::Refused(failure) = said(vague) else { panic!("it stays a refusal") };
            assert_eq!(
                (failure.message.as_str(), failure.hint.as_deref(), &failure.cause),
                ("no: denied", Some("grant it"), &denied.cause)
            );
        }
        for own in [Cause::Conflict, Cause::Quota, Cause::TimedOut] {
            assert_eq!(said(own).to_string(), "no");
        }
        let fault = CallError::Fault { export: Export::Plan, fault: PluginFault::Exit(1) };
        assert!(fault.because_of(Some(denied)).to_string().contains("it exited with code 1"));
    }
}
