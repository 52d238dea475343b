//! The tree dies as one, whatever it does to get away.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use worldflux::{
    names::EndKind,
    sandbox::{SpawnError, StartOptions, Stdin},
};

use crate::kit::{Events, Order, PATIENCE, mark, marked, order, python, quiet, run, shell, until};

/// Forks twice, with a session of its own in between, and stays.
const DAEMON: &str = "
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print('daemon', flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
";

/// Start, wait until the output is `ready`, do `end`, and see that nobody is left.
fn dies(order: Order, ready: &str, end: impl FnOnce(&worldflux::sandbox::Child)) -> EndKind {
    let mark = mark();
    run(async {
        let events = Arc::new(Events::default());
        let child = order.variable("MARK", &mark).start(StartOptions::new(events.clone())).await;
        until(ready, || events.text() == ready).await;
        assert_ne!(marked(&mark), Vec::<String>::new());
        let begin = Instant::now();
        end(&child);
        let exit = child.wait().await;
        assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
        assert_eq!(marked(&mark), Vec::<String>::new());
        exit.ending.kind
    })
}

#[test]
fn a_kill_reaches_a_daemon() {
    let order = python(&format!("{DAEMON}\ntime.sleep(1000)"));
    assert_eq!(dies(order, "daemon\n", worldflux::sandbox::Child::kill), EndKind::Killed);
}

#[test]
fn a_daemon_does_not_outlive_its_command() {
    let mark = mark();
    let output = run(python(DAEMON).variable("MARK", &mark).output(|_| ()));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert_eq!(marked(&mark), Vec::<String>::new());
}

#[test]
fn a_kill_reaches_a_deep_tree_whose_every_process_has_a_session_of_its_own() {
    let script = "
import os, time
for depth in range(30):
    if os.fork() != 0:
        time.sleep(1000)
    os.setsid()
print('deep', flush=True)
time.sleep(1000)
";
    assert_eq!(dies(python(script), "deep\n", worldflux::sandbox::Child::kill), EndKind::Killed);
}

#[test]
fn a_kill_reaches_processes_that_run_away_by_forking() {
    // Each process lives just long enough to make the next one, in a session of its own.
    let script = "
import os, sys, time
print('runs', flush=True)
if os.fork() != 0:
    time.sleep(1000)
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
";
    assert_eq!(dies(python(script), "runs\n", worldflux::sandbox::Child::kill), EndKind::Killed);
}

#[test]
fn stopped_processes_die_too() {
    let order = shell("sleep 1000 & kill -STOP $!; echo ready; kill -STOP $$");
    assert_eq!(dies(order, "ready\n", worldflux::sandbox::Child::kill), EndKind::Killed);
}

#[test]
fn a_dropped_child_takes_its_tree_along() {
    let mark = mark();
    run(async {
        let events = Arc::new(Events::default());
        let order = python(&format!("{DAEMON}\ntime.sleep(1000)")).variable("MARK", &mark);
        let child = order.start(StartOptions::new(events.clone())).await;
        until("daemon", || events.text() == "daemon\n").await;
        drop(child);
        until("nobody is left", || marked(&mark).is_empty()).await;
    });
}

#[test]
fn a_start_that_is_given_up_leaves_nothing_running() {
    let mark = mark();
    run(async {
        for microseconds in [0, 100, 500, 1000, 2000, 4000] {
            let start = order(["sleep", "1000"]).variable("MARK", &mark).try_start(quiet());
            // Whether it had come so far does not matter: either way it is dropped here.
            let _ = tokio::time::timeout(Duration::from_micros(microseconds), start).await;
        }
        // A start that goes on in the background is over when a later one is.
        for _ in 0..3 {
            order(["true"]).output(|_| ()).await;
        }
        until("nobody is left", || marked(&mark).is_empty()).await;
    });
}

#[test]
fn a_command_that_kills_its_supervisor_is_lost_and_dead() {
    let mark = mark();
    run(async {
        let (there, mut here) = std::io::pipe().unwrap();
        let options = StartOptions { stdin: Stdin::File(std::fs::File::from(std::os::fd::OwnedFd::from(there))), ..quiet() };
        let child = shell("sleep 1000 & read go; kill -KILL $PPID; sleep 1000").variable("MARK", &mark).start(options).await;
        here.write_all(b"go\n").unwrap();
        let exit = child.wait().await;
        assert_eq!(exit.ending.kind, EndKind::Lost);
        assert_eq!(exit.ending.evidence, "the supervisor ended without a report; no process of its session is left");
        assert!(exit.duration < PATIENCE, "{:?}", exit.duration);
        assert_eq!(marked(&mark), Vec::<String>::new());
    });
}

#[test]
fn a_command_that_kills_its_supervisor_at_once_is_dead_too() {
    for _ in 0..20 {
        let mark = mark();
        run(async {
            let begin = Instant::now();
            match shell("sleep 1000 & kill -KILL $PPID; sleep 1000").variable("MARK", &mark).try_start(quiet()).await {
                Ok(child) => assert_eq!(child.wait().await.ending.kind, EndKind::Lost),
                // The supervisor was gone before it could say that the command runs.
                Err(error) => assert!(matches!(error, SpawnError::Supervisor { .. }), "{error}"),
            }
            assert!(begin.elapsed() < PATIENCE);
            assert_eq!(marked(&mark), Vec::<String>::new());
        });
    }
}

#[test]
fn a_command_that_stops_its_supervisor_is_still_followed_to_its_end() {
    let output = run(shell("kill -STOP $PPID; echo on; exit 6").output(|_| ()));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("on\n", EndKind::Exited { code: 6 }));
    assert!(output.took < PATIENCE, "{:?}", output.took);
}

#[test]
fn a_command_that_stops_its_supervisor_cannot_escape_its_deadline() {
    let mark = mark();
    let script = "while :; do kill -STOP $PPID; done";
    let output = run(shell(script).variable("MARK", &mark).output(|options| options.deadline = Some(Duration::from_millis(200))));
    assert_eq!(output.exit.ending.kind, EndKind::TimedOut);
    assert!(output.took < PATIENCE, "{:?}", output.took);
    run(until("nobody is left", || marked(&mark).is_empty()));
}

#[test]
fn zombies_do_not_pile_up_while_a_command_runs() {
    // Orphans become children of the supervisor, which has to reap them.
    let script = "
import os, time
supervisor = os.getppid()
for i in range(50):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
end = time.monotonic() + 10
while len(open('/proc/%d/task/%d/children' % (supervisor, supervisor)).read().split()) > 1 and time.monotonic() < end:
    time.sleep(0.01)
print(len(open('/proc/%d/task/%d/children' % (supervisor, supervisor)).read().split()))
";
    assert_eq!(run(python(script).output(|_| ())).stdout(), "1\n");
}
