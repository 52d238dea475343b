//! Secrets, by name. A value never comes here: the host puts it into a request, or into a variable of the user's command.

use crate::bindings::worldflux::runtime::secrets as wit;

/// The secrets that this plugin asks for, that the user granted, and that have a value on this machine; in the order of their names.
#[must_use]
pub fn available() -> Vec<String> {
    wit::available()
}

/// Whether this secret can be used now. Where it cannot, `doctor` should say so, with the line `worldflux secret set NAME`.
#[must_use]
pub fn is_available(name: &str) -> bool {
    available().iter().any(|available| available == name)
}
