//! What a plugin may call: one file per interface of the protocol, and the WASI interfaces that a language's library needs.
//!
//! Every effect goes through [`Gate`]: authorize, record the intent, act, record the result. An interface file converts what the
//! plugin said, asks `policy`, and calls the mechanism with the permit; nothing else lives here.
//!
//! Never: decides (policy does), confines (sandbox does), makes an instance (engine does), knows the order of a run.
//! Callers: engine, which gives every instance a [`Guest`] and links the interfaces; run, which fills in a [`Call`]; cli, to show how much a
//! line of talk matters.
//! Read in order: bindings, call, usage, gate, guest, process, carrier, children, network, secrets, log, files, naming, growth, waits, stdio, http (a
//! folder), transfer, convert, link.

mod bindings;
mod call;
mod carrier;
mod children;
mod convert;
mod files;
mod gate;
mod growth;
mod guest;
mod http;
mod link;
mod log;
mod naming;
mod network;
mod process;
mod secrets;
mod stdio;
mod transfer;
mod usage;
mod waits;

pub use bindings::{RuntimePlugin, RuntimePluginPre, exports::worldflux::runtime::plugin as answers, worldflux::runtime::types as wire};
pub use call::{Call, CommandLaunch, Deaf, Folders, Listener, Talk, TalkLevel};
pub use children::{Children, Running};
pub use gate::Gate;
pub use guest::Guest;
pub use link::link;
pub use network::Reach;
pub use usage::Usage;
