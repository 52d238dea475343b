//! Where hosts really are, as a person says it.

use std::fs;

use crate::{authority::Authority, kit::Place};

#[test]
fn what_is_said_of_a_host_is_listed_added_to_and_forgotten() {
    let place = Place::new();
    let authority = Authority::new();
    let ca = authority.file().display().to_string();
    let added = place.type_in(["endpoint", "add", "Registry.Lan:5000", "--at", "127.0.0.1:8443", "--ca", &ca]).expect(0);
    assert_eq!(added.stderr, format!("note: `registry.lan:5000`: is at 127.0.0.1:8443, has a certificate by {ca}\n"));
    place.type_in(["endpoint", "add", "registry.lan:5000", "--private", "192.168.0.0/16"]).expect(0);
    let said = place.type_in(["--json", "endpoint", "add", "api.test.net", "--at", "unix:/run/api.sock"]).expect(0).json();
    assert_eq!(said["said"]["at"], "unix:/run/api.sock");
    let listed = place.type_in(["endpoint", "list", "--json"]).expect(0).json();
    assert_eq!(listed["registry.lan:5000"]["private"][0], "192.168.0.0/16");
    assert_eq!((&listed["registry.lan:5000"]["at"], &listed["registry.lan:5000"]["ca"]), (&"127.0.0.1:8443".into(), &ca.into()));
    let listed = place.type_in(["endpoint", "list"]).expect(0);
    let table = listed.text();
    assert!(table.contains("api.test.net") && table.contains("192.168.0.0/16"), "{table}");
    place.type_in(["endpoint", "remove", "api.test.net", "registry.lan:5000"]).expect(0);
    assert_eq!(place.type_in(["endpoint", "list", "--json"]).expect(0).json(), serde_json::json!({}));
}

#[test]
fn what_cannot_be_meant_of_a_host_is_refused_with_the_reason() {
    let place = Place::new();
    fs::write(place.work().join("empty.pem"), "nothing").unwrap();
    for (typed, reason) in [
        (&["a.b"][..], "nothing is said of `a.b`"),
        (&["", "--at", "127.0.0.1:1"], "it is empty"),
        (&["*", "--at", "127.0.0.1:1"], "pattern"),
        (&["*.a.b", "--at", "127.0.0.1:1"], "pattern"),
        (&["127.1", "--at", "127.0.0.1:1"], "four numbers"),
        (&["a.b:0", "--at", "127.0.0.1:1"], "`0` is no port"),
        (&["a.b", "--at", "localhost:1"], "`localhost:1` is no place"),
        (&["a.b", "--at", "127.0.0.1:0"], "is no place"),
        (&["a.b", "--private", "0.0.0.0/0"], "is no range"),
        (&["a.b", "--private", "10.0.0.0"], "is no range"),
        (&["a.b", "--ca", "missing.pem"], "missing.pem` cannot be used"),
        (&["a.b", "--ca", "empty.pem"], "there is no certificate in it"),
    ] {
        let told = place.type_in(["endpoint", "add"].iter().chain(typed)).expect(2).stderr;
        assert!(told.contains(reason), "{typed:?}: {told}");
    }
    let told = place.type_in(["endpoint", "remove", "a.b"]).expect(2).stderr;
    assert!(told.contains("nothing was said of `a.b`") && told.contains("worldflux endpoint list"), "{told}");
    assert_eq!(place.type_in(["endpoint", "list", "--json"]).expect(0).json(), serde_json::json!({}));
}
