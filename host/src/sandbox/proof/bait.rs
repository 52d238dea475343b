//! What is laid out for the attacks: things outside of the view that must stay out of reach, and things that are granted.

use std::{
    fs::{self, DirBuilder, File},
    io,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{DirBuilderExt, PermissionsExt},
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process,
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// Where everything is. This is all that a canary is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Targets {
    /// A file that is not granted.
    pub(super) secret: PathBuf,
    /// A folder that is not granted.
    pub(super) outside: PathBuf,
    /// A granted folder, to read.
    pub(super) readable: PathBuf,
    /// A granted folder, to write.
    pub(super) writable: PathBuf,
    /// Ports of the host, on 127.0.0.1.
    pub(super) tcp: u16,
    pub(super) udp: u16,
    /// A socket of the host by path, and one by name.
    pub(super) socket: PathBuf,
    pub(super) name: String,
    /// The host.
    pub(super) host: i32,
}

/// The things themselves. Gone when this is dropped.
pub(super) struct Bait {
    pub(super) targets: Targets,
    folder: PathBuf,
    udp: UdpSocket,
    _tcp: TcpListener,
    _listeners: [UnixListener; 2],
}

impl Bait {
    /// Lay it out in a new folder of `place`.
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("worldflux-canary-{:016x}", u64::from_ne_bytes(random));
        let folder = place.canonicalize()?.join(&name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        // From here on the folder goes with what is made of it, also where making it fails.
        let folder = Folder(folder);
        let [outside, readable, writable] = ["outside", "readable", "writable"].map(|name| folder.0.join(name));
        for folder in [&outside, &readable, &writable] {
            fs::create_dir(folder)?;
        }
        let secret = outside.join("secret");
        for file in [&secret, &readable.join("file")] {
            fs::write(file, &name)?;
            fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
        }
        File::create(writable.join("lock"))?;
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        udp.set_nonblocking(true)?;
        let socket = outside.join("socket");
        let listeners = [UnixListener::bind(&socket)?, UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?];
        let host = process::id().cast_signed();
        let (tcp_port, udp_port) = (tcp.local_addr()?.port(), udp.local_addr()?.port());
        let targets = Targets { secret, outside, readable, writable, tcp: tcp_port, udp: udp_port, socket, name, host };
        Ok(Self { targets, folder: folder.keep(), udp, _tcp: tcp, _listeners: listeners })
    }

    /// Whether something came in from inside. What is sent is not refused to the sender.
    pub(super) fn was_told(&self) -> bool {
        self.udp.recv(&mut [0; 64]).is_ok()
    }

    /// Whether a process of the canary is still there: it would hold the lock.
    pub(super) fn has_survivor(&self) -> io::Result<bool> {
        let lock = File::open(self.targets.writable.join("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Bait {
    fn drop(&mut self) {
        drop(Folder(std::mem::take(&mut self.folder)));
    }
}

/// A folder that is removed when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Nothing of it matters to anybody.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
