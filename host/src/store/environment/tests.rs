//! What claims promise to runs that share an environment.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;

use super::*;
use crate::{names::Digest, store::State};

fn request(key: Option<&[u8]>, run: &str) -> EnvironmentRequest {
    EnvironmentRequest {
        runtime: "local".into(),
        plugin_digest: Digest::of(b"plugin"),
        reuse_key: key.map(Digest::of),
        run: run.parse().unwrap(),
    }
}

fn state() -> (tempfile::TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    (folder, state)
}

fn build(state: &State, request: &EnvironmentRequest) -> EnvironmentBuild {
    match state.try_claim_environment(request).unwrap() {
        Some(EnvironmentClaim::Build(build)) => build,
        other => panic!("{other:?}"),
    }
}

fn reuse(state: &State, request: &EnvironmentRequest) -> EnvironmentUse {
    match state.try_claim_environment(request).unwrap() {
        Some(EnvironmentClaim::Use(used)) => used,
        other => panic!("{other:?}"),
    }
}

fn metadata() -> BTreeMap<String, serde_json::Value> {
    BTreeMap::from([("python".into(), json!("3.12"))])
}

#[test]
fn an_environment_is_built_once_and_then_used_by_several_at_once() {
    let (folder, state) = state();
    let other = State::open(folder.path()).unwrap();
    let building = build(&state, &request(Some(b"k"), "one"));
    assert!(other.try_claim_environment(&request(Some(b"k"), "two")).unwrap().is_none(), "the second waits");
    fs::write(building.row().folder.join("file"), "x").unwrap();
    let first = building.mark_ready(&state, "handle", &metadata()).unwrap();
    let second = reuse(&other, &request(Some(b"k"), "two"));
    assert_eq!((second.row().handle.as_deref(), &second.row().metadata), (Some("handle"), &metadata()));
    assert_eq!(second.row().made_by.as_str(), "one");
    assert!(second.row().folder.join("file").exists());
    assert_ne!(build(&state, &request(Some(b"other"), "three")).row().id, second.row().id);
    first.leave(&state).unwrap();
    second.leave(&other).unwrap();
}

#[test]
fn without_a_key_every_run_has_its_own() {
    let (_folder, state) = state();
    let (one, two) = (build(&state, &request(None, "one")), build(&state, &request(None, "one")));
    assert_ne!(one.row().id, two.row().id);
    let used = one.mark_ready(&state, "h", &BTreeMap::new()).unwrap();
    let folder = used.row().folder.clone();
    used.release(&state).unwrap().unwrap().remove(&state).unwrap();
    assert!(!folder.exists());
    assert_eq!(state.environments().unwrap().len(), 1);
}

#[test]
fn a_half_built_environment_is_emptied_and_built_again() {
    let (_folder, state) = state();
    let lost = build(&state, &request(Some(b"k"), "one"));
    fs::write(lost.row().folder.join("half"), "x").unwrap();
    drop(lost);
    let again = build(&state, &request(Some(b"k"), "two"));
    assert_eq!(fs::read_dir(&again.row().folder).unwrap().count(), 0);
    assert_eq!(again.row().made_by.as_str(), "two");
    let used = again.mark_ready(&state, "h", &BTreeMap::new()).unwrap();
    used.mark_broken(&state).unwrap();
    assert_eq!(build(&state, &request(Some(b"k"), "three")).row().handle.as_deref(), Some("h"), "to find what is left outside the folder");
}

#[test]
fn an_environment_whose_folder_was_deleted_is_built_anew() {
    let (_folder, state) = state();
    let used = build(&state, &request(Some(b"k"), "one")).mark_ready(&state, "h", &BTreeMap::new()).unwrap();
    let id = used.row().id.clone();
    drop(used);
    fs::remove_dir_all(state.layout().environments()).unwrap();
    assert_ne!(build(&state, &request(Some(b"k"), "two")).row().id, id);
    assert_eq!(state.environments().unwrap().len(), 1);
}

#[test]
fn what_is_used_is_not_removed() {
    let (_folder, state) = state();
    let used = build(&state, &request(Some(b"used"), "one")).mark_ready(&state, "h", &BTreeMap::new()).unwrap();
    let building = build(&state, &request(Some(b"building"), "one"));
    let idle = build(&state, &request(Some(b"idle"), "one")).mark_ready(&state, "idle-handle", &BTreeMap::new()).unwrap();
    let idle_folder = idle.row().folder.clone();
    idle.leave(&state).unwrap();
    for taken in [&used.row().id, &building.row().id] {
        assert!(state.take_environment(taken).unwrap().is_none());
    }
    let row = state.environments().unwrap().into_iter().find(|row| row.handle.as_deref() == Some("idle-handle")).unwrap();
    state.take_environment(&row.id).unwrap().unwrap().remove(&state).unwrap();
    assert!(!idle_folder.exists() && used.row().folder.exists() && building.row().folder.exists());
}

#[test]
fn an_environment_that_could_not_be_released_is_built_again_by_the_next_claimant() {
    let (_folder, state) = state();
    build(&state, &request(Some(b"a"), "one")).mark_ready(&state, "h", &BTreeMap::new()).unwrap().leave(&state).unwrap();
    let id = state.environments().unwrap()[0].id.clone();
    drop(state.take_environment(&id).unwrap().unwrap());
    assert_eq!(state.environments().unwrap()[0].state, EnvironmentState::Releasing);
    assert!(matches!(state.try_claim_environment(&request(Some(b"a"), "two")), Ok(Some(EnvironmentClaim::Build(_)))));
}

#[test]
fn a_folder_without_a_row_is_a_leftover_once_it_is_old() {
    let (_folder, state) = state();
    build(&state, &request(None, "one")).release(&state).unwrap().remove(&state).unwrap();
    let (old, young) =
        (state.layout().environments().join("env-00000000000000aa"), state.layout().environments().join("env-00000000000000bb"));
    fs::create_dir(&old).unwrap();
    fs::create_dir(&young).unwrap();
    fs::File::open(&old).unwrap().set_modified(std::time::SystemTime::now() - Duration::from_hours(1)).unwrap();
    state.remove_leftover_environments().unwrap();
    assert_eq!((old.exists(), young.exists()), (false, true));
}

#[test]
fn who_still_uses_it_keeps_another_from_releasing_it() {
    let (_folder, state) = state();
    let one = build(&state, &request(Some(b"k"), "one")).mark_ready(&state, "h", &BTreeMap::new()).unwrap();
    let two = reuse(&state, &request(Some(b"k"), "two"));
    assert!(one.release(&state).unwrap().is_none());
    assert_eq!(state.environment(&two.row().id).unwrap().state, EnvironmentState::Ready);
    two.release(&state).unwrap().unwrap().remove(&state).unwrap();
    assert_eq!(state.environments().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_claim_at_once_exactly_one_builds() {
    let folder = tempfile::tempdir().unwrap();
    let built = std::sync::Arc::new(AtomicUsize::new(0));
    let path = std::sync::Arc::new(folder.path().to_owned());
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (built, path) = (built.clone(), path.clone());
            tokio::spawn(async move {
                let state = State::open(&path).unwrap();
                let used = match state.claim_environment(&request(Some(b"k"), &format!("run-{n}"))).await.unwrap() {
                    EnvironmentClaim::Build(mine) => {
                        built.fetch_add(1, Ordering::SeqCst);
                        fs::write(mine.row().folder.join("done"), "x").unwrap();
                        mine.mark_ready(&state, "h", &BTreeMap::new()).unwrap()
                    }
                    EnvironmentClaim::Use(used) => used,
                };
                assert!(used.row().folder.join("done").exists());
                used.leave(&state).unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(built.load(Ordering::SeqCst), 1);
}
