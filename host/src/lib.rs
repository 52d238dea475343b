//! `worldflux` launches a command on any backend through a sandboxed WebAssembly plugin and writes one truthful manifest.
//!
//! The rooms, from the ground up; a room uses lower floors only:
//!
//! | floor | rooms |
//! |---|---|
//! | 6 | [`cli`] |
//! | 4 | [`run`] |
//! | 3 | [`plugin`], [`engine`] |
//! | 2 | [`imports`], [`config`] |
//! | 1 | [`sandbox`], [`workspace`], [`store`] |
//! | 0 | [`policy`] |
//! | ground | [`names`] |

pub mod cli;
pub mod config;
pub mod engine;
pub mod imports;
pub mod names;
pub mod plugin;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod store;
pub mod workspace;
