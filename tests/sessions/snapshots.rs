//! What is remembered of a workspace, and how it comes back.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use worldflux::{
    config::Mode,
    names::RunId,
    run::{Session, SessionOptions, SessionWorkspace},
    workspace::{ChangeKind, Compression},
};

use crate::kit::{Place, fresh, says};

const MAKE: &str = "echo one > a.txt; mkdir -p empty deep/er; echo run > tool; chmod +x tool; ln -s a.txt link; echo two > deep/er/b.txt";
const SPOIL: &str =
    "echo changed > a.txt; rm -r empty tool link; echo extra > extra; mkdir -p new/dir; echo x > new/dir/f; rm deep/er/b.txt";

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_as_made(folder: &Path) {
    assert_eq!(names(folder), ["a.txt", "deep", "empty", "link", "tool"]);
    assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(folder.join("deep/er/b.txt")).unwrap(), "two\n");
    assert_eq!(fs::read_link(folder.join("link")).unwrap(), Path::new("a.txt"));
    assert_ne!(fs::metadata(folder.join("tool")).unwrap().permissions().mode() & 0o100, 0);
    assert!(names(&folder.join("empty")).is_empty());
}

async fn agent(place: &Place) -> Session {
    place.open_as(Mode::Agent, "").await
}

/// F160, F161, F166, X68
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_puts_the_workspace_back_in_place_under_those_who_work_in_it() {
    let place = Place::new();
    for mode in [Mode::Agent, Mode::Evaluation] {
        let session = place.open_as(mode, "").await;
        let folder = session.workspace().to_owned();
        says(&session, MAKE).await;
        session.reset().await.unwrap();
        assert!(names(&folder).is_empty(), "it began empty");
        says(&session, MAKE).await;
        let first = session.update_snapshot().await.unwrap();
        assert!(first.is_some(), "what it was before is told");
        let worker = session.start(crate::kit::sh("while [ ! -e go ]; do sleep 0.02; done; cat a.txt")).await.unwrap();
        says(&session, SPOIL).await;
        session.reset().await.unwrap();
        is_as_made(&folder);
        fs::write(folder.join("go"), "").unwrap();
        assert_eq!(&worker.wait().await.stdout[..], b"one\n", "who worked there still does");
        session.close().await.unwrap();
        assert!(!folder.exists());
    }
}

/// F202, N15, N24, X57, X66
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_exactly_the_snapshot() {
    let place = Place::new();
    let session = agent(&place).await;
    says(&session, MAKE).await;
    let checkpoint = session.checkpoint(None).await.unwrap().checkpoint;
    says(&session, &format!("{SPOIL}; mkdir venv; echo x > venv/x; echo y > .hidden")).await;
    session.restore(checkpoint.clone()).await.unwrap();
    is_as_made(session.workspace());
    session.restore(checkpoint).await.unwrap();
    is_as_made(session.workspace());
    session.close().await.unwrap();
}

/// F201, F202, F203, F189, X66
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_copied_compared_and_handed_over_to_another_session() {
    let place = Place::new();
    let session = agent(&place).await;
    says(&session, MAKE).await;
    let folder = place.path().join("first");
    let first = session.checkpoint(Some(folder.clone())).await.unwrap();
    is_as_made(&folder);
    let made: Vec<_> = first.diff.changes.iter().map(|change| change.path.path.as_str()).collect();
    assert_eq!(made, ["a.txt", "deep/er/b.txt", "empty", "link", "tool"]);
    assert!(first.diff.changes.iter().all(|change| change.change == ChangeKind::Created));

    says(&session, "echo more >> a.txt; rm tool").await;
    let second = session.checkpoint(Some(folder.clone())).await.unwrap();
    assert_eq!(names(&folder), ["a.txt", "deep", "empty", "link"], "nothing of the last one is left");
    let changes: Vec<_> = second.diff.changes.iter().map(|change| (change.path.path.as_str(), change.change)).collect();
    assert_eq!(changes, [("a.txt", ChangeKind::Modified), ("tool", ChangeKind::Deleted)]);
    let (old, new) = (first.checkpoint.snapshot, second.checkpoint.snapshot);
    assert_eq!(session.diff(old, new).await.unwrap().changes.len(), 2);
    let patch = String::from_utf8(session.patch(old, new).await.unwrap()).unwrap();
    assert!(patch.contains("+more") && patch.contains("deleted file mode 100755"), "{patch}");

    let foreign = place.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("precious"), "").unwrap();
    assert_eq!(session.checkpoint(Some(foreign.clone())).await.unwrap_err().code(), "invalid");
    assert!(foreign.join("precious").exists(), "nothing of anybody else is removed");
    session.close().await.unwrap();

    place.types(&["reap"]);
    let handed = serde_json::to_string(&first.checkpoint).unwrap();
    let options = SessionOptions { resume: Some(serde_json::from_str(&handed).unwrap()), ..fresh() };
    let settings = crate::kit::in_mode(Mode::Agent, place.settings());
    let session = place.host().open_session(settings, options).await.unwrap();
    is_as_made(session.workspace());
    let third = session.checkpoint(None).await.unwrap();
    assert!(third.diff.changes.is_empty(), "a resumed session begins where the other was");
    let manifest = session.close().await.unwrap();
    assert_eq!(manifest.snapshots.unwrap().checkpoints, [first.checkpoint.snapshot]);
}

/// F200, F203
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_for_agents_alone() {
    let place = Place::new();
    let session = place.open_as(Mode::Evaluation, "").await;
    let error = session.checkpoint(None).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("wrong-mode", "a checkpoint is for sessions in `agent` mode"));
    let unknown = worldflux::run::Checkpoint { run: RunId::generate(), snapshot: worldflux::names::Digest::of(b"none") };
    assert_eq!(session.restore(unknown.clone()).await.unwrap_err().code(), "no-snapshot");
    assert_eq!(says(&session, "echo on").await, "on\n", "and the session goes on");
    session.close().await.unwrap();
    let options = SessionOptions { resume: Some(unknown), ..fresh() };
    let error = place.host().open_session(place.settings(), options).await.unwrap_err();
    assert_eq!(error.code(), "invalid", "{error}");
}

/// F161, F204
#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_as_a_copy_of_a_folder_and_leaves_that_alone() {
    let place = Place::new();
    place.write("base/a.txt", "one\n");
    place.write("base/deep/b.txt", "two\n");
    let options = SessionOptions { workspace: SessionWorkspace::CopyOf(place.project().join("base")), ..SessionOptions::default() };
    let session = place.host().open_session(place.settings(), options).await.unwrap();
    assert_eq!(says(&session, "cat a.txt deep/b.txt; echo changed > a.txt; rm -r deep").await, "one\ntwo\n");
    session.reset().await.unwrap();
    assert_eq!(says(&session, "cat a.txt deep/b.txt").await, "one\ntwo\n");
    session.close().await.unwrap();
    assert_eq!(names(&place.project().join("base")), ["a.txt", "deep"]);
    let missing = SessionOptions { workspace: SessionWorkspace::CopyOf(place.project().join("none")), ..SessionOptions::default() };
    let error = place.host().open_session(place.settings(), missing).await.unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
}

/// F192, F193, N25, X58, X59
#[tokio::test(flavor = "multi_thread")]
async fn archives_and_plain_snapshots_are_gone_with_their_session() {
    let place = Place::new();
    let session = agent(&place).await;
    says(&session, MAKE).await;
    let plain = session.snapshot().await.unwrap();
    let archive = session.export(plain, Compression::Zstd).await.unwrap();
    let again = session.export(plain, Compression::Zstd).await.unwrap();
    assert_ne!(archive, again);
    assert_eq!(fs::read(&archive).unwrap(), fs::read(&again).unwrap(), "equal content, equal archive");
    assert!(!archive.starts_with(session.workspace()), "no snapshot holds an archive of itself");
    let host = place.host();
    place.types(&["reap"]);
    assert_eq!(session.snapshot().await.unwrap(), plain, "what a session may go back to is kept while it goes on");
    session.diff(plain, plain).await.unwrap();
    let id = session.id().clone();
    session.close().await.unwrap();
    assert!(!archive.exists() && !host.state().layout().archives_of(&id).exists());
    let reaped = host.reap().await.unwrap();
    assert!(reaped.snapshots >= 1, "{reaped:?}");
}

/// X68
#[tokio::test(flavor = "multi_thread")]
async fn the_workspace_of_the_user_is_never_emptied_by_accident() {
    let place = Place::new();
    place.write("mine.txt", "mine");
    place.write("node_modules/x", "x");
    let session = place.host().open_session(place.settings(), SessionOptions::default()).await.unwrap();
    assert_eq!(session.workspace(), place.project().canonicalize().unwrap());
    assert_eq!(session.reset().await.unwrap_err().code(), "no-snapshot");
    let settled = session.update_snapshot().await.unwrap();
    assert_eq!(settled, None);
    says(&session, "echo new > new.txt; echo changed > mine.txt").await;
    session.reset().await.unwrap();
    assert_eq!(fs::read_to_string(place.project().join("mine.txt")).unwrap(), "mine");
    assert!(!place.project().join("new.txt").exists());
    assert!(place.project().join("node_modules/x").exists() && session.output().exists());
    session.close().await.unwrap();
    assert!(place.project().join("mine.txt").exists());
}
