//! Nothing is left behind: no descriptor, no thread, no process.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use worldflux::{names::EndKind, sandbox::StartOptions};

use crate::kit::{Events, mark, marked, order, quiet, run, shell, until};

#[test]
fn a_thousand_commands_leave_nothing_behind() {
    // In a process of its own, so that other tests do not disturb the count.
    const COUNT: &str = "WORLDFLUX_TEST_COUNT";
    if std::env::var_os(COUNT).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["tidy::a_thousand_commands_leave_nothing_behind", "--exact"])
            .env(COUNT, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let mark = mark();
    run(async {
        for _ in 0..3 {
            order(["true"]).output(|_| ()).await;
        }
        settle().await;
        let before = census();
        for _ in 0..250 {
            let start = || order(["true"]).variable("MARK", &mark).output(|_| ());
            let (a, b, c, d) = tokio::join!(start(), start(), start(), start());
            for output in [a, b, c, d] {
                assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
            }
        }
        settle().await;
        assert_eq!(census(), before);
        assert_eq!(marked(&mark), Vec::<String>::new());
    });
}

/// Descriptors, threads, and children of this process.
pub(crate) fn census() -> (usize, usize, String) {
    let count = |path: &str| fs::read_dir(path).unwrap().count();
    let children = fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| fs::read_to_string(task.path().join("children")).unwrap());
    (count("/proc/self/fd"), count("/proc/self/task"), children.collect())
}

/// A thread is there for a moment after its last word.
pub(crate) async fn settle() {
    let names = || fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| fs::read_to_string(task.path().join("comm")));
    until("the threads of the children end", || !names().flatten().any(|name| ["child\n", "pump\n"].contains(&name.as_str()))).await;
}

#[test]
fn children_that_run_at_once_do_not_hold_each_others_pipes_open() {
    run(async {
        let mut sleepers = Vec::new();
        let mut quick = JoinSet::new();
        for _ in 0..20 {
            quick.spawn(shell("cat; echo done").output(|options| {
                options.stdin = worldflux::sandbox::Stdin::Bytes("x".into());
            }));
            sleepers.push(order(["sleep", "1000"]).start(quiet()).await);
        }
        let begin = Instant::now();
        while let Some(output) = quick.join_next().await {
            let output = output.unwrap();
            assert_eq!(output.stdout(), "xdone\n");
            assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
        }
        assert!(begin.elapsed() < Duration::from_secs(10));
        for sleeper in &sleepers {
            sleeper.kill();
        }
        for sleeper in sleepers {
            assert_eq!(sleeper.wait().await.ending.kind, EndKind::Killed);
        }
    });
}

#[test]
fn an_output_that_the_command_closes_ends_while_it_runs() {
    run(async {
        let events = Arc::new(Events::default());
        let child = shell("echo last; exec >&- 2>&-; exec sleep 1000").start(StartOptions::new(events.clone())).await;
        until("the line", || events.text() == "last\n").await;
        until("the reader has nothing to do", || fs::read_link(format!("/proc/{}/fd/1", child.pid())).is_err()).await;
        assert_eq!(child.exit(), None);
        child.kill();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}
