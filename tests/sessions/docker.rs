//! Sessions in containers: the same promises as on this machine, where they can be different.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::Value;
use worldflux::{
    names::EndKind,
    run::{CommandInput, ExecutionState, Session, SessionCommand, SessionOptions, SessionWorkspace},
};

use crate::{
    daemon::{Daemon, IMAGE, docker, podman},
    kit::{PATIENCE, Place, code, fresh, says, sh, text},
};

/// A user with this daemon, and a session in a container of theirs.
async fn open(daemon: &Daemon, place: &Place, more: &str) -> Session {
    open_with(daemon, place, more, fresh()).await
}

async fn open_with(daemon: &Daemon, place: &Place, more: &str, options: SessionOptions) -> Session {
    let at = format!("unix:{}", daemon.socket().display());
    let (status, said) = place.types(&["endpoint", "add", "docker.sock:80", "--at", &at]);
    assert_eq!(status, 0, "{said}");
    place.write(
        "worldflux.toml",
        format!("runtime = 'docker'\n[environment]\nuser = '0:0'\n{more}\n[environment.docker]\nimage = '{IMAGE}'\n"),
    );
    place.host().open_session(place.settings(), options).await.unwrap()
}

/// F125, F144, F200
#[tokio::test(flavor = "multi_thread")]
async fn commands_share_a_container_and_its_files() {
    for daemon in [docker(), podman()] {
        let place = Place::new();
        let session = open(daemon, &place, "env = { A = 'of the file' }").await;
        assert_eq!(says(&session, "echo one > /tmp/state; echo two > kept; echo $A").await, "of the file\n");
        assert_eq!(says(&session, "cat /tmp/state /workspace/kept; pwd").await, "one\ntwo\n/workspace\n");
        assert_eq!(fs::read_to_string(session.workspace().join("kept")).unwrap(), "two\n");
        let executed = session.run(sh("echo $A; exit 5").variable("A", "of the call")).await.unwrap();
        assert_eq!((code(&executed), text(&executed.stdout).as_str()), (5, "of the call\n"));
        let name = format!("worldflux-{}", session.id());
        assert!(daemon.names().contains(&name));
        session.close().await.unwrap();
        assert!(!daemon.names().contains(&name), "the container is gone");
    }
}

/// F127, N04, N05, X08: the container goes on, and nothing of the command does.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_or_an_end_leaves_nothing_of_the_command_in_the_container() {
    for daemon in [docker(), podman()] {
        let place = Place::new();
        let session = open(daemon, &place, "").await;
        let script = "setsid sh -c 'trap \"\" TERM; sleep 601' & env -i sleep 602 & trap '' TERM; sleep 603; sleep 604";
        let executed = session.run(sh(script).deadline(Duration::from_secs(3))).await.unwrap();
        assert_eq!(executed.ending.kind, EndKind::TimedOut, "{executed:?}");
        let left = says(&session, "ps | grep -E 'sleep 60[1-4]' | grep -v grep || echo none").await;
        assert_eq!(left, "none\n");
        let other = session.start(sh("sleep 700; echo whole")).await.unwrap();
        let stopped = session.start(sh("trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.1; done")).await.unwrap();
        while !says(&session, "ps").await.contains("sleep 0.1") {}
        stopped.stop();
        let ended = stopped.wait().await;
        assert!(text(&ended.stdout).ends_with("bye\n"), "{ended:?}");
        assert!(matches!(other.state(), ExecutionState::Running), "another command goes on");
        assert!(says(&session, "ps").await.contains("sleep 700"));
        other.kill();
        other.wait().await;
        assert!(!says(&session, "ps").await.contains("sleep 700"));
        session.close().await.unwrap();
    }
}

/// F126: several at once.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_container_run_at_the_same_time() {
    let place = Place::new();
    let session = open(docker(), &place, "").await;
    says(&session, "mkfifo here there").await;
    let first = sh("echo ping > here; cat there").deadline(PATIENCE);
    let second = sh("cat here; echo pong > there").deadline(PATIENCE);
    let (first, second) = tokio::join!(session.run(first), session.run(second));
    assert_eq!((text(&first.unwrap().stdout).as_str(), text(&second.unwrap().stdout).as_str()), ("pong\n", "ping\n"));
    session.close().await.unwrap();
}

/// F123
#[tokio::test(flavor = "multi_thread")]
async fn input_can_be_written_while_a_command_runs_in_a_container() {
    let place = Place::new();
    let session = open(docker(), &place, "").await;
    let execution =
        session.start(sh("while read -r line; do echo \"heard $line\"; done; echo over").stdin(CommandInput::Interactive)).await.unwrap();
    execution.write_stdin(b"one\n").await.unwrap();
    execution.write_stdin("zwei ä\n".as_bytes()).await.unwrap();
    execution.close_stdin().await;
    assert_eq!(text(&execution.wait().await.stdout), "heard one\nheard zwei ä\nover\n");
    let executed = session.run(SessionCommand::argv(["wc", "-c"]).stdin("x".repeat(500_000).into_bytes())).await.unwrap();
    assert_eq!(text(&executed.stdout).trim(), "500000");
    session.close().await.unwrap();
}

/// F145
#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ended_is_started_again_and_one_that_was_removed_is_made_anew() {
    let place = Place::new();
    let session = open(docker(), &place, "").await;
    let name = format!("worldflux-{}", session.id());
    says(&session, "echo here > /state").await;
    docker().ask("POST", &format!("containers/{name}/kill"), &Value::Null);
    assert_eq!(says(&session, "cat /state").await, "here\n");
    docker().ask("DELETE", &format!("containers/{name}?force=1"), &Value::Null);
    assert_eq!(says(&session, "cat /state 2>/dev/null || echo gone").await, "gone\n");
    session.close().await.unwrap();

    let set_up = SessionOptions { setup: vec!["echo made > /state".into()], ..fresh() };
    let session = open_with(docker(), &place, "", set_up).await;
    let name = format!("worldflux-{}", session.id());
    docker().ask("DELETE", &format!("containers/{name}?force=1"), &Value::Null);
    let error = session.run(sh("true")).await.unwrap_err();
    assert!(error.to_string().contains("was removed from outside"), "{error}");
    session.close().await.unwrap();
}

/// F142: the user of this machine owns what a command leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_the_users_is_mounted_as_it_is() {
    let place = Place::new();
    place.write("data", "of the project\n");
    fs::set_permissions(place.project(), fs::Permissions::from_mode(0o777)).unwrap();
    let options = SessionOptions { workspace: SessionWorkspace::Named, ..SessionOptions::default() };
    let session = open_with(docker(), &place, "", options).await;
    assert_eq!(says(&session, "cat data; echo new > made").await, "of the project\n");
    assert_eq!(fs::read_to_string(place.project().join("made")).unwrap(), "new\n");
    session.close().await.unwrap();
}
