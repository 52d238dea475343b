//! Makes the sandbox of a strict command: what it sees, and what it can ask of the kernel.
//!
//! Three layers, each of which would hold most attacks alone. Namespaces: a root folder with nothing but the view, no other process, no
//! network, no shared memory of others; the first process of the namespace is ours, and when it ends, everything in it does. Landlock:
//! nothing is opened, changed or executed outside of the view, even where a path leads out of it. A filter of system calls: what no
//! command needs and what the kernel's worst holes were in is not there. At the level `kernel-filter` the first layer is missing.
//!
//! The level `full-bwrap` is not made here and never claimed: it needs bubblewrap 0.12 or later, and could not be tried with the 0.8 that
//! was at hand.
//!
//! Never: decides what belongs to the view, starts the command, looks at the environment of the host.
//! Callers: the supervisor, between the launch and the start of the command.
//! Read in order: namespaces, init, plan, filesystem, devices, system, then what the command does to itself: restriction, limits,
//! capabilities, landlock, seccomp.

mod capabilities;
mod devices;
mod filesystem;
mod init;
mod landlock;
mod limits;
mod namespaces;
mod plan;
mod restriction;
mod seccomp;
mod system;

pub(super) use filesystem::build;
pub(super) use init::Init;
pub(super) use namespaces::{enter, way_out};
pub(super) use plan::Plan;
pub(super) use restriction::Restriction;
