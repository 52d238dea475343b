//! The runtime `docker`: images, specifications, and what is told before anything is made.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    containers::{Harbour, IMAGE, docker, podman},
    kit::{Place, mark, text},
};

/// F115, F112, F106: as they are, but for the image, which no registry here has.
#[test]
fn the_specifications_of_the_older_system_are_read_as_they_are() {
    let harbour = Harbour::new(docker());
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/specs/docker-uv.yaml");
    let text = fs::read_to_string(specs).unwrap();
    harbour.place.write("env.yaml", text.replace("ghcr.io/astral-sh/uv:python3.12-trixie-slim", IMAGE));
    let told = harbour.place.type_in([
        "run",
        "--spec",
        "env.yaml",
        "--run-id",
        "older",
        "--",
        "sh",
        "-c",
        "echo $UV_CACHE_DIR; pwd; cat /tmp/uv.calls; ls /sys/class/net",
    ]);
    let told = told.expect(0);
    let lines: Vec<_> = told.text().lines().take(4).collect();
    assert_eq!(lines, ["/tmp/uv-cache", "/workspace", "init", "add -r requirements.txt"], "{}", told.stderr);
    assert!(told.text().contains("eth0"), "it is in the network `benchmark`");
}

/// F146, F147
#[test]
fn an_image_is_built_once_from_the_same() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let unique = mark();
        harbour.place.write("docker/Dockerfile", format!("FROM {IMAGE}\nCOPY tool /usr/bin/\nRUN echo {unique} > /unique\n"));
        harbour.place.write("docker/tool", "#!/bin/sh\necho tool\n");
        let image = |id: &str, options: &[&str]| {
            let options = [&["--set", "dockerfile=docker/Dockerfile"], options].concat();
            let told = harbour.script(id, &options, "tool; cat /unique").expect(0);
            assert_eq!(told.text(), format!("tool\n{unique}\n"), "{}", told.stderr);
            let manifest = harbour.manifest(id).to_string();
            manifest
                .split("\"image_id\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_else(|| panic!("{manifest}"))
                .to_owned()
        };
        let first = image("built", &[]);
        assert_eq!(image("again", &[]), first);
        harbour.place.write("docker/.dockerignore", "nothing\n");
        harbour.place.write("docker/tool", "#!/bin/sh\necho tool # changed\n");
        assert_ne!(image("changed", &[]), first);
        harbour.place.write("docker/Dockerfile", format!("FROM {IMAGE}\nRUN echo before; false\n"));
        let told = harbour.script("broken", &["--set", "dockerfile=docker/Dockerfile"], "true").expect(14);
        assert!(told.stderr.contains("building the image"), "{}", told.stderr);
    }
}

/// F146: setup lines become an image, once.
#[test]
fn setup_lines_can_be_baked_into_an_image() {
    let harbour = Harbour::new(docker());
    let unique = mark();
    let line = format!("echo {unique} > /baked");
    for id in ["bake", "baked"] {
        let told = harbour.script(id, &["--set", "bake=true", "--setup", &line], "cat /baked").expect(0);
        assert_eq!(told.text(), format!("{unique}\n"), "{}", told.stderr);
        assert_eq!(told.stderr.contains("was built from the same before"), id == "baked", "{}", told.stderr);
    }
}

/// F132, T-W10
#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let harbour = Harbour::new(docker());
    let told = harbour.run("no-image", &["--set", "image=worldflux-test:nothing", "--set", "pull=never"], &["true"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("`worldflux-test:nothing` is not here") && told.stderr.contains("docker pull"), "{}", told.stderr);
    let told = harbour.run("no-registry", &["--set", "image=127.0.0.1:9/x:1"], &["true"]).expect(14);
    assert!(told.stderr.contains("the image `127.0.0.1:9/x:1` is not here"), "{}", told.stderr);
    let told = harbour.place.type_in(["run", "--runtime", "docker", "--", "true"]);
    assert!(told.code != Some(0) && told.stderr.contains("--set image=NAME"), "{}", told.stderr);
    let told = harbour.run("no-program", &[], &["no-such-program"]);
    assert!(told.code != Some(0), "{}", told.stderr);
    let place = Place::new();
    let nowhere = format!("unix:{}", place.state().join("nothing.sock").display());
    place.type_in(["endpoint", "add", "docker.sock:80", "--at", &nowhere]).expect(0);
    let told = place.type_in(["run", "--runtime", "docker", "--set", "image=x", "--", "true"]).expect(2);
    assert!(told.stderr.contains("no daemon answers") && told.stderr.contains("worldflux endpoint add"), "{}", told.stderr);
    // Somebody who has no docker is not told that the machine is broken.
    let told = place.type_in(["runtime", "doctor", "docker"]).expect(0);
    assert!(told.text().lines().any(|line| line.starts_with("warning: docker: daemon: ")), "{}", told.text());
}

/// F002, F245
#[test]
fn doctor_tells_what_the_daemon_is() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let told = harbour.place.type_in(["runtime", "doctor", "docker", "--json"]).expect(0).json();
        let findings = told.pointer("/docker/findings").and_then(Value::as_array).unwrap().clone();
        let finding =
            |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {findings:#?}"));
        for check in ["daemon", "rights", "limits", "client", "disk", "gpu"] {
            assert!(!text(finding(check), "/message").is_empty());
        }
        assert!(text(finding("rights"), "/message").contains("as good as root"));
        assert!(finding("disk")["details"].to_string().contains("free_bytes"), "{:#}", finding("disk"));
    }
}

#[test]
fn what_would_be_made_is_told_and_nothing_is_made() {
    let harbour = Harbour::new(docker());
    let told = harbour.run("dry", &["--dry-run"], &["true"]).expect(0);
    for word in [IMAGE, "as user 1000:1000", "without a network", "worldflux-dry"] {
        assert!(told.text().contains(word), "{word}: {}", told.text());
    }
    assert!(docker().container("dry").is_none());
}
