//! The namespaces of a sandbox.
#![allow(unsafe_code, reason = "leaving the namespaces of the host, and one ioctl for the loopback device")]

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with},
    process::{Pid, PidfdFlags, getgid, getuid, pidfd_open},
    system::sethostname,
    thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces, set_thread_groups, unshare_unsafe},
};

use crate::{
    policy::Network,
    sandbox::{options::WAY_OUT, supervisor::failed::Failed},
};

/// How the machine is called inside. The real name says whose machine it is.
pub(super) const HOST_NAME: &str = "sandbox";

/// Connections that wait until the host takes them. Further ones are tried again by the kernel of the command, which slows it down.
const WAITING: i32 = 128;

/// Leave the namespaces of the host. This process itself stays in the host's process namespace: its children are in the new one.
///
/// The user stays the same: the files of the user are the user's, and no other user exists inside. Root is mapped to itself as well, since
/// the files of root are its own; what makes root powerful are capabilities, and the command has none.
pub(in crate::sandbox::supervisor) fn enter() -> Result<(), Failed> {
    let (user, group) = (getuid(), getgid());
    if user.is_root() {
        // Rights to files that root does not need. A user cannot give up groups, and neither can root in some containers.
        let _ = set_thread_groups(&[]);
    }
    let first = UnshareFlags::NEWUSER | UnshareFlags::NEWNS | UnshareFlags::NEWPID;
    // SAFETY: the flag that needs care, the one for descriptors, is not among them.
    unsafe { unshare_unsafe(first) }.map_err(Failed::confining("make namespaces"))?;
    map("setgroups", "deny")?;
    map("uid_map", &format!("{user} {user} 1", user = user.as_raw()))?;
    map("gid_map", &format!("{group} {group} 1", group = group.as_raw()))
}

/// Make the rest of the namespaces. The first process of the sandbox does that while the supervisor makes the root folder, since a network
/// takes as long as all the others together.
pub(super) fn make_others(network: Network) -> io::Result<()> {
    let own = if has_own(network) { UnshareFlags::NEWNET } else { UnshareFlags::empty() };
    let others = own | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    // SAFETY: as above.
    unsafe { unshare_unsafe(others) }?;
    sethostname(HOST_NAME.as_bytes())?;
    if has_own(network) { loopback_up() } else { Ok(()) }
}

/// Whether the command has a network to itself, in which nobody else is.
pub(super) fn has_own(network: Network) -> bool {
    match network {
        Network::None | Network::Named => true,
        Network::Machine => false,
    }
}

/// The only way out of a network of names: a socket that listens inside, for the host to answer at. To be made by a process that has
/// [`join`]ed the network.
///
/// Whether what asks there may go out is the host's to decide: the kernel only sees to it that there is no other way.
pub(in crate::sandbox::supervisor) fn way_out(network: Network) -> io::Result<Option<OwnedFd>> {
    if !matches!(network, Network::Named) {
        return Ok(None);
    }
    // It must not block the host, which gets this very socket.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, WAY_OUT))?;
    listen(&socket, WAITING)?;
    Ok(Some(socket))
}

/// Go where the first process of the sandbox has gone.
pub(super) fn join(first: Pid, network: Network) -> io::Result<()> {
    use ThreadNameSpaceType as Kind;
    let first = pidfd_open(first, PidfdFlags::empty())?;
    let own = if has_own(network) { Kind::NETWORK } else { Kind::empty() };
    let others = own | Kind::INTER_PROCESS_COMMUNICATION | Kind::HOST_NAME_AND_NIS_DOMAIN_NAME | Kind::CONTROL_GROUP;
    Ok(move_into_thread_name_spaces(first.as_fd(), others)?)
}

fn map(file: &str, text: &str) -> Result<(), Failed> {
    fs::write(format!("/proc/self/{file}"), text).map_err(Failed::confining("map the user into the namespace"))
}

/// Programs that talk to themselves over 127.0.0.1 are many, and nobody else hears them.
fn loopback_up() -> io::Result<()> {
    let socket: OwnedFd = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all zeroes are a valid value of this type, which has numbers and characters only.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: the request is of the type that this command reads, and outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
