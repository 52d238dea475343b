//! A name server of a test, in a network of its own, so that nothing that it is asked leaves the machine.

use std::{
    collections::BTreeMap,
    net::{IpAddr, UdpSocket},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

/// Set for a test that runs in a network of its own.
const INSIDE: &str = "WORLDFLUX_TEST_OWN_NETWORK";

/// Run the test `name` again, as a process in a network and with name servers of its own: `false` where this is that process.
pub(crate) fn in_own_network(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let resolv = file("resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:2\n");
    let switch = file("nsswitch.conf", "hosts: files dns\n");
    // The loopback device is brought up by hand (SIOCSIFFLAGS with IFF_UP): not every machine has `ip`.
    let script = format!(
        "set -e; {} ; {} ; python3 -c \"import fcntl,socket,struct; fcntl.ioctl(socket.socket(),0x8914,struct.pack('16sh14x',b'lo',0x49))\"; exec \"$@\"",
        mount(&resolv, "/etc/resolv.conf"),
        mount(&switch, "/etc/nsswitch.conf"),
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--", "sh", "-c", &script, "sh"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = command.env(INSIDE, "1").env("CARGO_NET_OFFLINE", "true").output().expect("unshare can be started");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "in a network of its own:\n{said}\n{told}");
    true
}

fn mount(from: &Path, to: &str) -> String {
    format!("if [ -e {to} ]; then mount --bind {} {to}; fi", from.display())
}

/// Answers for the names that it was told, and writes down all that it is asked.
#[derive(Clone, Default)]
pub(crate) struct NameServer {
    names: Arc<Mutex<BTreeMap<String, Vec<IpAddr>>>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

/// The kind of a question: an address of IPv4.
pub(crate) const A: u16 = 1;

impl NameServer {
    /// Only in a network of its own: it listens at the port of name servers.
    pub(crate) fn start() -> Self {
        let server = Self::default();
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let own = server.clone();
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let _ = socket.send_to(&own.answer(&packet[..length]), from);
            }
        });
        server
    }

    /// From now on, `name` is at these addresses.
    pub(crate) fn set(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), addresses);
    }

    /// All that was asked since the last look: names and kinds.
    pub(crate) fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let (mut name, mut at) = (vec![], 12);
        while question[at] != 0 {
            let length = usize::from(question[at]);
            name.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_ascii_lowercase());
            at += length + 1;
        }
        let (name, kind) = (name.join("."), u16::from_be_bytes([question[at + 1], question[at + 2]]));
        self.asked.lock().unwrap().push((name.clone(), kind));
        let known = self.names.lock().unwrap().get(&name).cloned();
        let addresses: Vec<_> = known.iter().flatten().filter(|address| address.is_ipv4() == (kind == A)).collect();
        // An answer, recursion available; 3 is "no such name".
        let flags = [0x81, if known.is_some() { 0x80 } else { 0x83 }];
        let count = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        let mut packet = [&question[..2], &flags, &[0, 1], &count, &[0, 0, 0, 0], &question[12..at + 5]].concat();
        for address in addresses {
            let bytes = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            // The name of the question, the kind, the class, no time to live, and the address.
            packet.extend([0xc0, 12]);
            packet.extend(kind.to_be_bytes());
            packet.extend([0, 1, 0, 0, 0, 0, 0, u8::try_from(bytes.len()).unwrap()]);
            packet.extend(bytes);
        }
        packet
    }
}
