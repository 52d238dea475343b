//! What a child may reach, and how it is told that it may not.

use std::collections::BTreeSet;

use crate::policy::{self, Connect, Host, HostPattern, NetworkTarget, Permit, Refused, Scheme};

/// The hosts that one child may reach.
#[derive(Debug, Clone)]
pub struct Rules {
    who: String,
    targets: BTreeSet<NetworkTarget>,
    cure: String,
}

/// A connection that is allowed.
pub(super) struct Allowed {
    pub(super) permit: Permit<Connect>,
    /// The host, in its one spelling.
    pub(super) host: Host,
    /// Whether it was named as a host that is spoken to without encryption.
    pub(super) is_plain: bool,
}

impl Rules {
    /// A child that may reach `targets`, which `who` answers for. `cure` is what a person types, followed by another target, so that it may
    /// reach that as well; empty where there is nothing to type.
    #[must_use]
    pub fn new(who: &str, targets: BTreeSet<NetworkTarget>, cure: &str) -> Self {
        Self { who: who.to_owned(), targets, cure: cure.to_owned() }
    }

    /// Whether it may connect to this host and port, in its own words.
    pub(super) fn allow(&self, host: &str, port: &str) -> Result<Allowed, Refused> {
        let permit = policy::connect(&self.targets, &self.who, host, port, &self.cure)?;
        let Connect { host, port, .. } = permit.action();
        let is_plain = self.targets.iter().any(|target| target.scheme == Scheme::Http && target.covers(host, *port));
        let host = host.clone();
        Ok(Allowed { permit, host, is_plain })
    }

    /// Whether one of the targets is exactly this host.
    pub(super) fn names(&self, host: &str) -> bool {
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Ok(host) = bracketed.parse::<Host>() else { return false };
        self.targets.iter().any(|target| target.host == HostPattern::Exact(host.clone()))
    }

    /// A connection that is allowed, if it were encrypted.
    pub(super) fn only_encrypted(&self, host: &Host, port: &str) -> Refused {
        let cure = if self.cure.is_empty() { String::new() } else { format!("{} http://{host}:{port}", self.cure) };
        Refused::Denied(policy::Denial {
            plugin: self.who.clone(),
            action: format!("reach `{host}:{port}` without encryption"),
            rule: "it was not named with `http://` in front".into(),
            cure,
        })
    }
}
