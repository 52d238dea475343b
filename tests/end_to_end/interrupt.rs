//! Asking a run to end: Ctrl-C once and twice, and `worldflux kill` from somewhere else.

use rustix::process::Signal;
use serde_json::Value;

use crate::kit::{Going, Place, mark, marked, run_line, text, until};

/// Says that it was asked to end, and then ends by itself.
const POLITE: &str = "exec python3 -S -u -c '
import signal, sys, time
def asked(*_):
    print(\"asked\")
    sys.exit(0)
signal.signal(signal.SIGTERM, asked)
signal.signal(signal.SIGINT, asked)
print(\"ready\")
time.sleep(1000)
'";

/// Hears nothing.
const DEAF: &str = "trap '' TERM INT HUP; echo ready; while true; do sleep 0.02; done";

fn start(place: &Place, mark: &str, options: &[&str], script: &str) -> Going {
    let mut going = Going::start(place.command(run_line(options, script)).env("MARK", mark));
    assert_eq!(going.line(), "ready\n");
    going
}

#[test]
fn ctrl_c_once_asks_the_command_to_end_and_finishes_the_manifest() {
    let place = Place::new();
    let mark = mark();
    let going = start(&place, &mark, &["--run-id", "polite", "--grace", "30s"], POLITE);
    going.send(Signal::INT);
    let answer = going.end();
    assert_eq!(answer.text(), "asked\n", "{}", answer.stderr);
    assert_eq!(answer.code, Some(130), "{}", answer.stderr);
    let manifest = place.manifest("polite");
    assert_eq!(text(&manifest, "/status"), "cancelled");
    assert_eq!(place.log("polite"), b"ready\nasked\n");
    assert_eq!(place.runs()[0]["status"], "cancelled");
    assert!(place.type_in(["manifest", "verify", "polite"]).code == Some(0));
    until("nothing is left", || marked(&mark, &[]).is_empty());
}

#[test]
fn ctrl_c_twice_ends_the_command_by_force() {
    let place = Place::new();
    let mark = mark();
    let going = start(&place, &mark, &["--run-id", "deaf", "--grace", "1h"], DEAF);
    going.send(Signal::INT);
    // Two signals that come at once are one.
    until("the first was understood", || going.told().contains("press Ctrl-C again"));
    going.send(Signal::INT);
    let answer = going.end();
    assert_eq!(answer.code, Some(130), "{}", answer.stderr);
    assert!(answer.stderr.contains("by force"), "{}", answer.stderr);
    assert_eq!(text(&place.manifest("deaf"), "/status"), "cancelled");
    until("nothing is left", || marked(&mark, &[]).is_empty());
}

#[test]
fn a_command_that_hears_nothing_is_ended_after_its_grace() {
    let place = Place::new();
    let mark = mark();
    let going = start(&place, &mark, &["--run-id", "graceless", "--grace", "200ms"], DEAF);
    going.send(Signal::INT);
    let answer = going.end();
    assert_eq!(answer.code, Some(130), "{}", answer.stderr);
    assert_eq!(text(&place.manifest("graceless"), "/ending/how"), "killed");
    until("nothing is left", || marked(&mark, &[]).is_empty());
}

#[test]
fn a_termination_signal_is_a_wish_to_stop() {
    let place = Place::new();
    let going = start(&place, &mark(), &["--run-id", "term"], POLITE);
    going.send(Signal::TERM);
    assert_eq!(going.end().code, Some(19));
    assert_eq!(text(&place.manifest("term"), "/status"), "cancelled");
}

// N23.
#[test]
fn kill_from_another_process_ends_a_run() {
    let place = Place::new();
    let mark = mark();
    for (run, script, options) in [("soft", POLITE, &[][..]), ("hard", DEAF, &["--force"])] {
        let going = start(&place, &mark, &["--run-id", run, "--grace", "1h"], script);
        let line: Vec<_> = ["kill", run].into_iter().chain(options.iter().copied()).collect();
        let said = place.type_in(line).expect(0);
        assert!(said.stderr.contains("was asked to end"), "{}", said.stderr);
        let answer = going.end();
        assert_eq!(answer.code, Some(19), "{}", answer.stderr);
        assert_eq!(text(&place.manifest(run), "/status"), "cancelled");
        let again = place.type_in(["kill", run]).expect(0);
        assert!(again.stderr.contains("over already: cancelled"), "{}", again.stderr);
    }
    until("nothing is left", || marked(&mark, &[]).is_empty());
    let answer = place.type_in(["kill", "never-was"]).expect(2);
    assert!(answer.stderr.contains("`never-was`"), "{}", answer.stderr);
}

#[test]
fn the_manifest_of_a_cancelled_run_says_what_had_come_of_it() {
    let place = Place::new();
    let script = "echo 1 > $WORLDFLUX_OUTPUT_DIR/made.txt; echo '{\"loss\": 0.5}' > $WORLDFLUX_METRICS; echo ready; exec sleep 1000";
    let going = start(&place, &mark(), &["--run-id", "partial"], script);
    going.send(Signal::INT);
    assert_eq!(going.end().code, Some(130));
    let manifest = place.manifest("partial");
    assert_eq!(manifest.pointer("/metrics/loss"), Some(&Value::from(0.5)));
    assert_eq!(text(&manifest, "/artifacts/0/name"), "made.txt");
}
