//! A real venv: made once, used again, listed, removed.

use std::{env, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, thread};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::{Answer, Going, Place, answer, descendants, lives, run_line, text, until};

/// The user's own settings of pip: index, certificates, folder of wheels.
fn with_pip(command: &mut Command) -> Answer {
    let pip = env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("PIP_") || name == "HOME"));
    answer(command.envs(pip))
}

fn recipe(place: &Place) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recipes/pendulum-numpy");
    for file in fs::read_dir(from).unwrap().flatten().filter(|file| file.file_type().unwrap().is_file()) {
        fs::copy(file.path(), place.work().join(file.file_name())).unwrap();
    }
}

#[test]
fn an_environment_is_made_once_and_used_again_until_it_is_pruned() {
    let place = Place::new();
    recipe(&place);
    let line = |run: &str| {
        let options = ["run", "--json", "--run-id", run, "--set", "requirements=requirements.txt", "--"];
        let command = ["python3", "train.py", "--epochs", "2", "--rollouts", "16"];
        options.into_iter().chain(command).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = with_pip(&mut place.command(line("first"))).expect(0);
    let made = first.json();
    assert_eq!(made.pointer("/environment/reused"), Some(&Value::Bool(false)));
    let log = String::from_utf8(place.log("first")).unwrap();
    assert!(log.lines().next().unwrap().contains("numpy"), "{log}");
    let build: Vec<_> = made["logs"].as_array().unwrap().iter().filter(|log| log["name"] == "build-env").collect();
    assert_eq!(build.len(), 1, "{made:#}");

    let second = with_pip(&mut place.command(line("second"))).expect(0);
    let used = second.json();
    assert_eq!(used.pointer("/environment/reused"), Some(&Value::Bool(true)));
    assert_eq!(used.pointer("/environment/id"), made.pointer("/environment/id"));
    let spent = |manifest: &Value| manifest["durations"]["build-env"].as_f64().unwrap();
    assert!(spent(&used) < spent(&made) / 4.0, "{} and {}", spent(&made), spent(&used));
    // The same seed and the same numpy.
    assert_eq!(used["metrics"]["open_loop_rmse"], made["metrics"]["open_loop_rmse"]);

    let listed = place.type_in(["env", "list", "--json"]).expect(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let id = text(&listed, "/0/id");
    assert_eq!(listed.pointer("/0/runtime"), Some(&"local".into()));
    let table = place.type_in(["env", "list"]).expect(0);
    assert!(table.text().contains(id) && table.text().contains("ready"), "{}", table.text());
    // What is kept for the next run is not left behind.
    assert_eq!(place.type_in(["reap"]).expect(0).text(), "nothing was left behind\n");

    let other = place.type_in(["env", "prune", "env-0000000000000000"]);
    assert_eq!(other.code, Some(20));
    assert!(other.stderr.contains("`env-0000000000000000`"), "{}", other.stderr);
    let pruned = place.type_in(["env", "prune"]).expect(0);
    assert_eq!(pruned.text(), format!("{id}: removed\n"));
    assert_eq!(place.type_in(["env", "list", "--json"]).expect(0).json(), json!([]));
    assert_eq!(fs::read_dir(place.state().join("environments")).unwrap().count(), 0);
    place.type_in(["manifest", "verify", "first"]).expect(0);
}

#[test]
fn an_environment_that_some_run_uses_stays() {
    let place = Place::new();
    // Alone this is an empty venv.
    place.write("requirements.txt", "");
    let options = ["--run-id", "user", "--set", "requirements=requirements.txt"];
    let mut going = place.start(&options, "echo $VIRTUAL_ENV; exec sleep 1000");
    let venv = going.line();
    assert!(Path::new(venv.trim_end()).join("bin/python3").exists(), "{venv}");
    let pruned = place.type_in(["env", "prune", "--json"]).expect(0).json();
    assert_eq!(pruned["released"], json!([]));
    assert_eq!(pruned["in_use"].as_array().unwrap().len(), 1, "{pruned}");
    place.type_in(["kill", "user", "--force"]).expect(0);
    going.end().expect(19);
    place.type_in(["env", "prune"]).expect(0);
    assert!(!Path::new(venv.trim_end()).exists());
}

#[test]
fn requirements_that_cannot_be_had_are_told_and_leave_nothing_behind() {
    let place = Place::new();
    place.write("requirements.txt", "./no-such-folder\n");
    let answer = place.run(&["--run-id", "bad", "--set", "requirements=requirements.txt"], "touch command").expect(14);
    assert!(answer.stderr.contains("error: run bad failed"), "{}", answer.stderr);
    assert!(!place.work().join("command").exists());
    let manifest = place.manifest("bad");
    assert_eq!(text(&manifest, "/reason/code"), "environment-failed");
    let log = fs::read_to_string(place.output("bad").join("logs/bad.build-env.log")).unwrap();
    assert!(log.contains("no-such-folder"), "{log}");
    assert_eq!(place.type_in(["env", "list", "--json"]).expect(0).json(), json!([]));
    let missing = place.run(&["--set", "requirements=missing.txt"], "true");
    assert_ne!(missing.code, Some(0), "{}", missing.stderr);
    assert!(missing.stderr.contains("missing.txt"), "{}", missing.stderr);
}

#[test]
fn two_runs_that_want_the_same_environment_make_it_once() {
    let place = Place::new();
    place.write("requirements.txt", "");
    let reused: Vec<_> = thread::scope(|scope| {
        let one = || place.run(&["--json", "--set", "requirements=requirements.txt"], "true").expect(0).json();
        let both = [(), ()].map(|()| scope.spawn(one));
        both.into_iter().map(|one| one.join().unwrap().pointer("/environment/reused").unwrap().as_bool().unwrap()).collect()
    });
    assert_eq!(reused.iter().filter(|reused| **reused).count(), 1, "{reused:?}");
    assert_eq!(place.type_in(["env", "list", "--json"]).expect(0).json().as_array().unwrap().len(), 1);
}

/// A run that is in the middle of making a venv: its python writes half of it and goes on for ever.
fn half_way(place: &Place, run: &str) -> Going {
    let begun = place.work().join("begun");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *venv*) for last; do :; done; mkdir -p \"$last\"; echo half > \"$last/half\"; touch '{}'; exec sleep 1000;; esac\n\
         exec /usr/bin/python3 \"$@\"\n",
        begun.display()
    );
    let python = place.write("bin/python3", script);
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    place.write("requirements.txt", "");
    let line = run_line(&["--run-id", run, "--set", "requirements=requirements.txt"], "touch started");
    let path = format!("{}:/usr/bin:/bin", place.work().join("bin").display());
    let going = Going::start(place.command(line).env("PATH", path));
    until("the venv is being made", || begun.exists());
    going
}

#[test]
fn a_host_that_is_killed_while_it_makes_an_environment_leaves_nothing_of_it() {
    let place = Place::new();
    let going = half_way(&place, "half");
    let family = descendants(going.pid());
    assert!(!family.is_empty());
    going.send(Signal::KILL);
    going.end();
    assert_eq!(place.runs()[0]["status"], "interrupted");
    until("nothing goes on", || !family.iter().any(|pid| lives(*pid)));
    let reaped = place.type_in(["reap", "--json"]).expect(0).json();
    assert_eq!(reaped["released"].as_array().unwrap().len(), 1, "{reaped}");
    assert_eq!(fs::read_dir(place.state().join("environments")).unwrap().count(), 0);
    let next = place.run(&["--json", "--set", "requirements=requirements.txt"], "test -x $VIRTUAL_ENV/bin/python3").expect(0).json();
    assert_eq!(next.pointer("/environment/reused"), Some(&Value::Bool(false)));
}

#[test]
fn ctrl_c_ends_the_making_of_an_environment_and_removes_its_half() {
    let place = Place::new();
    let going = half_way(&place, "stopped");
    let family = descendants(going.pid());
    going.send(Signal::INT);
    let answer = going.end().expect(130);
    assert!(answer.stderr.contains("stopped before the command was started"), "{}", answer.stderr);
    assert_eq!(text(&place.manifest("stopped"), "/status"), "cancelled");
    until("nothing goes on", || !family.iter().any(|pid| lives(*pid)));
    assert_eq!(fs::read_dir(place.state().join("environments")).unwrap().count(), 0);
    assert!(!place.work().join("started").exists());
}
