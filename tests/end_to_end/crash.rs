//! The host is killed at every step of a run. What is shown afterwards is true, and what is left is cleaned up.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;
use worldflux::run::Step;

use crate::kit::{Going, Place, descendants, lives, mark, marked, run_line, state, until};

/// Start a run that stops dead at `step`.
fn halted_at(place: &Place, step: Step, run: &str, mark: &str, script: &str) -> Going {
    let line = run_line(&["--run-id", run, "--setup", "echo setup"], script);
    let going = Going::start(place.command(line).env("WORLDFLUX_HALT_AT", step.name()).env("MARK", mark));
    let pid = going.pid();
    until("the host stops", || state(pid) == Some('T'));
    going
}

fn row(place: &Place, run: &str) -> Value {
    place.runs().into_iter().find(|row| row["id"] == run).unwrap_or_else(|| panic!("no row of `{run}`"))
}

#[test]
fn a_host_that_is_killed_at_any_step_leaves_a_run_that_is_shown_truthfully() {
    let place = Place::new();
    place.run(&["--run-id", "before"], "echo kept").expect(0);
    for step in Step::ALL {
        let (run, mark) = (format!("at-{step}"), mark());
        // From `collect` on the command has ended; before, it must be killed with its host.
        let script = if step < Step::Collect { "sleep 1000" } else { "echo ran" };
        let going = halted_at(&place, step, &run, &mark, script);
        let family = descendants(going.pid());
        if step == Step::Follow {
            assert!(!marked(&mark, &[going.pid()]).is_empty(), "the command runs");
        }
        assert_eq!(row(&place, &run)["status"], "running", "{step}: a host that is only stopped still leads its run");
        going.send(Signal::KILL);
        let answer = going.end();
        assert_eq!(answer.code, None);

        let shown = row(&place, &run);
        assert_eq!(shown["status"], "interrupted", "{step}: {shown:#}");
        assert_eq!(shown["reason"], "host-lost");
        assert_eq!(shown["step"], step.name());
        assert!(shown["message"].as_str().unwrap().contains(&format!("`{step}`")), "{shown:#}");
        until("nothing of the run is left", || marked(&mark, &[]).is_empty() && !family.iter().any(|pid| lives(*pid)));

        let status = place.type_in(["status", &run]).expect(0);
        assert!(status.text().contains("interrupted"), "{}", status.text());
        place.type_in(["manifest", "verify", "before"]).expect(0);
        let reaped = place.type_in(["reap", "--json"]).expect(0).json();
        assert_eq!(reaped["problems"], serde_json::json!([]));
        let built = Step::BuildEnv < step && step <= Step::Teardown;
        assert_eq!(reaped["released"].as_array().unwrap().len(), usize::from(built), "{step}: {reaped}");
        assert_eq!(place.type_in(["env", "list", "--json"]).expect(0).json(), serde_json::json!([]), "{step}");
        let again = place.type_in(["reap"]).expect(0);
        assert_eq!(again.text(), "nothing was left behind\n");
        assert_eq!(fs::read_dir(place.state().join("environments")).unwrap().count(), 0, "{step}");

        let next = place.run(&["--run-id", &format!("after-{step}")], "echo next").expect(0);
        assert_eq!(next.text(), "next\n");
    }
}

#[test]
fn reap_says_which_runs_it_found_and_what_it_released() {
    let place = Place::new();
    let going = halted_at(&place, Step::Follow, "lost", &mark(), "sleep 1000");
    going.send(Signal::KILL);
    going.end();
    let reaped = place.type_in(["reap"]).expect(0);
    let lines: Vec<_> = reaped.text().lines().collect();
    assert_eq!(lines[0], "run lost: interrupted");
    assert!(lines[1].starts_with("environment env-") && lines[1].ends_with(": released"), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_command_that_had_ended_well_is_not_called_a_success_when_its_manifest_was_never_written() {
    let place = Place::new();
    let going = halted_at(&place, Step::Finish, "unfinished", &mark(), "echo done");
    going.send(Signal::KILL);
    going.end();
    assert_eq!(row(&place, "unfinished")["status"], "interrupted");
    assert_eq!(place.log("unfinished"), b"done\n", "the log is there");
    let answer = place.type_in(["manifest", "unfinished"]);
    assert_ne!(answer.code, Some(0));
    assert!(answer.stderr.contains("manifest.json"), "{}", answer.stderr);
}

#[test]
fn a_host_that_is_killed_after_it_wrote_the_manifest_is_believed() {
    let place = Place::new();
    let going = halted_at(&place, Step::Finish, "written", &mark(), "echo done");
    let kept = place.state().join("runs/written/manifest.json");
    assert!(!kept.exists());
    // The database cannot be written while this lock is held, so the host gets as far as the manifest and no further.
    let database = rusqlite::Connection::open(place.state().join("state.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    going.send(Signal::CONT);
    until("both manifests are written", || kept.exists() && place.output("written").join("manifest.json").exists());
    going.send(Signal::KILL);
    going.end();
    database.execute_batch("ROLLBACK").unwrap();
    let shown = row(&place, "written");
    assert_eq!((&shown["status"], &shown["reason"]), (&"succeeded".into(), &"none".into()));
    place.type_in(["manifest", "verify", "written"]).expect(0);
}

#[test]
fn logs_that_follow_a_run_end_when_its_host_is_killed() {
    let place = Place::new();
    let mut going = place.start(&["--run-id", "orphan"], "echo ready; exec sleep 1000");
    assert_eq!(going.line(), "ready\n");
    let mut follower = Going::start(&mut place.command(["logs", "-f", "orphan"]));
    assert_eq!(follower.line(), "ready\n");
    going.send(Signal::KILL);
    going.end();
    follower.end().expect(0);
    assert_eq!(row(&place, "orphan")["status"], "interrupted");
}
