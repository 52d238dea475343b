//! What of the machine every strict command sees: its programs and libraries, and the little that they read to start.

use std::{fs, path::Path};

use super::namespaces::HOST_NAME;
use crate::policy::Network;

/// Programs, libraries and what they read in `/etc`: nothing of a person, and nothing that a user of the machine may not read.
pub(super) const READABLE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// What is written anew for a sandbox with a root folder of its own. Where there is none, the real ones have to do: everybody on the machine
/// can read them.
pub(super) const READABLE_OUTSIDE: &[&str] = &["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf"];

/// Files that are written anew for the sandbox. The real ones name people, machines and services.
pub(super) fn files(user: u32, group: u32, network: Network) -> [(&'static Path, String); 6] {
    // The home folder is nowhere: what a program would write there has no place to stay.
    let passwd = match user {
        0 => "root:x:0:0::/:/bin/sh\n".to_owned(),
        user => format!("root:x:0:0::/:/bin/sh\nuser:x:{user}:{group}::/:/bin/sh\n"),
    };
    let groups = match group {
        0 => "root:x:0:\n".to_owned(),
        group => format!("root:x:0:\nuser:x:{group}:\n"),
    };
    let own = format!("127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n");
    let (hosts, servers, lookup) = match network {
        // Without a name server there is nobody to wait for. Names that are reached through the host are looked up by the host: a question
        // to a name server would be a way to tell a stranger something.
        Network::None | Network::Named => (own, String::new(), "files"),
        // Where the machine has none of these files, it has no names either.
        Network::Machine => {
            let text = |file| fs::read_to_string(file).unwrap_or_default();
            (own + &text("/etc/hosts"), text("/etc/resolv.conf"), "files dns")
        }
    };
    [
        (Path::new("etc/passwd"), passwd + "nobody:x:65534:65534::/:/bin/sh\n"),
        (Path::new("etc/group"), groups + "nogroup:x:65534:\n"),
        (Path::new("etc/hosts"), hosts),
        (Path::new("etc/hostname"), format!("{HOST_NAME}\n")),
        (Path::new("etc/nsswitch.conf"), format!("passwd: files\ngroup: files\nhosts: {lookup}\nprotocols: files\nservices: files\n")),
        (Path::new("etc/resolv.conf"), servers),
    ]
}
