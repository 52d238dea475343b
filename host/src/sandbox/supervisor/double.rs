//! One supervisor becomes two.
#![allow(unsafe_code, reason = "no safe function makes a process whose parent is this one's own")]

use std::{io, os::unix::net::UnixStream};

use crate::sandbox::order;

/// Make a copy of this process, which is a child of the host as this one is, and nothing of this one. `true` in the copy. Where there can be
/// none, this process goes on alone, and the host sees the socket of the other at its end.
pub(super) fn is_the_other() -> bool {
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
    let none: libc::c_long = 0;
    // SAFETY: without a stack and without shared memory, this is fork (`man 2 clone`). This process has one thread and holds no lock, so
    // everything in the copy is whole.
    unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) == 0 }
}

/// Take `control` for the only descriptor that the host gave, in the place of the other's, and say which process this is.
pub(super) fn begin(control: &UnixStream) -> io::Result<()> {
    rustix::stdio::dup2_stdin(control)?;
    order::send_number(control)
}
