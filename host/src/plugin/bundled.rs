//! The plugins that come inside the host's own file.

/// A component that was built together with the host.
pub(super) struct BundledPlugin {
    /// Its name, as in its `plugin.toml`.
    pub(super) name: &'static str,
    /// Its version, as in its `plugin.toml`.
    pub(super) version: &'static str,
    /// Its line for a list, as in its `plugin.toml`.
    pub(super) summary: &'static str,
    /// Its `plugin.toml`.
    pub(super) toml: &'static str,
    /// The component, with the `plugin.toml` inside.
    pub(super) component: &'static [u8],
    /// SHA-256 of the component.
    pub(super) digest: [u8; 32],
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The component that attacks, for the self-test. No runtime: nobody can name it.
pub(super) static HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));
