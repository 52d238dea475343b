//! What is done before the first command of a session, and after a checkpoint was restored.

use std::fs;

use worldflux::{
    config::Mode,
    names::EndKind,
    run::{Event, OutputSource, RunError, SessionOptions},
    store::{ExecutionKind, ReasonCode, RunStatus},
};

use crate::kit::{Place, fresh, says, text};

const FILE: &str = "[environment.setup]\ncommands = ['echo general >> order']\neval_commands = ['echo evaluation >> order']\n\
                    resume_commands = ['echo resumed >> order']\n";

/// F104, F105, F107, F108, F141, F200
#[tokio::test(flavor = "multi_thread")]
async fn setup_lines_run_once_in_order_and_those_of_an_evaluation_are_hidden_from_agents() {
    let place = Place::new();
    place.write("worldflux.toml", FILE);
    for (mode, disabled, expected) in [
        (Mode::Agent, false, "general\ncaller\n"),
        (Mode::Evaluation, false, "general\nevaluation\ncaller\n"),
        (Mode::Evaluation, true, ""),
    ] {
        let options = SessionOptions { setup: vec!["echo caller >> order".into()], disable_setup: disabled, ..fresh() };
        let settings = crate::kit::in_mode(mode, place.settings());
        let session = place.host().open_session(settings, options).await.unwrap();
        for _ in 0..2 {
            assert_eq!(says(&session, "cat order 2> /dev/null || true").await, expected);
        }
        session.close().await.unwrap();
    }
}

/// F135, F136, N10, X12, X13
#[tokio::test(flavor = "multi_thread")]
async fn what_the_setup_writes_is_apart_from_what_commands_write_whatever_they_write() {
    let place = Place::new();
    let file = "[environment.setup]\ncommands = ['echo to-out; echo to-err >&2', 'echo again']\n";
    let session = place.open_as(Mode::Agent, file).await;
    let setup = session.setup_output();
    assert_eq!((text(&setup.stdout).as_str(), text(&setup.stderr).as_str()), ("to-out\nagain\n", "to-err\n"));
    assert!(!setup.truncated);
    // Whatever a marker was, here is one.
    assert_eq!(says(&session, "echo to-out; echo ---SETUP-DONE---; echo again").await, "to-out\n---SETUP-DONE---\nagain\n");
    assert_eq!(session.setup_output(), setup);
    let names: Vec<_> = session.logs().await.unwrap().into_iter().map(|log| log.name).collect();
    assert_eq!(names, ["setup-0", "setup-1", "command-2"]);
    assert!(!session.workspace().join("HANDLE_ENTRY.sh").exists() && fs::read_dir(session.workspace()).unwrap().next().is_none());
    session.close().await.unwrap();
}

/// F106, N13, X14, X15
#[tokio::test(flavor = "multi_thread")]
async fn a_setup_line_that_fails_stops_the_session_and_says_why() {
    let place = Place::new();
    let file = "[environment.setup]\ncommands = ['true || false', 'echo reason >&2; exit 7', 'touch /tmp/never']\n";
    let error = place.refused(Mode::Agent, file).await;
    assert_eq!(error.code(), "setup-failed");
    let RunError::NotOpened { run, reason, message, log, .. } = &error else { panic!("{error}") };
    assert_eq!(*reason, ReasonCode::SetupFailed);
    assert!(message.contains("exit 7") && message.contains("exit code 7"), "{message}");
    assert_eq!(fs::read_to_string(log.as_ref().unwrap()).unwrap(), "reason\n");
    let host = place.host();
    let row = host.state().run(run).unwrap();
    assert_eq!((row.status, row.reason), (RunStatus::Failed, ReasonCode::SetupFailed));
    assert_eq!(host.state().executions(run).unwrap().len(), 2, "what stands after it is not run");
    assert!(!host.state().layout().workspace_of(run).exists() && host.state().environments().unwrap().is_empty());
}

/// F106, F200, F202
#[tokio::test(flavor = "multi_thread")]
async fn resume_lines_run_after_a_restore_as_executions_of_their_own() {
    let place = Place::new();
    let session = place.open_as(Mode::Agent, FILE).await;
    let checkpoint = session.checkpoint(None).await.unwrap().checkpoint;
    assert_eq!(says(&session, "cat order").await, "general\n");
    session.restore(checkpoint.clone()).await.unwrap();
    assert_eq!(says(&session, "cat order").await, "general\nresumed\n");
    let manifest = session.close().await.unwrap();
    let resumed = manifest.executions.iter().find(|execution| execution.kind == ExecutionKind::Resume).unwrap();
    assert_eq!(resumed.ending.as_ref().unwrap().kind, EndKind::Exited { code: 0 });
    assert!(resumed.log.as_ref().is_some_and(|log| manifest.logs.iter().any(|file| file.name == *log)));

    let file = "[environment.setup]\ncommands = ['echo other >> order']\nresume_commands = ['echo broken >&2; false']\n";
    place.write("worldflux.toml", file);
    let settings = crate::kit::in_mode(Mode::Agent, place.settings());
    let session = place.host().open_session(settings.clone(), fresh()).await.unwrap();
    let error = session.restore(checkpoint.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.is_recoverable()), ("resume-failed", false));
    assert!(error.to_string().contains("false"), "{error}");
    assert_eq!(session.run(crate::kit::sh("true")).await.unwrap_err().code(), "session-over");
    let manifest = session.close().await.unwrap();
    assert_eq!((manifest.status, manifest.reason.code), (RunStatus::Failed, ReasonCode::SetupFailed));

    let settings = crate::kit::anew(settings);
    let options = SessionOptions { resume: Some(checkpoint), ..fresh() };
    let error = place.host().open_session(settings, options).await.unwrap_err();
    assert_eq!(error.code(), "setup-failed", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_sees_the_steps_and_the_setup() {
    let place = Place::new();
    place.write("worldflux.toml", "[environment.setup]\ncommands = ['echo hello']\n");
    let (watcher, mut seen) = tokio::sync::mpsc::channel(4);
    let options = SessionOptions { watcher: Some(watcher), ..fresh() };
    let watching = tokio::spawn(async move {
        let (mut steps, mut output) = (Vec::new(), Vec::new());
        while let Some(event) = seen.recv().await {
            match event {
                Event::Step(step) => steps.push(step.name()),
                Event::Output { source: OutputSource::Execution { kind: ExecutionKind::Setup, .. }, bytes, .. } => output.extend(bytes),
                _ => {}
            }
        }
        (steps, output)
    });
    let session = place.host().open_session(place.settings(), options).await.unwrap();
    session.close().await.unwrap();
    let (steps, output) = watching.await.unwrap();
    assert_eq!(steps, ["open", "plan", "build-env", "setup", "follow", "teardown", "finish"]);
    assert_eq!(output, b"hello\n");
}
