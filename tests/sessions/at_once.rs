//! Several commands, and several sessions, at the same time.

use std::{sync::Arc, time::Duration};

use worldflux::{
    config::RunOverrides,
    names::EndKind,
    run::{CommandInput, Host, SessionCommand, SessionError},
};

use crate::{
    guests::guest,
    kit::{PATIENCE, Place, fresh, says, sh, text},
};

/// F126
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_session_run_at_the_same_time_where_the_runtime_can() {
    let place = Place::new();
    let session = place.open().await;
    says(&session, "mkfifo here there").await;
    // Each waits for the other: one after the other they would never end.
    let first = sh("echo ping > here; cat there").deadline(PATIENCE);
    let second = sh("cat here; echo pong > there").deadline(PATIENCE);
    let (first, second) = tokio::join!(session.run(first), session.run(second));
    assert_eq!((text(&first.unwrap().stdout).as_str(), text(&second.unwrap().stdout).as_str()), ("pong\n", "ping\n"));

    let mut running = Vec::new();
    for number in 0..24 {
        let session = session.clone();
        running.push(tokio::spawn(async move { (number, session.run(sh(&format!("sleep 0.0{number}; echo {number}"))).await) }));
    }
    for run in running {
        let (number, ended) = run.await.unwrap();
        assert_eq!(text(&ended.unwrap().stdout), format!("{number}\n"), "output never goes to another command");
    }
    let manifest = session.close().await.unwrap();
    assert_eq!(manifest.executions.len(), 27);
    assert!(manifest.executions.iter().zip(0..).all(|(execution, number)| execution.index == number));
}

/// Other commands begin and end between the end of a command and the answer of the plugin that started it.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_has_ended_before_its_start_is_answered_is_told_like_any_other() {
    let place = Place::new();
    let plugin = guest("rogue");
    let (status, said) = place.types(&["plugin", "add", plugin.to_str().unwrap(), "--command"]);
    assert_eq!(status, 0, "{said}");
    place.write("worldflux.toml", "[environment.rogue]\nstart = 'late'\n");
    let overrides = RunOverrides { runtime: Some("rogue".into()), ..RunOverrides::default() };
    let session = place.host().open_session(place.settings_with(&overrides), fresh()).await.unwrap();
    let mut running = Vec::new();
    for number in 0..4 {
        let session = session.clone();
        running.push(tokio::spawn(async move { (number, session.run(sh(&format!("echo {number}"))).await) }));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for run in running {
        let (number, ended) = run.await.unwrap();
        assert_eq!(text(&ended.unwrap().stdout), format!("{number}\n"));
    }
    session.close().await.unwrap();
}

/// F126, X22, X82
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_cannot_says_so_and_what_runs_is_left_alone() {
    let place = Place::new();
    let plugin = guest("bare");
    let (status, said) = place.types(&["plugin", "add", plugin.to_str().unwrap(), "--command", "--folder", "/output=read"]);
    assert_eq!(status, 0, "{said}");
    let overrides = RunOverrides { runtime: Some("bare".into()), ..RunOverrides::default() };
    let session = place.host().open_session(place.settings_with(&overrides), fresh()).await.unwrap();
    let execution = session.start(sh("while [ ! -e go ]; do sleep 0.02; done; echo went")).await.unwrap();
    let error = session.start(sh("true")).await.unwrap_err();
    assert!(matches!(&error, SessionError::Busy { index, .. } if *index == execution.index()), "{error}");
    assert_eq!((error.code(), error.is_recoverable()), ("busy", true));
    std::fs::write(session.workspace().join("go"), "").unwrap();
    assert_eq!(&execution.wait().await.stdout[..], b"went\n");
    assert_eq!(says(&session, "echo next").await, "next\n");

    let interactive = session.start(sh("cat").stdin(CommandInput::Interactive)).await.unwrap_err();
    assert!(matches!(interactive, SessionError::Unsupported { feature: "interactive-stdin", .. }), "{interactive}");
    let whole = session.run(SessionCommand::argv(["cat"]).stdin("whole")).await.unwrap();
    assert_eq!(&whole.stdout[..], b"whole", "input that is known before is given");
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_share_a_host_and_nothing_else() {
    let place = Place::new();
    let host = place.host();
    let mut sessions = Vec::new();
    for number in 0..8 {
        let (host, settings): (Arc<Host>, _) = (host.clone(), place.settings());
        sessions.push(tokio::spawn(async move {
            let session = host.open_session(settings, fresh()).await.unwrap();
            assert_eq!(says(&session, &format!("ls; echo {number} > own; cat own")).await, format!("{number}\n"));
            session.close().await.unwrap()
        }));
    }
    let mut ids = std::collections::BTreeSet::new();
    for session in sessions {
        let manifest = session.await.unwrap();
        assert_eq!(manifest.executions.last().unwrap().ending.as_ref().unwrap().kind, EndKind::Exited { code: 0 });
        ids.insert(manifest.run_id);
    }
    assert_eq!(ids.len(), 8);
}

/// More commands than a plugin may start by itself in a run.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_no_end_of_commands() {
    let place = Place::new();
    let session = place.open().await;
    for _ in 0..1_100 {
        assert_eq!(session.run(SessionCommand::argv(["true"])).await.unwrap().exit_code(), 0);
    }
    let manifest = session.close().await.unwrap();
    assert_eq!(manifest.executions.len(), 1_100);
    let rows = place.host().state().executions(&manifest.run_id).unwrap();
    assert_eq!(rows.len(), 1_100);
    assert!(rows.iter().all(|row| row.ending.is_some()), "and each is written down");
}
