//! The end of a session.

use std::{fs, os::unix::fs::PermissionsExt as _};

use worldflux::{
    names::{EndKind, RunId},
    run::{RunError, SessionOptions},
    store::{ReasonCode, RunStatus},
    workspace::ContentLimits,
};

use crate::kit::{Place, fresh, lives, says, sh, until};

/// F134, F201
#[tokio::test(flavor = "multi_thread")]
async fn a_close_ends_what_runs_and_leaves_a_manifest_and_nothing_else() {
    let place = Place::new();
    let session = place.open().await;
    says(&session, "echo $WORLDFLUX_RUN_ID > $WORLDFLUX_OUTPUT_DIR/result.txt; echo '{\"loss\": 0.5}' > $WORLDFLUX_METRICS").await;
    let running = session.start(sh("echo $$ > pid.part; mv pid.part pid; sleep 600")).await.unwrap();
    let pid = session.workspace().join("pid");
    until("the command runs", || pid.exists()).await;
    let pid = fs::read_to_string(pid).unwrap();
    let (id, folder, other) = (session.id().clone(), session.workspace().to_owned(), session.clone());
    let manifest = session.close().await.unwrap();
    assert_eq!(running.wait().await.ending.kind, EndKind::Killed);
    assert!(!lives(&pid) && !folder.exists());
    assert_eq!((manifest.status, manifest.reason.code), (RunStatus::Succeeded, ReasonCode::None));
    assert_eq!(manifest.metrics.get("loss"), Some(&0.5));
    assert!(manifest.artifacts.iter().any(|artifact| artifact.name == "result.txt"), "{:?}", manifest.artifacts);
    let host = place.host();
    assert_eq!(host.state().run(&id).unwrap().status, RunStatus::Succeeded);
    assert!(host.state().environments().unwrap().is_empty());
    assert_eq!(place.types(&["manifest", id.as_str(), "verify"]).0, 0);
    assert_eq!(other.close().await.unwrap(), manifest, "whoever closes it again gets the same");
}

/// F160, F201
#[tokio::test(flavor = "multi_thread")]
async fn use_after_the_end_is_an_error_that_says_so() {
    let place = Place::new();
    let session = place.open().await;
    let left = session.clone();
    session.close().await.unwrap();
    let mut errors = vec![
        left.start(sh("true")).await.map(drop).unwrap_err(),
        left.contents(vec!["a".into()], ContentLimits::default()).await.map(drop).unwrap_err(),
        left.snapshot().await.map(drop).unwrap_err(),
        left.reset().await.map(drop).unwrap_err(),
        left.materialize(vec![]).await.map(drop).unwrap_err(),
        left.state(0).map(drop).unwrap_err(),
    ];
    for error in errors.drain(..) {
        assert_eq!((error.code(), error.is_recoverable()), ("session-over", false), "{error}");
    }
}

/// F160, F201
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dropped_is_cleaned_up_as_one_that_is_closed() {
    let place = Place::new();
    let session = place.open().await;
    let running = session.start(sh("echo $$; sleep 600").streamed()).await.unwrap();
    let pid = running.take_output().unwrap().recv().await;
    let (id, folder) = (session.id().clone(), session.workspace().to_owned());
    drop(running);
    drop(session);
    let host = place.host();
    until("its manifest is there", || host.state().layout().manifest(&id).exists()).await;
    let pid = String::from_utf8(pid.unwrap().bytes.to_vec()).unwrap();
    assert!(!lives(&pid) && !folder.exists());
    until("its row says so", || host.state().run(&id).unwrap().status == RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_given_up_while_it_is_opened_leaves_nothing() {
    let place = Place::new();
    place.write("worldflux.toml", "[environment.setup]\ncommands = ['echo $$ > $HOME/pid.part; mv $HOME/pid.part $HOME/pid; sleep 600']\n");
    let (host, settings) = (place.host(), place.settings());
    let (id, opener) = (settings.run_id.clone(), host.clone());
    let opening = tokio::spawn(async move { opener.open_session(settings, fresh()).await });
    let file = place.path().join("pid");
    until("the setup runs", || file.exists()).await;
    opening.abort();
    until("its row says so", || host.state().run(&id).unwrap().status.is_final()).await;
    assert_eq!(host.state().run(&id).unwrap().status, RunStatus::Cancelled);
    assert!(!lives(&fs::read_to_string(file).unwrap()) && !host.state().layout().workspace_of(&id).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_ends_a_session_with_worldflux_kill() {
    let place = Place::new();
    let session = place.open().await;
    let running = session.start(sh("sleep 600")).await.unwrap();
    let (status, said) = place.types(&["kill", session.id().as_str()]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(running.wait().await.ending.kind, EndKind::Killed);
    assert_eq!(session.run(sh("true")).await.unwrap_err().code(), "session-over");
    let manifest = session.close().await.unwrap();
    assert_eq!((manifest.status, manifest.reason.code), (RunStatus::Cancelled, ReasonCode::Cancelled));
}

/// F201, N19, X67
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cleaned_up_keeps_nothing_else_from_it() {
    let place = Place::new();
    let session = place.open().await;
    // Nothing can be brought home, since the metrics cannot be read; and a folder cannot be entered as it is.
    says(&session, "mkdir $WORLDFLUX_METRICS; mkdir -p locked/inner; touch locked/inner/f; chmod 0 locked/inner locked").await;
    let folder = session.workspace().to_owned();
    let manifest = session.close().await.unwrap();
    assert_eq!((manifest.status, manifest.reason.code), (RunStatus::Incomplete, ReasonCode::CollectFailed));
    assert!(!folder.exists(), "{:?}", fs::metadata(&folder).map(|status| status.permissions().mode()));
    assert!(place.host().state().environments().unwrap().is_empty());
}

/// F164, N14, N22
#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_of_one_name_and_one_without_a_runtime_are_refused_before_anything_is_made() {
    let place = Place::new();
    let settings = place.settings();
    let session = place.host().open_session(settings.clone(), fresh()).await.unwrap();
    let error = place.host().open_session(settings.clone(), fresh()).await.unwrap_err();
    assert_eq!(error.code(), "store", "{error}");
    assert_eq!(says(&session, "echo on").await, "on\n");
    session.close().await.unwrap();
    assert!("../escape".parse::<RunId>().is_err() && "a/b".parse::<RunId>().is_err());
    place.write("worldflux.toml", "runtime = 'nowhere'\n");
    let settings = crate::kit::anew(place.settings());
    let error = place.host().open_session(settings.clone(), SessionOptions::default()).await.unwrap_err();
    assert!(matches!(error, RunError::Plugin(_)), "{error}");
    assert!(!place.host().state().layout().run(&settings.run_id).exists());
}
