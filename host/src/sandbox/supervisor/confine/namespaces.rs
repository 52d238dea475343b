//! The namespaces of a sandbox.
#![allow(unsafe_code, reason = "leaving the namespaces of the host, and one ioctl for the loopback device")]

use std::{
    fs, io,
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    process::{getgid, getuid},
    system::sethostname,
    thread::{UnshareFlags, set_thread_groups, unshare_unsafe},
};

use crate::{policy::Network, sandbox::supervisor::failed::Failed};

/// How the machine is called inside. The real name says whose machine it is.
pub(super) const HOST_NAME: &str = "sandbox";

/// Leave the namespaces of the host. This process itself stays in the host's process namespace: its children are in the new one.
///
/// The user stays the same: the files of the user are the user's, and no other user exists inside. Root is mapped to itself as well, since
/// the files of root are its own; what makes root powerful are capabilities, and the command has none.
pub(in crate::sandbox::supervisor) fn enter(network: Network) -> Result<(), Failed> {
    let (user, group) = (getuid(), getgid());
    if user.is_root() {
        // Rights to files that root does not need. A user cannot give up groups, and neither can root in some containers.
        let _ = set_thread_groups(&[]);
    }
    let network_too = if network == Network::None { UnshareFlags::NEWNET } else { UnshareFlags::empty() };
    let all = network_too
        | UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWCGROUP;
    // SAFETY: the flag that needs care, the one for descriptors, is not among them.
    unsafe { unshare_unsafe(all) }.map_err(Failed::confining("make namespaces"))?;
    map("setgroups", "deny")?;
    map("uid_map", &format!("{user} {user} 1", user = user.as_raw()))?;
    map("gid_map", &format!("{group} {group} 1", group = group.as_raw()))?;
    sethostname(HOST_NAME.as_bytes()).map_err(Failed::confining("name the sandbox: capabilities in a new user namespace are refused"))?;
    if network == Network::Machine {
        return Ok(());
    }
    loopback_up().map_err(Failed::confining("switch on the loopback device"))
}

fn map(file: &str, text: &str) -> Result<(), Failed> {
    fs::write(format!("/proc/self/{file}"), text).map_err(Failed::confining("map the user into the namespace"))
}

/// Programs that talk to themselves over 127.0.0.1 are many, and nobody else hears them.
fn loopback_up() -> io::Result<()> {
    let socket: OwnedFd = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all zeroes are a valid value of this type, which has numbers and characters only.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed().into();
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: the request is of the type that this command reads, and outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
