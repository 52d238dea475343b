//! The words that every room shares: ids, digests, amounts, moments, how a command ends, secrets that do not print.
//!
//! Never: does input or output, or knows what any of these words is used for.
//! Callers: every room.
//! Read in order: digest, id, amount, moment, export, channel, ending, failure, secret, size, nearest.

mod amount;
mod channel;
mod digest;
mod ending;
mod export;
mod failure;
mod id;
mod moment;
mod nearest;
mod secret;
mod size;

pub use amount::{Bytes, Cpus, Usd};
pub use channel::Channel;
pub use digest::{Digest, DigestError, Digester, hex};
pub use ending::{EndKind, Ending};
pub use export::Export;
pub use failure::{Cause, Failure};
pub use id::{IdError, ProcessHandle, RunId, RuntimeName};
pub use moment::Moment;
pub use nearest::{distance, nearest};
pub use secret::Secret;
pub use size::{SIZE, parse_size, write_size};
