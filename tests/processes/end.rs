//! The end: by itself, by a wish, by the deadline; always the same answer to everybody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use worldflux::{
    names::{Channel, EndKind, Moment},
    sandbox::{Sink, StartOptions},
};

use crate::kit::{Events, PATIENCE, mark, marked, order, python, quiet, run, shell, until};

#[test]
fn a_deadline_ends_a_tree_that_holds_its_pipe() {
    let mark = mark();
    let script = "sleep 1000 & setsid sleep 1000 & wait";
    let output = run(shell(script).variable("MARK", &mark).output(|options| options.deadline = Some(Duration::from_millis(300))));
    assert_eq!(output.exit.ending.kind, EndKind::TimedOut);
    assert!(output.exit.ending.evidence.starts_with("the deadline of 300ms passed"), "{}", output.exit.ending.evidence);
    assert!(output.took >= Duration::from_millis(300) && output.took < PATIENCE, "{:?}", output.took);
    assert!(output.exit.duration >= Duration::from_millis(300) && output.exit.duration <= output.took);
    assert_eq!(marked(&mark), Vec::<String>::new());
}

#[test]
fn a_deadline_ends_a_tree_that_ignores_every_request() {
    let mark = mark();
    let script = "trap '' TERM INT HUP; (setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" &) & while :; do sleep 1; done";
    let output = run(shell(script).variable("MARK", &mark).output(|options| {
        options.deadline = Some(Duration::from_millis(300));
        options.grace = Duration::from_mins(1);
    }));
    assert_eq!(output.exit.ending.kind, EndKind::TimedOut);
    assert!(output.took < PATIENCE, "{:?}", output.took);
    assert_eq!(marked(&mark), Vec::<String>::new());
}

#[test]
fn a_command_that_is_faster_than_its_deadline_keeps_its_own_ending() {
    let output = run(shell("exit 3").output(|options| options.deadline = Some(Duration::from_secs(30))));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 3 });
    assert!(output.took < Duration::from_secs(10));
}

#[test]
fn a_deadline_beyond_the_clock_is_none() {
    let output = run(order(["true"]).output(|options| {
        options.deadline = Some(Duration::MAX);
        options.grace = Duration::MAX;
    }));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
}

#[test]
fn a_stop_lets_a_command_finish_its_work() {
    run(async {
        let events = Arc::new(Events::default());
        let script = "
import os, signal
def save(*_):
    os.write(1, b'saved\\n')
    os._exit(7)
signal.signal(signal.SIGTERM, save)
os.write(1, b'ready\\n')
signal.pause()
";
        let child = python(script).start(StartOptions::new(events.clone())).await;
        until("it is ready", || events.text() == "ready\n").await;
        child.stop();
        let exit = child.wait().await;
        assert_eq!(exit.ending.kind, EndKind::Killed, "its end was asked for");
        assert_eq!(exit.ending.evidence, "its end was asked for, wait status: exit code 7");
        assert_eq!(events.text(), "ready\nsaved\n");
    });
}

#[test]
fn a_stop_reaches_a_process_that_left_the_group_and_one_that_was_stopped() {
    run(async {
        let events = Arc::new(Events::default());
        let script = r"
setsid sh -c 'trap : TERM; echo ready; sleep 1000 & wait; echo left-the-group' &
sh -c 'trap : TERM; kill -STOP $$; echo was-stopped' &
trap : TERM
wait
wait
";
        let child = shell(script).start(StartOptions::new(events.clone())).await;
        until("all are ready", || events.text() == "ready\n" && is_stopped_below(child.pid())).await;
        child.stop();
        until("both have noticed", || events.text().contains("left-the-group\n") && events.text().contains("was-stopped\n")).await;
        child.kill();
        child.wait().await;
    });
}

fn is_stopped_below(pid: u32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().any(|child| std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| stat.contains(") T ")))
}

#[test]
fn what_ignores_a_stop_is_killed_after_the_grace() {
    run(async {
        let events = Arc::new(Events::default());
        let options = StartOptions { grace: Duration::from_millis(200), ..StartOptions::new(events.clone()) };
        let child = shell("trap '' TERM; echo ready; while :; do sleep 1; done").start(options).await;
        until("it is ready", || events.text() == "ready\n").await;
        let begin = Instant::now();
        child.stop();
        let exit = child.wait().await;
        assert_eq!(exit.ending.evidence, "its end was asked for, wait status: signal 9");
        assert!(begin.elapsed() >= Duration::from_millis(200) && begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    });
}

#[test]
fn a_kill_during_the_grace_does_not_wait_for_it() {
    run(async {
        let events = Arc::new(Events::default());
        let options = StartOptions { grace: Duration::from_mins(10), ..StartOptions::new(events.clone()) };
        let child = shell("trap '' TERM; echo ready; while :; do sleep 1; done").start(options).await;
        until("it is ready", || events.text() == "ready\n").await;
        child.stop();
        child.kill();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}

#[test]
fn a_deadline_during_a_long_grace_still_bounds_the_time() {
    run(async {
        let events = Arc::new(Events::default());
        let mut options = StartOptions::new(events.clone());
        options.grace = Duration::from_mins(10);
        options.deadline = Some(Duration::from_secs(3));
        let child = shell("trap '' TERM; echo ready; while :; do sleep 1; done").start(options).await;
        until("it is ready", || events.text() == "ready\n").await;
        child.stop();
        let exit = child.wait().await;
        assert_eq!(exit.ending.kind, EndKind::Killed, "the first cause counts");
        assert!(exit.duration < PATIENCE, "{:?}", exit.duration);
    });
}

#[test]
fn kill_twice_is_harmless_and_so_is_kill_after_the_end() {
    run(async {
        let child = order(["sleep", "1000"]).start(quiet()).await;
        child.kill();
        child.kill();
        child.stop();
        let exit = child.wait().await;
        assert_eq!(exit.ending.kind, EndKind::Killed);
        child.kill();
        child.stop();
        assert_eq!(child.wait().await, exit);
        assert_eq!(child.exit(), Some(exit));

        let child = shell("exit 5").start(quiet()).await;
        let exit = child.wait().await;
        child.kill();
        assert_eq!((exit.ending.kind, child.wait().await.ending.kind), (EndKind::Exited { code: 5 }, EndKind::Exited { code: 5 }));
    });
}

#[test]
fn a_command_that_ended_before_the_kill_keeps_its_own_ending() {
    run(async {
        for _ in 0..50 {
            let child = shell("exit 5").start(quiet()).await;
            let is_over = || std::fs::read_to_string(format!("/proc/{}/stat", child.pid())).map_or(true, |stat| stat.contains(") Z "));
            until("it is over", is_over).await;
            child.kill();
            assert_eq!(child.wait().await.ending.kind, EndKind::Exited { code: 5 });
        }
    });
}

#[test]
fn kill_works_from_another_thread() {
    run(async {
        for _ in 0..60 {
            let child = Arc::new(order(["sleep", "1000"]).start(quiet()).await);
            let other = Arc::clone(&child);
            let killer = std::thread::spawn(move || other.kill());
            assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
            killer.join().unwrap();
        }
    });
}

#[test]
fn everybody_who_waits_gets_the_same_answer() {
    run(async {
        let child = Arc::new(shell("echo x; exit 4").start(quiet()).await);
        let given_up = tokio::time::timeout(Duration::ZERO, child.wait()).await;
        assert!(given_up.is_err() || given_up.is_ok_and(|exit| exit.ending.kind == EndKind::Exited { code: 4 }));
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let child = Arc::clone(&child);
                    async move { child.wait().await }
                })
            })
            .collect();
        let exit = child.wait().await;
        for answer in waiting {
            assert_eq!(answer.await.unwrap(), exit);
        }
        assert_eq!(exit.ending.kind, EndKind::Exited { code: 4 });
    });
}

#[test]
fn the_times_of_an_ending_are_in_order() {
    let before = Moment::now();
    let exit = run(order(["sleep", "0.05"]).output(|_| ())).exit;
    let (started, ended) = (exit.ending.started_at.unwrap(), exit.ending.ended_at.unwrap());
    assert!(before <= started && started <= ended && ended <= Moment::now());
    assert!(exit.duration >= Duration::from_millis(50) && exit.duration < Duration::from_secs(5), "{:?}", exit.duration);
}

#[test]
fn a_sink_that_blocks_does_not_hold_up_the_deadline() {
    struct Slow(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);
    impl Sink for Slow {
        fn take(&self, _: Channel, _: bytes::Bytes) {
            let _ = self.0.lock().unwrap().recv();
        }
    }
    run(async {
        let mark = mark();
        let (release, blocked) = std::sync::mpsc::channel();
        let mut options = StartOptions::new(Arc::new(Slow(blocked.into())));
        options.deadline = Some(Duration::from_millis(200));
        let child = shell("yes").variable("MARK", &mark).start(options).await;
        until("the tree is gone", || marked(&mark).is_empty()).await;
        assert_eq!(child.exit(), None, "its output is not taken yet");
        drop(release);
        assert_eq!(child.wait().await.ending.kind, EndKind::TimedOut);
    });
}

#[test]
fn a_sink_that_fails_is_told_as_such() {
    struct Broken;
    impl Sink for Broken {
        fn take(&self, _: Channel, _: bytes::Bytes) {
            panic!("this sink is broken on purpose");
        }
    }
    let output = run(order(["yes"]).output(|options| options.sink = Arc::new(Broken)));
    let ending = output.exit.ending;
    assert_eq!(ending.kind, EndKind::Signalled { signal: 13 }, "nobody reads its output any more");
    assert_eq!((ending.evidence.as_str(), ending.truncated), ("wait status; the reader of its output failed", true));
}
