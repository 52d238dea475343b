//! How a command is ended before its time.

use std::{
    fs,
    time::{Duration, Instant},
};

use worldflux::{
    names::EndKind,
    run::{Cancel, SessionCommand},
};

use crate::kit::{PATIENCE, Place, lives, sh, until};

/// F127, N05, X05, X17
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_the_whole_tree_although_a_grandchild_holds_the_pipe() {
    let place = Place::new();
    let session = place.open().await;
    let script = "(setsid sleep 600 & echo $! > pid; wait) & echo $$ > own; wait";
    let begin = Instant::now();
    let ended = session.run(sh(script).deadline(Duration::from_secs(2))).await.unwrap();
    assert!(begin.elapsed() < Duration::from_mins(1), "it took {:?}", begin.elapsed());
    assert_eq!((ended.ending.kind, ended.timed_out()), (EndKind::TimedOut, true));
    assert!(ended.duration >= Duration::from_secs(2), "{:?}", ended.duration);
    for file in ["pid", "own"] {
        let pid = fs::read_to_string(session.workspace().join(file)).unwrap();
        until("nothing of it is left", || !lives(&pid)).await;
    }
    session.close().await.unwrap();
}

/// N06, X06
#[tokio::test(flavor = "multi_thread")]
async fn a_background_child_does_not_hold_up_a_command_that_has_finished() {
    let place = Place::new();
    let session = place.open().await;
    let begin = Instant::now();
    let ended = session.run(sh("sleep 600 & echo $!")).await.unwrap();
    assert!(begin.elapsed() < Duration::from_mins(1));
    assert_eq!(ended.exit_code(), 0);
    let pid = String::from_utf8(ended.stdout.to_vec()).unwrap();
    until("the child of the command is gone with it", || !lives(&pid)).await;
    session.close().await.unwrap();
}

/// F134, N23, X25
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_from_another_thread_ends_a_command_each_time() {
    let place = Place::new();
    let session = place.open().await;
    for _ in 0..20 {
        let execution = session.start(sh("trap '' TERM; echo on; while :; do sleep 1; done")).await.unwrap();
        let other = execution.clone();
        let killer = std::thread::spawn(move || {
            other.kill();
            other.kill();
        });
        let ended = tokio::time::timeout(PATIENCE, execution.wait()).await.unwrap();
        killer.join().unwrap();
        assert_eq!(ended.ending.kind, EndKind::Killed);
        assert_eq!(ended.exit_code(), -9);
        execution.kill();
        assert_eq!(execution.wait().await, ended, "the first ending stays");
    }
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_asked_to_stop_can_say_goodbye() {
    let place = Place::new();
    let session = place.open().await;
    let script = "trap 'echo bye; exit 3' TERM; echo ready > ready; while :; do sleep 0.05; done";
    let execution = session.start(SessionCommand { grace: Some(PATIENCE), ..sh(script) }).await.unwrap();
    let ready = session.workspace().join("ready");
    until("the command is ready", || ready.exists()).await;
    execution.stop();
    let ended = execution.wait().await;
    assert_eq!((ended.ending.kind, &ended.stdout[..]), (EndKind::Killed, &b"bye\n"[..]));

    let stubborn = session
        .start(SessionCommand { grace: Some(Duration::from_millis(200)), ..sh("trap '' TERM; touch deaf; while :; do sleep 0.05; done") });
    let stubborn = stubborn.await.unwrap();
    let deaf = session.workspace().join("deaf");
    until("the command is deaf", || deaf.exists()).await;
    session.stop_all(Cancel::Stop);
    assert_eq!(stubborn.wait().await.ending.kind, EndKind::Killed);
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_given_up_leaves_nothing_running() {
    let place = Place::new();
    let session = place.open().await;
    let pid = session.workspace().join("pid");
    let running = session.clone();
    let run = tokio::spawn(async move { running.run(sh("echo $$ > pid.part; mv pid.part pid; sleep 600")).await });
    until("the command runs", || pid.exists()).await;
    run.abort();
    let pid = fs::read_to_string(pid).unwrap();
    until("the command is gone", || !lives(&pid)).await;
    session.close().await.unwrap();
}
