//! Which plugins there are: bundled with the host, added by the user, or files that the user named.
//!
//! A plugin is one `.wasm` file. What it asks for travels inside, in a custom section, so that whoever has the file has the whole.
//! The bytes are read once; those bytes are hashed, inspected and compiled.
//!
//! Never: runs a plugin (engine does), decides what it may do (policy does).
//! Callers: run; cli, to pack, inspect and list.
//! Read in order: pack, manifest, inspect, bundled, added, component, catalog, similar, error.

mod added;
mod bundled;
mod catalog;
mod component;
mod error;
mod inspect;
mod manifest;
mod pack;
mod similar;

pub use added::Added;
pub use catalog::{Catalog, Entry};
pub use component::{PluginFile, Source};
pub use error::PluginError;
pub use inspect::Inspection;
pub use manifest::{About, PluginManifest};
pub use pack::{PackError, pack, unpack};
pub use similar::check_name;
