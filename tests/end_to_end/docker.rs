//! The runtime `docker`, against the daemons of docker and of podman (`tests/real/docker`): the life of a command in a container.

use std::{fs, io::Write as _, process::Stdio, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    containers::{Harbour, IMAGE, docker, podman},
    kit::{Going, Place, lives, mark, marked, text},
};

/// F054, F112, F137, F144, F014, F017, F019
#[test]
fn a_command_runs_in_a_container_and_its_results_come_home() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        harbour.place.write("data.txt", "from the workspace\n");
        let script = "cat data.txt; echo to-stderr >&2; pwd; mkdir -p /output; echo done > \"$WORLDFLUX_OUTPUT_DIR/result.txt\"; \
                      echo '{\"loss\": 0.5}' > \"$WORLDFLUX_METRICS\"; exit 42";
        let told = harbour.script("home", &["--set", "user=0:0"], script).expect(1);
        assert_eq!(told.text(), "from the workspace\n/workspace\n", "{}", told.stderr);
        assert!(told.stderr.contains("to-stderr"), "{}", told.stderr);
        let manifest = harbour.manifest("home");
        assert_eq!(manifest.pointer("/executions/0/ending/kind/exited"), None, "{:#}", manifest["executions"]);
        let log = String::from_utf8(harbour.place.log("home")).unwrap();
        assert!(log.contains("from the workspace") && log.contains("to-stderr"), "{log}");
        assert_eq!(manifest["metrics"]["loss"], 0.5, "{manifest:#}");
        assert!(manifest["artifacts"].as_array().unwrap().iter().any(|artifact| artifact["name"] == "result.txt"), "{manifest:#}");
        assert_eq!(fs::read_to_string(harbour.place.output("home").join("result.txt")).unwrap(), "done\n");
        let shown = manifest.to_string();
        assert!(shown.contains("worldflux-home") && shown.contains(IMAGE), "{manifest:#}");
        assert!(daemon.container("home").is_none(), "the container is gone");
        harbour.place.type_in(["manifest", "verify", "home"]).expect(0);
    }
}

/// F127, N04, N05, X02, X05, X08
#[test]
fn a_deadline_ends_the_processes_inside_the_container() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let mark = mark();
        // One that has left the session and holds the pipe, and one that will not hear.
        let script = format!("setsid sh -c 'trap \"\" TERM; : {mark}; sleep 600' & trap '' TERM; echo on; : {mark}; sleep 600; sleep 600");
        let told = harbour.script("late", &["--timeout", "3s", "--grace", "1s"], &script).expect(16);
        assert_eq!(told.text(), "on\n", "{}", told.stderr);
        assert!(told.took < Duration::from_secs(50), "{:?}", told.took);
        assert_eq!(text(&harbour.manifest("late"), "/reason/code"), "timeout");
        assert!(marked(&mark, &[]).is_empty(), "{:?}", marked(&mark, &[]));
        // Not only because the container went: a helper was sent inside before.
        let record = record(&harbour.place, "late");
        let killed = record.iter().any(|line| line["export"] == "kill" && line.to_string().contains("/exec"));
        assert!(killed, "{record:#?}");
    }
}

/// F134, N23
#[test]
fn ctrl_c_and_kill_reach_the_command_inside() {
    let harbour = Harbour::new(docker());
    for id in ["interrupted", "killed"] {
        let mut going = harbour.going(id, &["--grace", "30s"], "trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.1; done");
        assert_eq!(going.line(), "on\n", "{}", going.told());
        if id == "killed" {
            harbour.place.type_in(["kill", id]).expect(0);
        } else {
            going.send(Signal::INT);
        }
        let told = going.end();
        assert_eq!(told.code, Some(if id == "killed" { 19 } else { 130 }), "{}", told.stderr);
        assert!(String::from_utf8_lossy(&harbour.place.log(id)).contains("bye"), "it ended by itself: {}", told.stderr);
        assert!(docker().container(id).is_none());
    }
}

/// F123, N08, X07
#[test]
fn much_input_and_early_output_do_not_wait_for_each_other() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let input = harbour.place.write("input", "x".repeat(499_999) + "\n");
        let input = input.to_str().unwrap();
        let told = harbour.script("much", &["--stdin", input], "yes | head -c 300000; wc -c").expect(0);
        assert_eq!(told.stdout.len(), 300_000 + "500000\n".len(), "{}", told.stderr);
        // One that never reads.
        let told = harbour.script("deaf", &["--stdin", input], "echo ended").expect(0);
        assert_eq!(told.text(), "ended\n");
        // None is empty, and not what the host reads.
        let told = harbour.script("empty", &[], "cat; echo ended").expect(0);
        assert_eq!(told.text(), "ended\n");
    }
}

/// N03, N06, X04
#[test]
fn input_is_interactive_and_output_comes_at_once() {
    let harbour = Harbour::new(docker());
    let mut command =
        harbour.command("talk", &["--stdin", "-"], &["sh", "-c", "while read -r line; do echo \"heard $line\"; done; sleep 300 & exit 7"]);
    command.stdin(Stdio::piped());
    let mut going = Going::start(&mut command);
    let mut stdin = going.process.stdin.take().unwrap();
    for word in ["one", "zwölf"] {
        writeln!(stdin, "{word}").unwrap();
        assert_eq!(going.line(), format!("heard {word}\n"), "{}", going.told());
    }
    drop(stdin);
    let told = going.end().expect(1);
    assert!(told.took < Duration::from_mins(2), "a child in the background holds nobody up: {:?}", told.took);
}

/// N01, N02, N07, N09, X01, X03, X10
#[test]
fn no_byte_of_output_is_lost_or_broken() {
    let harbour = Harbour::new(docker());
    let script = "i=0; while [ $i -lt 2000 ]; do echo \"zeile $i — ünïcödé 漢字\"; echo \"fehler $i\" >&2; i=$((i+1)); done; head -c 300000 /dev/zero >&2";
    let told = harbour.script("whole", &[], script).expect(0);
    let lines: Vec<_> = told.text().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1999]), (2000, "zeile 0 — ünïcödé 漢字", "zeile 1999 — ünïcödé 漢字"));
    let log = harbour.place.log("whole");
    assert_eq!(log.split(|byte| *byte == 0).count(), 300_001);
    // In the log a piece of the other stream can stand inside of a line.
    assert_eq!(told.stderr.matches("fehler ").count(), 2000);
}

/// Issue 6, 4: what a host that was killed has left is found by its label, and nothing else is touched.
#[test]
fn reap_removes_the_container_of_a_host_that_was_killed_and_no_other() {
    for daemon in [docker(), podman()] {
        let harbour = Harbour::new(daemon);
        let stranger = json!({ "Image": IMAGE, "Cmd": ["sleep", "600"], "Labels": { "worldflux.run": "of-somebody-else" } });
        let name = format!("stranger-{}", mark());
        let (status, made) = daemon.ask("POST", &format!("containers/create?name={name}"), &stranger);
        assert_eq!(status, 201, "{made}");
        let mut going = harbour.going("orphan", &[], "echo on; sleep 600");
        assert_eq!(going.line(), "on\n", "{}", going.told());
        // It is listed while it is used.
        let listed = harbour.place.type_in(["env", "list", "--json"]).expect(0);
        assert!(listed.text().contains("worldflux-orphan"), "{}", listed.text());
        going.send(Signal::KILL);
        going.process.wait().unwrap();
        assert!(daemon.container("orphan").is_some(), "nobody was there to remove it");
        let reaped = harbour.place.type_in(["reap"]).expect(0);
        assert!(daemon.container("orphan").is_none(), "{}", reaped.stderr);
        assert!(daemon.names().contains(&name));
        let rows = harbour.place.runs();
        assert_ne!(text(&rows[0], "/status"), "succeeded");
        daemon.ask("DELETE", &format!("containers/{name}?force=1"), &Value::Null);
    }
}

/// F201: several at once.
#[test]
fn several_containers_live_side_by_side() {
    let harbour = Harbour::new(docker());
    let answers: Vec<_> = thread::scope(|scope| {
        let run = |number: usize| {
            let harbour = &harbour;
            scope.spawn(move || harbour.script(&format!("side-{number}"), &[], &format!("echo {number} > /tmp/own; sleep 1; cat /tmp/own")))
        };
        (0..3).map(run).collect::<Vec<_>>().into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (number, told) in answers.into_iter().enumerate() {
        assert_eq!(told.expect(0).text(), format!("{number}\n"));
    }
}

/// F104, F135, F144, N13: what one line leaves in the container the next one finds.
#[test]
fn setup_lines_run_in_the_container_and_one_that_fails_ends_the_run() {
    let harbour = Harbour::new(docker());
    let told = harbour.script("set-up", &["--setup", "echo made > /tmp/state"], "cat /tmp/state").expect(0);
    assert_eq!(told.text(), "made\n");
    let told = harbour.script("broken", &["--setup", "echo why >&2; exit 3"], "echo never");
    assert!(told.code != Some(0) && !told.text().contains("never"), "{}", told.stderr);
    assert!(docker().container("broken").is_none());
}

#[test]
fn a_container_that_is_removed_from_outside_ends_the_run_cleanly() {
    let harbour = Harbour::new(docker());
    let mut going = harbour.going("removed", &[], "echo on; sleep 600");
    assert_eq!(going.line(), "on\n", "{}", going.told());
    docker().ask("DELETE", "containers/worldflux-removed?force=1", &Value::Null);
    let told = going.end();
    assert!(told.code != Some(0), "{}", told.stderr);
    assert_ne!(text(&harbour.manifest("removed"), "/status"), "succeeded");
    assert_eq!(harbour.place.type_in(["env", "list", "--json"]).expect(0).text().matches("worldflux-removed").count(), 0);
}

/// F140, X31
#[test]
fn limits_hold() {
    let harbour = Harbour::new(docker());
    let options = ["--set", "memory=64MiB", "--set", "processes=16", "--set", "cpus=0.5", "--set", "read_only=true"];
    let mut going = harbour.going("limited", &options, "echo on; touch /x 2>/dev/null || echo kept; touch /tmp/x && echo there; sleep 600");
    for line in ["on\n", "kept\n", "there\n"] {
        assert_eq!(going.line(), line, "{}", going.told());
    }
    let host = docker().container("limited").unwrap()["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["PidsLimit"], &host["NanoCpus"]), (&json!(64 << 20), &json!(16), &json!(500_000_000)));
    harbour.place.type_in(["kill", "limited"]).expect(0);
    let pid = going.pid();
    going.end();
    assert!(!lives(pid));
}

/// The lines of the record of a run.
fn record(place: &Place, run: &str) -> Vec<Value> {
    let path = place.state().join("runs").join(run).join("record.jsonl");
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
