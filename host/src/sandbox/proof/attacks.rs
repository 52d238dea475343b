//! The attacks, and the few things that must work. Each runs inside and answers with what the system said.
#![allow(unsafe_code, reason = "asks the kernel for what no library offers")]

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::{SocketAddr, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, symlink},
            net::UnixStream,
        },
    },
    path::Path,
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, test_kill_process};

use super::{
    bait::Targets,
    canary::CANARY_ARGUMENT,
    report::Outcome::{self, Allowed, Blocked},
};
use crate::{policy::Level, sandbox::options::WAY_OUT};

/// Longest wait for a connection to something that is there or not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// An address that nobody has (RFC 5737): where a packet to it can leave, so can any other.
const OUTSIDE: [u8; 4] = [192, 0, 2, 1];

/// One thing to try.
pub(super) struct Attempt {
    pub(super) name: &'static str,
    pub(super) tried: &'static str,
    pub(super) must: Outcome,
    /// The weakest level that promises this.
    pub(super) from: Level,
    pub(super) act: fn(&Targets) -> io::Result<()>,
}

const fn attempt(name: &'static str, tried: &'static str, must: Outcome, act: fn(&Targets) -> io::Result<()>) -> Attempt {
    Attempt { name, tried, must, from: Level::KernelFilter, act }
}

/// What only namespaces hold.
const fn in_namespaces(name: &'static str, tried: &'static str, must: Outcome, act: fn(&Targets) -> io::Result<()>) -> Attempt {
    Attempt { name, tried, must, from: Level::FullBwrap, act }
}

/// The name of the attempt that the host judges: what is sent without a connection is not refused.
pub(super) const UDP: &str = "udp";

/// The name of the attempt that leaves a process behind. The host judges it as well.
pub(super) const SURVIVOR: &str = "survivor";

/// Everything that is tried, in this order.
pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("read-granted", "read a file of a granted folder", Allowed, |to| fs::read(to.readable.join("file")).map(drop)),
    attempt("write-granted", "write a file in a granted folder", Allowed, |to| fs::write(to.writable.join("made"), "x")),
    attempt("execute", "execute a granted program", Allowed, |_| execute()),
    in_namespaces("temporary", "write to /tmp and /dev/shm, which are its own", Allowed, |_| {
        ["/tmp/x", "/dev/shm/x"].iter().try_for_each(|path| fs::write(path, "x"))
    }),
    attempt("read-outside", "read a file that is not granted", Blocked, |to| fs::read(&to.secret).map(drop)),
    in_namespaces("see-outside", "find out whether a file that is not granted exists", Blocked, |to| fs::metadata(&to.secret).map(drop)),
    in_namespaces("change-mode", "change the mode of a file that is not granted", Blocked, |to| {
        fs::set_permissions(&to.secret, fs::Permissions::from_mode(0o644))
    }),
    attempt("write-outside", "make a file in a folder that is not granted", Blocked, |to| fs::write(to.outside.join("made"), "x")),
    attempt("write-readable", "make a file in a folder that is granted to be read", Blocked, |to| fs::write(to.readable.join("made"), "x")),
    attempt("overwrite-readable", "open for writing a file that is granted to be read", Blocked, |to| {
        OpenOptions::new().write(true).open(to.readable.join("file")).map(drop)
    }),
    attempt("link-out", "read through a link from a granted folder", Blocked, |to| {
        let link = to.writable.join("link");
        symlink(&to.secret, &link)?;
        fs::read(link).map(drop)
    }),
    attempt("hard-link-in", "link a file that is not granted into a granted folder", Blocked, |to| {
        fs::hard_link(&to.secret, to.writable.join("hard"))
    }),
    attempt("tcp", "connect to a port of the host", Blocked, |to| connect([127, 0, 0, 1], to.tcp)),
    attempt(UDP, "send to a port of the host", Blocked, |to| {
        UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", ("127.0.0.1", to.udp)).map(drop)
    }),
    in_namespaces("way-out", "connect to the port at which the host decides", Allowed, |_| connect([127, 0, 0, 1], WAY_OUT)),
    attempt("tcp-outside", "connect to an address outside", Blocked, |_| connect(OUTSIDE, 443)),
    attempt("udp-outside", "ask a name server outside", Blocked, |_| {
        UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", SocketAddr::from((OUTSIDE, 53))).map(drop)
    }),
    attempt("raw", "make a socket for packets of its own making", Blocked, |_| {
        call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), libc::IPPROTO_RAW.into(), 0])
    }),
    attempt("icmp", "make a socket for pings", Blocked, |_| {
        call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_DGRAM.into(), libc::IPPROTO_ICMP.into(), 0])
    }),
    attempt("unix-socket", "connect to a socket of the host by its path", Blocked, |to| UnixStream::connect(&to.socket).map(drop)),
    attempt("abstract-socket", "connect to a socket of the host by its name", Blocked, |to| {
        UnixStream::connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(&to.name)?).map(drop)
    }),
    attempt("signal-host", "send a signal to the host", Blocked, |to| Ok(test_kill_process(host(to)?)?)),
    attempt("trace-host", "follow the host as a debugger does", Blocked, |to| {
        let host = libc::c_long::from(host(to)?.as_raw_pid());
        call(libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), host, 0, 0])
    }),
    attempt("host-environment", "read the variables of the host", Blocked, |to| fs::read(format!("/proc/{}/environ", host(to)?)).map(drop)),
    attempt("user-namespace", "make a user namespace", Blocked, |_| call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0])),
    attempt("mount", "mount a file system", Blocked, |_| call(libc::SYS_fsopen, [c"tmpfs".as_ptr() as libc::c_long, 0, 0, 0])),
    attempt("io-uring", "use io_uring", Blocked, |_| {
        let parameters = [0_u8; 256];
        call(libc::SYS_io_uring_setup, [1, parameters.as_ptr() as libc::c_long, 0, 0])
    }),
    attempt("vsock", "make a socket to the machine below", Blocked, |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    attempt("netlink", "make a socket to the kernel's network", Blocked, |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    attempt("packet", "make a socket for raw packets", Blocked, |_| socket(libc::AF_PACKET, libc::SOCK_RAW)),
    attempt("keys", "use the keys of the user", Blocked, |_| call(libc::SYS_keyctl, [0, -4, 1, 0])),
    attempt("bpf", "load a program into the kernel", Blocked, |_| call(libc::SYS_bpf, [0, 0, 0, 0])),
    attempt("typing", "type into a terminal", Blocked, |_| call(libc::SYS_ioctl, [0, 0x5412, c"x".as_ptr() as libc::c_long, 0])),
    attempt("terminal", "open the terminal of the user", Blocked, |_| File::open("/dev/tty").map(drop)),
    attempt("device", "open a device that is not granted", Blocked, |_| File::open("/dev/kmsg").map(drop)),
    attempt("descriptors", "use a descriptor of the host", Blocked, |_| inherited()),
    attempt(SURVIVOR, "leave a process behind", Blocked, |to| leave_one_behind(&to.writable.join("lock"))),
    // Last: after it there is no room for another process.
    in_namespaces("flood", "have more processes than are granted", Blocked, |_| flood()),
];

fn connect(address: [u8; 4], port: u16) -> io::Result<()> {
    TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE).map(drop)
}

fn host(to: &Targets) -> io::Result<Pid> {
    // The first numbers belong to the sandbox itself, where it has its own.
    Pid::from_raw(to.host).filter(|pid| pid.as_raw_pid() > 3).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn execute() -> io::Result<()> {
    let status = Command::new("/proc/self/exe").arg(CANARY_ARGUMENT).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

fn call(number: libc::c_long, arguments: [libc::c_long; 4]) -> io::Result<()> {
    let [first, second, third, fourth] = arguments;
    // SAFETY: the calls above take numbers, and addresses of values that outlive the call.
    match unsafe { libc::syscall(number, first, second, third, fourth) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    call(libc::SYS_socket, [family.into(), kind.into(), 0, 0])
}

/// Succeeds where there is a descriptor beside the first three, and the one that the list is read from.
fn inherited() -> io::Result<()> {
    let is_inherited = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        number.is_none_or(|number| number > 2) && fs::read_link(entry.path()).is_ok_and(|target| !target.starts_with("/proc"))
    };
    if fs::read_dir("/proc/self/fd")?.flatten().any(is_inherited) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Processes that a canary is granted, and how many it tries to have. The kernel rounds a small number up to 301.
pub(super) const GRANTED: u32 = 300;
const WANTED: u32 = GRANTED + 100;

/// The processes end with the sandbox.
fn flood() -> io::Result<()> {
    for _ in 0..WANTED {
        // SAFETY: this process has one thread, and the child only waits.
        unsafe {
            match libc::fork() {
                -1 => return Err(io::Error::last_os_error()),
                0 => {
                    libc::pause();
                    libc::_exit(0);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A process in a session of its own, whose parent is gone, and which would live for a minute.
fn leave_one_behind(lock: &Path) -> io::Result<()> {
    let lock = File::options().write(true).open(lock)?;
    let (mut ready, told) = io::pipe()?;
    // SAFETY: this process has one thread, and its children call what they could call here.
    unsafe {
        match libc::fork() {
            -1 => return Err(io::Error::last_os_error()),
            0 => {
                libc::setsid();
                if libc::fork() == 0 {
                    let held = rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive);
                    let _ = rustix::io::write(&told, if held.is_ok() { b"y" } else { b"n" });
                    drop(told);
                    // Nothing of it may keep the pipes of the canary open.
                    libc::syscall(libc::SYS_close_range, 0, 2, 0);
                    libc::sleep(60);
                }
                libc::_exit(0);
            }
            child => {
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
        }
    }
    drop(told);
    let mut answer = [0];
    io::Read::read_exact(&mut ready, &mut answer)?;
    if answer == *b"y" { Ok(()) } else { Err(io::Error::other("it could not hold the lock")) }
}
