//! Limits that hold for all processes of a tree together: groups of the kernel (`man 7 cgroups`), where this host may make them.
//!
//! Moving a process into a group can take longer than all the rest of a start, so only what nothing else can bound has one: memory and
//! processors where they are limited, and the number of processes where the kernel does not count them without one.
//!
//! Never: decides what the limits are; fails a start because there can be no group, which is said instead.
//! Callers: the start of a command; the launcher, to say what holds here; the supervisor and the proof, for what is bounded without one.
//! Read in order: whole, bound, part, place.

mod bound;
mod part;
mod place;
mod whole;

pub(super) use bound::{Controller, OUR_PROCESSES, is_counted};
pub(super) use whole::{Group, is_there};
