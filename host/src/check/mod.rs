//! Attacks this very host, on this very machine, and says what held.
//!
//! The tests of the repository prove that a build is good; this proves that it is good here: with this kernel, in this container, for this user. A
//! component that does one bad thing at a time comes inside the program for it, so that no compiler is needed.
//!
//! Never: runs a component of anybody else, touches a folder that it did not make, writes to the state of runs.
//! Callers: cli.
//! Read in order: cases, hostile.

mod cases;
mod hostile;

pub use hostile::{Attempt, SelftestError, attack_all};
