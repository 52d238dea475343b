//! A strict command is a command like any other: its output, its end, its input.

use std::{fs, path::Path};

use worldflux::names::EndKind;

use crate::kit::{order, quiet, run, shell};

const NOTHING: [&Path; 0] = [];

#[test]
fn it_reads_and_writes_what_was_granted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), "granted").unwrap();
    let mut order = shell("cat in && echo out > result").strict([folder.path()]);
    order.working_directory = folder.path().into();
    let output = run(order.output(|_| ()));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("granted", EndKind::Exited { code: 0 }));
    assert_eq!(fs::read_to_string(folder.path().join("result")).unwrap(), "out\n");
}

#[test]
fn exit_codes_and_signals_arrive_as_they_were() {
    run(async {
        for code in [0, 1, 77, 137, 255] {
            let exit = shell(&format!("exit {code}")).strict(NOTHING).output(|_| ()).await.exit;
            assert_eq!((exit.ending.kind, exit.ending.evidence.as_str()), (EndKind::Exited { code }, "wait status"));
        }
        for signal in [1, 2, 6, 9, 13, 15] {
            let exit = shell(&format!("kill -{signal} $$")).strict(NOTHING).output(|_| ()).await.exit;
            assert_eq!(exit.ending.kind, EndKind::Signalled { signal });
        }
    });
}

#[test]
fn it_is_the_second_process_of_its_world_and_sees_no_other() {
    let output = run(shell("echo $$; cd /proc && echo [0-9]*; id -u; hostname").strict(NOTHING).output(|_| ()));
    let user = rustix::process::getuid().as_raw();
    assert_eq!(output.stdout(), format!("2\n1 2\n{user}\nsandbox\n"));
}

#[test]
fn it_ends_when_asked_and_when_forced() {
    run(async {
        let child = order(["sleep", "1000"]).strict(NOTHING).start(quiet()).await;
        child.stop();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
        let child = shell("trap '' TERM; while :; do sleep 1; done").strict(NOTHING).start(quiet()).await;
        child.kill();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}
