//! What confines a strict command on this machine, found out by attacks.
//!
//! A kernel that has namespaces and Landlock may still refuse them to this user, in this container, under this policy. So nothing is asked
//! about features: a program, which is this very program, is started as any strict command is, tries to get at things that were laid out for
//! it, and says how that went. The level is the strongest at which every attack failed and everything granted worked.
//!
//! Never: weakens what a command gets; counts an attack that could not be tried as one that failed.
//! Callers: the launcher, before the first strict start; cli, to show it.
//! Read in order: report, bait, probe, canary, attacks, memory.

mod attacks;
mod bait;
mod canary;
mod memory;
mod probe;
mod report;

pub(super) use canary::{CANARY_ARGUMENT, be_a_canary};
pub(super) use memory::Memory;
pub(super) use probe::probe;
pub use report::{Canary, Outcome, Proof};
