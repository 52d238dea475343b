//! A limit on time holds, whatever the command leaves running.

use std::time::Duration;

use serde_json::Value;

use crate::kit::{Going, Place, answer, mark, marked, run_line, text, until};

/// How long a run may take that has to end after 0.3 s at the latest: a second, and what a run takes on this machine as busy as it is now.
fn soon(place: &Place) -> Duration {
    Duration::from_secs(1) + 2 * place.run(&[], "true").expect(0).took
}

// N04, N05, X02, X05: a grandchild in a session of its own holds both pipes and ignores SIGTERM.
#[test]
fn a_tree_that_holds_its_pipe_ends_with_its_time() {
    let place = Place::new();
    let (mark, soon) = (mark(), soon(&place));
    place.write(
        "tree.py",
        "
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print('held', flush=True)
time.sleep(1000)
",
    );
    // A machine that is busy with something else may need longer than that, and python to begin; not every time.
    let mut seen = Vec::new();
    for turn in 0..5 {
        let run = format!("tree-{turn}");
        let line = ["run", "--json", "--run-id", &run, "--timeout", "0.3s", "--", "python3", "-S", "tree.py"];
        let answer = answer(place.command(line).env("MARK", &mark)).expect(16);
        let manifest = answer.json();
        assert_eq!(marked(&mark, &[]), Vec::<String>::new());
        assert_eq!(text(&manifest, "/status"), "failed");
        assert_eq!(text(&manifest, "/reason/code"), "timeout");
        assert_eq!(text(&manifest, "/ending/how"), "timed-out");
        let follow = manifest["durations"]["follow"].as_f64().unwrap();
        assert!(follow >= 0.29, "{follow}");
        let held = place.log(&run);
        if held == b"held\n" && follow < 1.0 && answer.took < soon {
            return;
        }
        seen.push((answer.took, follow, held));
    }
    panic!("{seen:?}");
}

// N06, X06.
#[test]
fn a_child_in_the_background_does_not_delay_a_command_that_has_ended() {
    let place = Place::new();
    let (mark, soon) = (mark(), soon(&place));
    let answer = answer(place.command(run_line(&["--json"], "sleep 1000 & echo done")).env("MARK", &mark)).expect(0);
    assert!(answer.took < soon + Duration::from_secs(10), "{:?}", answer.took);
    until("nothing is left", || marked(&mark, &[]).is_empty());
    assert_eq!(answer.json().pointer("/ending/stdout_bytes"), Some(&Value::from(5)));
}

#[test]
fn a_setup_line_that_never_ends_can_be_interrupted() {
    let place = Place::new();
    let mark = mark();
    let mut going = Going::start(place.command(run_line(&["--events", "--setup", "echo in; sleep 1000"], "true")).env("MARK", &mark));
    while !going.line().contains("in\\n") {}
    going.send(rustix::process::Signal::INT);
    let answer = going.end().expect(130);
    assert!(answer.stdout.ends_with(b"\n"));
    let last = answer.events().pop().unwrap();
    assert_eq!(text(&last, "/manifest/status"), "cancelled");
    until("nothing is left", || marked(&mark, &[]).is_empty());
}

#[test]
fn a_command_that_stopped_itself_ends_with_its_time_too() {
    let place = Place::new();
    let mark = mark();
    let script = "sleep 1000 & kill -STOP $$";
    answer(place.command(run_line(&["--timeout", "300ms"], script)).env("MARK", &mark)).expect(16);
    assert_eq!(marked(&mark, &[]), Vec::<String>::new());
}

// X23: nobody makes an exit code up.
#[test]
fn a_command_that_kills_its_own_supervisor_ends_in_a_run_of_which_nobody_claims_to_know() {
    let place = Place::new();
    let mark = mark();
    let script = "echo begun; until [ -e go ]; do sleep 0.02; done; kill -KILL $PPID; sleep 1000";
    let mut going = Going::start(place.command(run_line(&["--run-id", "lost"], script)).env("MARK", &mark));
    assert_eq!(going.line(), "begun\n");
    place.write("go", "");
    going.end().expect(18);
    let manifest = place.manifest("lost");
    assert_eq!((text(&manifest, "/status"), text(&manifest, "/reason/code")), ("unknown", "lost"));
    assert_eq!(manifest.pointer("/ending/code"), None);
    assert_eq!(place.runs()[0]["status"], "unknown");
    until("nothing is left", || marked(&mark, &[]).is_empty());
}
