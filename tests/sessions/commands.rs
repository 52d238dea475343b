//! One command, and what is known of it afterwards.

use std::time::Duration;

use worldflux::{
    config::RunOverrides,
    names::{Bytes, EndKind},
    run::{CommandInput, CommandLog, ExecutionState, SessionCommand, SessionError, SessionOptions, SessionWorkspace},
};

use crate::kit::{Place, code, fresh, says, sh, text};

/// F120, F125, F129, F130, F137, F144
#[tokio::test(flavor = "multi_thread")]
async fn many_commands_run_in_one_environment_and_the_workspace_persists() {
    let place = Place::new();
    let session = place.open().await;
    let first = session.run(sh("pwd; echo kept > file; echo oops >&2; exit 42")).await.unwrap();
    assert_eq!((code(&first), text(&first.stderr).as_str()), (42, "oops\n"));
    assert_eq!(text(&first.stdout).trim(), session.workspace().to_str().unwrap());
    assert!(first.duration > Duration::ZERO && first.duration < Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(says(&session, "cat file").await, "kept\n");
    }
    let argv = session.run(SessionCommand::argv(["printf", "%s|", "a b", "", "$HOME", "*"])).await.unwrap();
    assert_eq!(text(&argv.stdout), "a b||$HOME|*|", "arguments are taken as they are");
    let line = session.run(SessionCommand::shell("false || echo $((1 + 1)) > out; cat out")).await.unwrap();
    assert_eq!(text(&line.stdout), "2\n", "and a line goes through the shell");
    session.close().await.unwrap();
}

/// F131
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_a_negative_exit_code() {
    let place = Place::new();
    let session = place.open().await;
    for (script, number) in [("kill -TERM $$", -15), ("kill -KILL $$", -9)] {
        let ended = session.run(sh(script)).await.unwrap();
        assert_eq!(code(&ended), number);
        assert_eq!(ended.ending.kind, EndKind::Signalled { signal: number.unsigned_abs() });
    }
    session.close().await.unwrap();
}

/// F123, N08, X07, X20
#[tokio::test(flavor = "multi_thread")]
async fn input_is_text_or_pieces_or_a_file_or_nothing_and_never_that_of_the_host() {
    let place = Place::new();
    let session = place.open().await;
    let cat = |input: CommandInput| SessionCommand::argv(["cat"]).stdin(input);
    let file = place.write("input.txt", "from a file");
    for (input, expected) in [
        (CommandInput::from("héllo\n"), "héllo\n"),
        (CommandInput::joined(["a", "", "b\n", "c"]), "ab\nc"),
        (CommandInput::joined(Vec::<&str>::new()), ""),
        (CommandInput::File(file), "from a file"),
        (CommandInput::Empty, ""),
    ] {
        assert_eq!(text(&session.run(cat(input)).await.unwrap().stdout), expected);
    }
    let large = vec![b'x'; 3 << 20];
    let early = session.run(sh("head -c 300000 /dev/zero; wc -c").stdin(large.clone())).await.unwrap();
    assert!(text(&early.stdout[300_000..]).trim() == large.len().to_string(), "output before the input was read");
    assert_eq!(code(&session.run(SessionCommand::argv(["true"]).stdin(large)).await.unwrap()), 0, "it need not be read");
    let missing = session.run(cat(CommandInput::File(place.path().join("none")))).await.unwrap_err();
    assert_eq!(missing.code(), "invalid");
    session.close().await.unwrap();
}

/// F132, F230, F231, F233, X19
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_started_is_an_error_of_its_own_and_the_session_goes_on() {
    let place = Place::new();
    let session = place.open().await;
    let error = session.run(SessionCommand::argv(["no-such-program-anywhere"])).await.unwrap_err();
    assert!(matches!(&error, SessionError::NotStarted { program, .. } if program == "no-such-program-anywhere"), "{error}");
    assert_eq!((error.code(), error.is_recoverable()), ("launch-failed", true));
    assert!(error.hint().is_some());
    for (command, field) in [
        (SessionCommand::argv(Vec::<String>::new()), "command"),
        (SessionCommand::argv(["a\0b"]), "command"),
        (SessionCommand::shell("  "), "command"),
        (SessionCommand::argv(["true"]).variable("A=B", ""), "variables"),
        (SessionCommand::argv(["true"]).deadline(Duration::ZERO), "deadline"),
    ] {
        let error = session.run(command).await.unwrap_err();
        assert!(matches!(error, SessionError::Invalid { field: told, .. } if told == field), "{error}");
    }
    assert_eq!(says(&session, "echo on").await, "on\n");
    let manifest = session.close().await.unwrap();
    assert!(manifest.executions.iter().any(|execution| execution.ending.is_none()), "what did not start is told, too");
}

/// F101, F102, F103, N12, X16
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_the_call_wins_over_the_session_over_the_file_over_the_host() {
    let place = Place::new();
    place.write(
        "worldflux.toml",
        "[environment]\ninclude_os_env = true\n[environment.env]\nOF_FILE = 'file'\nOF_SESSION = 'file'\nOF_CALL = 'file'\n",
    );
    let variables = [("OF_SESSION", "session"), ("OF_CALL", "session")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let options = SessionOptions { variables, ..fresh() };
    let session = place.host().open_session(place.settings(), options).await.unwrap();
    let script = "echo $OF_HOST $OF_FILE $OF_SESSION $OF_CALL";
    let streamed = session.start(sh(script).variable("OF_CALL", "call").streamed()).await.unwrap();
    let mut output = streamed.take_output().unwrap();
    let mut seen = Vec::new();
    while let Some(chunk) = output.recv().await {
        seen.extend_from_slice(&chunk.bytes);
    }
    assert_eq!(text(&seen), "host file session call\n");
    let buffered = session.run(sh(script).variable("OF_CALL", "call")).await.unwrap();
    assert_eq!(text(&buffered.stdout), "host file session call\n");
    assert_eq!(says(&session, script).await, "host file session session\n", "what a call says is for it alone");
    session.close().await.unwrap();

    place.write("worldflux.toml", "[environment]\ninclude_os_env = false\n");
    let session = place.open().await;
    assert_eq!(says(&session, "echo [$OF_HOST]").await, "[]\n");
    session.close().await.unwrap();
}

/// F133, N09, X10
#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_as_they_were_written() {
    let place = Place::new();
    let session = place.open().await;
    let ended = session.run(sh("printf '\\377\\000é\\n'")).await.unwrap();
    assert_eq!(&ended.stdout[..], b"\xff\x00\xc3\xa9\n");
    let script = "i=0; while [ $i -lt 200 ]; do printf '\\303'; printf '\\251'; i=$((i+1)); done";
    assert_eq!(says(&session, script).await, "é".repeat(200));
    session.close().await.unwrap();
}

/// N11, X09
#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_cap_of_a_stream_output_is_dropped_and_flagged_for_that_stream() {
    let place = Place::new();
    let session = place.open().await;
    let command = SessionCommand { cap: Some(Bytes(1_000)), ..sh("head -c 5000 /dev/zero; printf short >&2") };
    let ended = session.run(command).await.unwrap();
    assert_eq!((ended.stdout.len(), ended.stdout_truncated), (1_000, true));
    assert_eq!((text(&ended.stderr).as_str(), ended.stderr_truncated), ("short", false));
    assert_eq!(ended.ending.stdout_bytes, Bytes(5_000), "what was dropped is counted");
    session.close().await.unwrap();
}

/// F134, F135, X21
#[tokio::test(flavor = "multi_thread")]
async fn never_started_running_and_ended_are_three_answers() {
    let place = Place::new();
    let session = place.open().await;
    assert_eq!(session.state(0).unwrap(), ExecutionState::NeverStarted);
    let execution = session.start(sh("read line").stdin(CommandInput::Interactive)).await.unwrap();
    let index = execution.index();
    assert_eq!((execution.state(), session.state(index).unwrap()), (ExecutionState::Running, ExecutionState::Running));
    assert_eq!(session.execution(index).unwrap().argv(), ["sh", "-c", "read line"]);
    execution.write_stdin(b"go\n").await.unwrap();
    let ended = execution.wait().await;
    let state = ExecutionState::Ended(ended.ending.clone());
    assert_eq!((execution.state(), session.state(index).unwrap()), (state.clone(), state.clone()));
    execution.kill();
    execution.stop();
    drop(execution);
    assert_eq!(session.state(index).unwrap(), state, "also when nobody holds it any more");
    assert_eq!(session.state(index + 1).unwrap(), ExecutionState::NeverStarted);
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_in_a_folder_below_the_workspace_and_nowhere_else() {
    let place = Place::new();
    let session = place.open().await;
    says(&session, "mkdir -p a/b; ln -s /etc link").await;
    let inside = SessionCommand { working_folder: Some("a/b".parse().unwrap()), ..SessionCommand::argv(["pwd"]) };
    assert!(text(&session.run(inside).await.unwrap().stdout).trim().ends_with("/a/b"));
    for folder in ["none", "link"] {
        let command = SessionCommand { working_folder: Some(folder.parse().unwrap()), ..SessionCommand::argv(["pwd"]) };
        assert_eq!(session.run(command).await.unwrap_err().code(), "workspace-read", "{folder}");
    }
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_has_its_own_log_where_it_wrote_something_and_its_caller_wants_one() {
    let place = Place::new();
    let overrides = RunOverrides { output: Some(place.path().join("out").display().to_string()), ..RunOverrides::default() };
    let options = SessionOptions { workspace: SessionWorkspace::Fresh, ..SessionOptions::default() };
    let session = place.host().open_session(place.settings_with(&overrides), options).await.unwrap();
    let logged = session.run(sh("echo one; echo two >&2")).await.unwrap();
    assert_eq!(std::fs::read_to_string(logged.log.as_ref().unwrap()).unwrap().len(), 8);
    assert_eq!(session.run(sh("true")).await.unwrap().log, None);
    let unlogged = session.run(SessionCommand { log: CommandLog::None, ..sh("echo three") }).await.unwrap();
    assert_eq!((text(&unlogged.stdout).as_str(), &unlogged.log), ("three\n", &None));
    let manifest = session.close().await.unwrap();
    assert_eq!(manifest.logs.iter().map(|log| log.name.as_str()).collect::<Vec<_>>(), ["command-0"]);
    assert_eq!(place.types(&["manifest", manifest.run_id.as_str(), "verify"]).0, 0);
}
