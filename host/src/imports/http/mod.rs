//! `wasi:http/outgoing-handler`: requests of a plugin.
//!
//! Every request is decided from its text, written down before it is sent, sent with the permit, and written down again when its answer was
//! read to the end, or why not.
//!
//! Never: decides (policy does), opens a connection (egress does).
//! Callers: guest, which has one [`HttpContext`] for every instance; link.
//! Read in order: hook, exchange, brokered, scrubbed, body, code.

mod body;
mod brokered;
mod code;
mod exchange;
mod hook;
mod scrubbed;

pub(super) use brokered::put_secrets;
pub(super) use code::code_of;
pub(super) use hook::{HttpContext, check_own_headers};
