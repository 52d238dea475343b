//! Makes the sandbox of a strict command: what it sees, and what it can ask of the kernel.
//!
//! Three layers, each of which would hold most attacks alone. Namespaces: a root folder with nothing but the view, no other process, no
//! network, no shared memory of others; the first process of the namespace is ours, and when it ends, everything in it does. Landlock:
//! nothing is opened, changed or executed outside of the view, even where a path leads out of it. A filter of system calls: what no
//! command needs and what the kernel's worst holes were in is not there. At the level `kernel-filter` the first layer is missing.
//!
//! At the level `full-bwrap` bubblewrap makes the first layer from the same plan, and the two others are made here all the same: of what
//! bubblewrap leaves open (nested namespaces, `io_uring`, sockets to the kernel and to the machine below) they leave nothing.
//!
//! Never: decides what belongs to the view, starts the command, looks at the environment of the host.
//! Callers: the supervisor, between the launch and the start of the command.
//! Read in order: namespaces, init, pass, plan, filesystem, devices, system, bubblewrap, then what the command does to itself: restriction, limits,
//! capabilities, landlock, seccomp.

mod bubblewrap;
mod capabilities;
mod devices;
mod filesystem;
mod init;
mod landlock;
mod limits;
mod namespaces;
mod pass;
mod plan;
mod restriction;
mod seccomp;
mod system;

pub(super) use bubblewrap::Arguments;
pub(super) use filesystem::build;
pub(super) use init::{Init, signal_everybody};
pub(super) use limits::bound_processes;
pub(super) use namespaces::{enter, way_out};
pub(super) use pass::{give, take};
pub(super) use plan::Plan;
pub(super) use restriction::Restriction;
