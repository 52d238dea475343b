//! Tries to reach the outside.

use std::net::TcpListener;

use worldflux::names::Export;

use crate::lab::attack;

/// Listens where an attack would arrive.
struct Canary(TcpListener);

impl Canary {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn was_reached(&self) -> bool {
        self.0.accept().is_ok()
    }
}

#[test]
fn the_canary_sees_who_connects() {
    let canary = Canary::new();
    std::net::TcpStream::connect(canary.address()).unwrap();
    assert!(canary.was_reached());
}

#[test]
fn no_socket_can_be_connected_or_bound() {
    let canary = Canary::new();
    for behaviour in [format!("connect:{}", canary.address()), "udp".to_owned(), "listen".to_owned()] {
        for export in [Export::Doctor, Export::BuildEnv] {
            let report = attack(export, &behaviour).run();
            assert!(report.said().starts_with("denied: "), "{behaviour}: {}", report.said());
            assert!(!canary.was_reached(), "{behaviour}");
        }
    }
}

#[test]
fn no_name_is_looked_up() {
    for name in ["localhost", "rogue-exfiltration.example", "127.0.0.1.nip.io"] {
        let report = attack(Export::Plan, &format!("resolve:{name}")).run();
        assert!(report.said().starts_with("denied: "), "{}", report.said());
    }
}
