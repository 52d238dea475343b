//! The first process of a sandbox. When it ends, the kernel ends all others.
#![allow(unsafe_code, reason = "forks, and ends without running what the parent had still to do")]

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
    process::{DumpableBehavior, Pid, Signal, getpid, kill_process, set_dumpable_behavior, set_parent_process_death_signal},
};

use super::{
    capabilities,
    filesystem::set_attributes,
    limits, namespaces,
    pass::{give, take},
};
use crate::policy::Network;

/// The first process of a sandbox, as the supervisor has it: a child that is not reaped yet, so that its number is its own.
///
/// It does nothing but be there. The command is not its child but the supervisor's, so that how the command ended is the kernel's word to
/// a process that the command cannot see.
pub(in crate::sandbox::supervisor) struct Init {
    pid: Pid,
    control: UnixStream,
    network: Network,
}

impl Init {
    /// Start it, in the namespaces that this process has just made for its children.
    pub(in crate::sandbox::supervisor) fn start(network: Network) -> io::Result<Self> {
        let (control, other) = UnixStream::pair()?;
        // SAFETY: this process has one thread, so everything that the child finds in memory is whole.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // Held open here, it would never be at its end for this process, and a supervisor that is gone would be waited for.
                drop(control);
                live(&other, network);
                // SAFETY: ends this process at once, as meant: what is on its stack belongs to the supervisor.
                unsafe { libc::_exit(0) }
            }
            pid => {
                let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                Ok(Self { pid, control, network })
            }
        }
    }

    /// Have it bound how many processes there can be inside, where the kernel can bound that, and make `/proc`.
    pub(in crate::sandbox::supervisor) fn bound(&self, processes: u32) -> io::Result<()> {
        (&self.control).write_all(&processes.to_ne_bytes())
    }

    /// The `/proc` of the new process namespace, not yet mounted anywhere: only a process inside can make it.
    pub(in crate::sandbox::supervisor) fn take_proc(&self) -> io::Result<OwnedFd> {
        take(&self.control)
    }

    /// Go into its namespaces, and let it hide. Only now: nobody can follow a process that is hidden.
    pub(in crate::sandbox::supervisor) fn join(&self) -> io::Result<()> {
        namespaces::join(self.pid, self.network)?;
        (&self.control).write_all(&[0])
    }

    /// Wait until it is hidden. Nothing of the sandbox may run before.
    pub(in crate::sandbox::supervisor) fn confirm(&self) -> io::Result<()> {
        (&self.control).read_exact(&mut [0])
    }

    /// Send `signal` to every process of the sandbox, in one stroke: none of them can fork out of reach meanwhile.
    pub(in crate::sandbox::supervisor) fn pass_on(&self, signal: Signal) {
        // Fails only if it is over, and everything with it.
        let _ = (&self.control).write_all(&signal.as_raw().to_ne_bytes());
    }

    /// End it, and everything in the sandbox.
    pub(in crate::sandbox::supervisor) fn end(&self) {
        // Fails only if it is over.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

/// The life of the first process: make namespaces and `/proc`, then pass on signals until the supervisor is gone.
fn live(control: &UnixStream, network: Network) {
    // Nobody inside can end or stop it: the kernel keeps signals without a handler from the first process of a namespace. Those that
    // nobody waits for are its children then, and are gone at once when they end.
    // SAFETY: no handler is installed, only one taken away.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let begun = set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)
        .and_then(|()| namespaces::make_others(network))
        .and_then(|()| proc(processes(control)?));
    let told = match begun {
        Ok(proc) => give(control, &proc),
        Err(error) => {
            let mut control = control;
            control.write_all(&error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes())
        }
    };
    let mut control = control;
    let joined = control.read_exact(&mut [0]);
    // Not readable for anybody inside, and without a right: what the supervisor had in memory is here too.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if told.is_err() || joined.is_err() || hidden.is_err() || capabilities::drop_all().is_err() {
        return;
    }
    close_all_but(control);
    if control.write_all(&[0]).is_err() {
        return;
    }
    let mut signal = [0; 4];
    while control.read_exact(&mut signal).is_ok() {
        signal_everybody(i32::from_ne_bytes(signal));
    }
}

/// Send `signal` to every process of the namespace of which this process is the first.
pub(in crate::sandbox::supervisor) fn signal_everybody(signal: libc::c_int) {
    // Anywhere else it would reach all that the user has.
    if getpid().is_init() {
        // SAFETY: a plain system call. Reaches everybody inside but this process.
        unsafe { libc::kill(-1, signal) };
    }
}

/// How many processes there may be, once there is something to start.
fn processes(mut control: &UnixStream) -> io::Result<u32> {
    let mut number = [0; 4];
    control.read_exact(&mut number)?;
    Ok(u32::from_ne_bytes(number))
}

fn proc(processes: u32) -> io::Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    limits::bound_processes(&proc, processes)?;
    // What root may write there belongs to the whole machine.
    set_attributes(&proc, flags | MountAttrFlags::MOUNT_ATTR_RDONLY)?;
    Ok(proc)
}

/// The pipes of the command are among them, and would not come to their end.
fn close_all_but(control: &UnixStream) {
    let keep = control.as_raw_fd().cast_unsigned();
    // SAFETY: this process never returns to the code that owns these descriptors.
    unsafe {
        if keep > 0 {
            libc::syscall(libc::SYS_close_range, 0, keep - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, keep + 1, u32::MAX, 0);
    }
}
