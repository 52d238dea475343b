//! The Python client, its tests and its example, in containers. Nothing of them knows of the runtime: files of the project and of the user name it.

use std::{path::Path, process::Command};

use crate::{
    containers::{Daemon, IMAGE, docker, podman},
    daemon::IMAGE_WITH_PYTHON,
    kit::{Answer, answer},
};

/// F120, F121, F123, F124, F126, F130, F160, F162, F166, F187, F202, F203, N02, N11, N16: what a harness sees is what it sees on this machine.
#[test]
fn the_harness_of_the_sessions_gets_the_same_results_in_containers() {
    for daemon in [docker(), podman()] {
        let told = client_tests(daemon, &["test_worldflux_client.Harness", "test_worldflux_client.Documents"]);
        assert!(told.stderr.contains("wherever_its_commands_run"), "{}", told.stderr);
    }
}

/// F125, F127, F132, F134, F135, F140, F144, F164, F167, F168, F201, F205, N04, N05, N08, N13, N14, N19, N23
#[test]
fn the_tests_of_the_python_client_pass_in_containers() {
    client_tests(docker(), &["test_worldflux_client.Commands", "test_worldflux_client.Files", "test_worldflux_client.Sessions"]);
    client_tests(docker(), &["test_worldflux_client.Ends"]);
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
