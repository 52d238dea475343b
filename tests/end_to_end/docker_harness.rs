//! The Python client, its tests and its example, in containers. Nothing of them knows of the runtime: files of the project and of the user name it.

use std::{path::Path, process::Command};

use crate::{
    containers::{Daemon, IMAGE, docker, podman},
    daemon::IMAGE_WITH_PYTHON,
    kit::{Answer, answer},
};

/// F120, F123, F125, F127, F130, F137, F144, F187, F202, F203, N02, N11, N16: what a harness sees there is what it sees on this machine.
#[test]
fn the_harness_of_the_sessions_gets_the_same_results_in_containers() {
    for daemon in [docker(), podman()] {
        let told = client_tests(daemon, &["test_worldflux_client.Harness", "test_worldflux_client.Documents"]);
        assert!(told.stderr.contains("wherever_its_commands_run"), "{}", told.stderr);
    }
}

/// F103, F121, F122, F124, F126, F132, F134, F140, N02, N03, N04, N05, N08, N09, N11, N12, N23
#[test]
fn commands_do_in_containers_what_the_client_promises() {
    client_tests(docker(), &["test_worldflux_client.Commands"]);
}

/// F106, F160, F162, F163, F164, F165, F166, F167, F168, F182, F188, F205, F210, F212, N14, N15, N16, N17, N18, N24, N25
#[test]
fn files_and_snapshots_do_in_containers_what_the_client_promises() {
    client_tests(docker(), &["test_worldflux_client.Files"]);
}

/// F105, F107, F108, F135, F136, F141, F161, F200, F201, F204, N10, N13, N19
#[test]
fn sessions_do_in_containers_what_the_client_promises() {
    client_tests(docker(), &["test_worldflux_client.Sessions", "test_worldflux_client.Ends"]);
}

/// Run these of the client's tests with sessions in containers of this daemon. All pass, and none is left out.
#[track_caller]
fn client_tests(daemon: &Daemon, names: &[&str]) -> Answer {
    daemon.take_python();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/clients/python");
    let mut command = Command::new("/usr/bin/python3");
    command
        .args(["-B", "-m", "unittest", "--verbose"])
        .args(names)
        .current_dir(folder)
        .env("WORLDFLUX", env!("CARGO_BIN_EXE_worldflux"))
        .env("WORLDFLUX_TEST_SOCKET", daemon.socket())
        .env("WORLDFLUX_TEST_IMAGE", IMAGE)
        .env("WORLDFLUX_TEST_IMAGE_WITH_PYTHON", IMAGE_WITH_PYTHON);
    let told = answer(&mut command).expect(0);
    assert!(!told.stderr.contains("skipped"), "{}", told.stderr);
    told
}
