//! Which runtimes there are, and whether they can work here.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    guests::{guest, rogue_called},
    kit::{Going, Place, answer, text},
};

// T-W01.
#[test]
fn runtime_list_prints_the_names_sorted_one_a_line() {
    let place = Place::new();
    assert_eq!(place.type_in(["runtime", "list"]).expect(0).text(), "docker\nlocal\nreplicate\n");
    let more = place.type_in(["--plugin".as_ref(), guest("rogue").as_os_str(), "runtime".as_ref(), "list".as_ref()]).expect(0);
    assert_eq!(more.text(), "docker\nlocal\nreplicate\nrogue\n");
    let entries = place.type_in(["runtime", "list", "--json"]).expect(0).json();
    assert_eq!(text(&entries, "/1/name"), "local");
    assert_eq!(entries.pointer("/1/source"), Some(&"bundled".into()));
}

// T-W02: a name means the same component every time.
#[test]
fn runtime_info_says_the_same_twice() {
    let place = Place::new();
    let [first, second] = [(), ()].map(|()| place.type_in(["runtime", "info", "local", "--json"]).expect(0).json());
    assert_eq!(first, second);
    assert!(text(&first, "/digest").starts_with("sha256:"));
    let manifest = place.run(&["--json"], "true").expect(0).json();
    assert_eq!(manifest.pointer("/runtime/plugin/digest"), first.pointer("/digest"));
    let told = place.type_in(["runtime", "info", "local"]).expect(0);
    for key in ["name      local", "version ", "protocol  worldflux:runtime@0.1.0", "digest    sha256:", "asks ", "granted "] {
        assert!(told.text().contains(key), "{key}: {}", told.text());
    }
}

// T-W03.
#[test]
fn runtime_doctor_is_one_document_keyed_by_name() {
    let place = Place::new();
    let health = place.type_in(["runtime", "doctor", "--json"]).expect(0).json();
    assert_eq!(health.as_object().unwrap().keys().collect::<Vec<_>>(), ["docker", "local", "replicate"]);
    let findings = health.pointer("/local/findings").and_then(Value::as_array).unwrap();
    let checks: Vec<_> = findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    for check in ["python", "uv", "git", "gpu", "disk"] {
        assert!(checks.contains(&check), "{checks:?}");
    }
    for finding in findings {
        assert!(!text(finding, "/message").is_empty());
    }
}

// T-W04.
#[test]
fn a_line_that_begins_with_error_blocks_runs_and_others_do_not() {
    let place = Place::new();
    place.write("requirements.txt", "");
    // There is no python, so there are warnings; without a venv nothing needs it.
    let bare = |line: &[&str]| answer(place.command(line).env("PATH", "/nowhere"));
    let doctor = bare(&["runtime", "doctor", "local"]).expect(0);
    assert!(doctor.text().lines().any(|line| line.starts_with("warning: local: python: ")), "{}", doctor.text());
    assert!(!doctor.text().contains("error:"), "{}", doctor.text());
    bare(&["run", "--", "/bin/true"]).expect(0);

    let line = ["run", "--json", "--run-id", "blocked", "--set", "requirements=requirements.txt", "--", "/usr/bin/touch", "started"];
    let blocked = bare(&line).expect(2);
    assert!(blocked.stderr.lines().any(|line| line.starts_with("error:") && line.contains("python")), "{}", blocked.stderr);
    let manifest = blocked.json();
    assert_eq!((text(&manifest, "/status"), text(&manifest, "/reason/code")), ("blocked", "doctor-error"));
    assert_eq!(manifest["executions"], Value::Array(vec![]));
    assert!(!place.work().join("started").exists());
    let dry = bare(&["run", "--dry-run", "--set", "requirements=requirements.txt", "--", "/bin/true"]).expect(2);
    assert!(dry.text().lines().any(|line| line.starts_with("error: local: python: ")), "{}", dry.text());
}

// N21: a plugin whose doctor breaks spoils only its own lines.
#[test]
fn a_broken_plugin_does_not_hide_the_others() {
    let place = Place::new();
    let path = guest("rogue");
    let health = place.type_in(["--json".as_ref(), "--plugin".as_ref(), path.as_os_str(), "runtime".as_ref(), "doctor".as_ref()]);
    let health = health.json();
    assert_eq!(health.as_object().unwrap().keys().collect::<Vec<_>>(), ["docker", "local", "replicate", "rogue"]);
    assert!(!health.pointer("/local/findings").and_then(Value::as_array).unwrap().is_empty());

    place.write("broken.wasm", crate::guests::rogue_that_describes("trap"));
    let answer = place.type_in(["--plugin", "broken.wasm", "runtime", "doctor"]).expect(2);
    assert!(answer.text().lines().any(|line| line.starts_with("error: rogue: ")), "{}", answer.text());
    assert!(answer.text().contains("ok: local: "), "{}", answer.text());
}

// A plugin that hangs has the time of its export, and takes nobody else's.
#[test]
fn a_hanging_plugin_delays_nobody_elses_lines() {
    let place = Place::new();
    for number in 0..12 {
        place.write(&format!("plugins/{number}.wasm"), rogue_called(&format!("tame-{number}")));
    }
    // Compiled before, so that the time below is that of looking and not of compiling.
    let first = place.type_in(["--plugin", "plugins", "runtime", "doctor"]).expect(0);
    assert_eq!(first.text().lines().filter(|line| line.ends_with("rogue: nothing was tried")).count(), 12, "{}", first.text());

    // It hangs as soon as it is asked what it is.
    place.write("plugins/hanging.wasm", crate::guests::rogue_that_describes("hang"));
    let begin = Instant::now();
    let mut going = Going::start(&mut place.command(["--plugin", "plugins", "runtime", "doctor"]));
    let (mut healthy, mut last) = (0, String::new());
    while healthy < 12 {
        last = going.line();
        assert!(!last.is_empty(), "it ended with {healthy} lines: {}", going.told());
        assert!(!last.contains(": rogue: plugin: "), "{last}");
        healthy += usize::from(last.ends_with("rogue: nothing was tried\n"));
    }
    let took = begin.elapsed();
    let rest = going.end();
    assert!(took < Duration::from_secs(8), "the last healthy line came after {took:?}: {last}");
    assert!(rest.took > Duration::from_secs(10) && rest.code == Some(2), "{rest:?}");
    assert!(
        rest.text().lines().any(|line| line.starts_with("error: rogue: plugin: ") && line.contains("did not answer within")),
        "{rest:?}"
    );
}

// N22, X81.
#[test]
fn a_plugin_cannot_take_the_name_of_another() {
    let place = Place::new();
    let wasm = fs::read(guest("rogue")).unwrap();
    // A custom section more makes it another component of the same name.
    let other = [&wasm[..], &[0, 3, 1, b'x', 0]].concat();
    place.write("first.wasm", &wasm);
    place.write("second.wasm", other);
    place.write("copy.wasm", &wasm);
    let both = place.type_in(["--plugin", "first.wasm", "--plugin", "second.wasm", "runtime", "list"]).expect(0);
    assert_eq!(both.text(), "docker\nlocal\nreplicate\nrogue\n");
    assert!(
        both.stderr.contains("second.wasm") && both.stderr.contains("first.wasm") && both.stderr.contains("`rogue`"),
        "{}",
        both.stderr
    );
    let same = place.type_in(["--plugin", "first.wasm", "--plugin", "copy.wasm", "runtime", "list"]).expect(0);
    assert_eq!((same.text(), same.stderr.as_str()), ("docker\nlocal\nreplicate\nrogue\n", ""));

    let toml = "[plugin]\nname = 'local'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 'x'\nlicense = 'MIT'\n";
    let impostor = worldflux::plugin::pack(&wasm, toml).unwrap();
    place.write("impostor.wasm", impostor);
    for line in [["--plugin", "impostor.wasm", "runtime", "list"], ["runtime", "info", "./impostor.wasm", "--debug"]] {
        let answer = place.type_in(line);
        assert!(answer.stderr.contains("impostor.wasm") && answer.stderr.contains("the bundled plugin"), "{}", answer.stderr);
    }
    let run = place.type_in(["run", "--runtime", "./impostor.wasm", "--", "true"]).expect(2);
    assert!(run.stderr.contains("`local`"), "{}", run.stderr);
    assert!(place.runs().is_empty());
}
