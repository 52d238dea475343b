//! Secrets, by name. The host puts their values where `plugin.toml` says; no plugin sees one.

use crate::bindings::worldflux::runtime::secrets as wit;

/// The names of the secrets that this plugin asks for, that the user granted, and that have a value here, sorted.
///
/// The host's own doctor names those that are missing; this is for a plugin that can work with one secret or another, or without.
#[must_use]
pub fn available() -> Vec<String> {
    wit::available()
}

/// Whether this secret can be used.
#[must_use]
pub fn is_available(name: &str) -> bool {
    available().iter().any(|available| available == name)
}
