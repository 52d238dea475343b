//! The one signal that a supervisor listens to: the end of a child.
#![allow(unsafe_code, reason = "a signal handler is installed, and rings by the number of a descriptor")]

use std::{
    ffi::c_int,
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    sync::atomic::{AtomicI32, Ordering},
};

use rustix::{
    event::{EventfdFlags, eventfd},
    process::Signal,
};

/// What rings when a child ends; -1 while nothing does.
static BELL: AtomicI32 = AtomicI32::new(-1);

unsafe extern "C" {
    /// `None` is `SIG_DFL`.
    safe fn signal(number: c_int, handler: Option<extern "C" fn(c_int)>) -> usize;
}

/// Let the ends of children be waited for.
///
/// Whoever starts this program may have it ignore SIGCHLD, and that is inherited: the kernel would then throw exit codes away, and give
/// process ids to others while they are still in use here.
pub(super) fn wait_for_children() {
    signal(Signal::CHILD.as_raw(), None);
}

/// A descriptor that becomes readable whenever a child has ended. To be called once.
pub(super) fn bell() -> io::Result<OwnedFd> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    BELL.store(bell.as_raw_fd(), Ordering::SeqCst);
    signal(Signal::CHILD.as_raw(), Some(ring));
    Ok(bell)
}

extern "C" fn ring(_: c_int) {
    let bell = BELL.load(Ordering::SeqCst);
    if bell >= 0 {
        // SAFETY: the descriptor lives as long as the supervisor, and this makes one system call, which is allowed in a handler.
        let bell = unsafe { BorrowedFd::borrow_raw(bell) };
        // Fails only where it rings already.
        let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
    }
}
