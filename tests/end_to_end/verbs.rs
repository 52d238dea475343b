//! Looking at runs from another process, and the verbs about worldflux itself.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::kit::{Going, Place, answer, text};

#[test]
fn logs_follow_a_run_while_it_goes_on_and_end_with_it() {
    let place = Place::new();
    let script = "echo one; until [ -e go ]; do sleep 0.02; done; echo two; echo three >&2";
    let mut going = place.start(&["--run-id", "long"], script);
    assert_eq!(going.line(), "one\n");
    let mut follower = Going::start(&mut place.command(["logs", "-f", "long"]));
    assert_eq!(follower.line(), "one\n");
    assert_eq!(place.type_in(["logs", "long"]).expect(0).text(), "one\n", "without -f what is there, and no more");
    let status = place.type_in(["status", "long", "--json"]).expect(0).json();
    assert_eq!(text(&status, "/run/status"), "running");
    assert_eq!(text(&status, "/run/step"), "follow");
    assert!(text(&status, "/evidence").contains(&going.pid().to_string()), "{status:#}");
    place.write("go", "");
    going.end().expect(0);
    let rest = follower.end().expect(0);
    let mut lines: Vec<_> = rest.text().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["three", "two"]);
}

#[test]
fn logs_follow_a_run_that_is_not_there_yet_as_far_as_its_command() {
    let place = Place::new();
    let mut going = place.start(&["--run-id", "slow", "--events", "--setup", "echo in; until [ -e go ]; do sleep 0.02; done"], "echo late");
    while !going.line().contains("in\\n") {}
    let follower = Going::start(&mut place.command(["logs", "--follow"]));
    place.write("go", "");
    assert_eq!(follower.end().expect(0).text(), "late\n");
    going.end().expect(0);
}

#[test]
fn the_last_run_is_meant_where_none_is_named() {
    let place = Place::new();
    for verb in ["status", "logs", "manifest"] {
        let nothing = place.type_in([verb]).expect(2);
        assert!(nothing.stderr.starts_with("error: ") && nothing.stderr.contains("run"), "{}", nothing.stderr);
    }
    place.run(&["--run-id", "one"], "echo 1").expect(0);
    place.run(&["--run-id", "two"], "echo 2; exit 4").expect(1);
    assert_eq!(place.type_in(["logs"]).expect(0).text(), "2\n");
    assert_eq!(place.type_in(["logs", "one"]).expect(0).text(), "1\n");
    let status = place.type_in(["status"]).expect(0);
    for part in ["run      two", "status   failed (its host said so at ", "exit code 4", "runtime  local"] {
        assert!(status.text().contains(part), "{part}: {}", status.text());
    }
    assert_eq!(text(&place.type_in(["manifest"]).expect(0).json(), "/run_id"), "two");
    assert_eq!(place.type_in(["manifest", "one"]).expect(0).json()["run_id"], "one");
}

#[test]
fn runs_are_listed_newest_first() {
    let place = Place::new();
    assert_eq!(place.type_in(["runs", "--json"]).expect(0).json(), serde_json::json!([]));
    for (run, script) in [("a", "true"), ("b", "exit 1"), ("c", "true")] {
        place.run(&["--run-id", run], script);
    }
    let rows = place.runs();
    let shown: Vec<_> = rows.iter().map(|row| (text(row, "/id"), text(row, "/status"), text(row, "/reason"))).collect();
    assert_eq!(shown, [("c", "succeeded", "none"), ("b", "failed", "exit-code"), ("a", "succeeded", "none")]);
    let table = place.type_in(["--json", "runs"]).expect(0).json();
    assert_eq!(table, serde_json::Value::Array(rows));
    let table = place.type_in(["runs"]).expect(0);
    assert_eq!(table.text().lines().count(), 4);
    assert!(table.text().starts_with("RUN "), "{}", table.text());
}

#[test]
fn a_strangers_text_cannot_steer_the_terminal_of_who_lists_runs() {
    let place = Place::new();
    place.type_in(["run", "--", "true", "\x1b[2Jx\r\n\u{202e}y"]).expect(0);
    for verb in ["runs", "status"] {
        let told = place.type_in([verb]).expect(0);
        assert!(!told.text().contains(['\x1b', '\r', '\u{202e}']), "{}", told.text().escape_debug());
    }
}

#[test]
fn doctor_tells_about_this_program_and_every_runtime() {
    let place = Place::new();
    let told = place.type_in(["doctor"]).expect(0);
    assert!(told.text().contains("ok: worldflux: state: ") && told.text().contains("ok: local: "), "{}", told.text());
    let document = place.type_in(["doctor", "--json"]).expect(0).json();
    assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["docker", "local", "replicate", "worldflux"]);
    let file = place.write("file", "");
    let broken = answer(place.command(["doctor"]).env("WORLDFLUX_STATE_DIR", file.join("below"))).expect(2);
    assert!(broken.text().lines().any(|line| line.starts_with("error: worldflux: state: ")), "{}", broken.text());
}

#[test]
fn completions_are_understood_by_their_shells() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.type_in(["completions", shell]).expect(0);
        assert!(script.text().contains("worldflux") && script.text().contains("dry-run"));
        let file = place.write(shell, &script.stdout);
        let Ok(checked) = Command::new(shell).arg("-n").arg(&file).stderr(Stdio::piped()).output() else {
            assert_ne!(shell, "bash", "bash is everywhere");
            continue;
        };
        assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    place.type_in(["completions", "tcsh"]).expect(2);
}

#[test]
fn the_manual_has_a_page_for_every_verb_and_all_exit_codes() {
    let place = Place::new();
    let page = place.type_in(["man"]).expect(0);
    assert!(page.text().contains(".TH worldflux") && page.text().contains("EXIT STATUS"));
    for (exit, _) in worldflux::cli::EXIT_CODES {
        assert!(page.text().contains(&format!("\\fB{}\\fR", exit.code())), "{}", exit.code());
    }
    place.type_in(["man", "--out", "pages"]).expect(0);
    for verb in ["run", "runs", "status", "logs", "kill", "manifest", "reap", "env-prune", "runtime-doctor", "doctor", "completions", "man"]
    {
        assert!(fs::metadata(place.work().join(format!("pages/worldflux-{verb}.1"))).is_ok_and(|page| page.len() > 100), "{verb}");
    }
}

#[test]
fn version_and_help_are_answers_and_no_mistakes() {
    let place = Place::new();
    let version = place.type_in(["--version"]).expect(0);
    for part in ["worldflux 0.1.0", "wasmtime 48", "worldflux:runtime@0.1.0", "worldflux.run_manifest.v1"] {
        assert!(version.text().contains(part), "{part}: {}", version.text());
    }
    let nothing = place.type_in::<&str>([]).expect(0);
    assert!(nothing.text().contains("Usage: worldflux") && nothing.stderr.is_empty(), "{nothing:?}");
    for verb in ["run", "runs", "status", "logs", "kill", "manifest", "reap", "env", "runtime", "doctor", "completions", "man"] {
        assert!(nothing.text().contains(&format!("  {verb} ")), "{verb}");
        let help = place.type_in([verb, "--help"]).expect(0);
        assert!(help.text().contains("Usage: worldflux"), "{}", help.text());
    }
    // None of them needs, or makes, a state directory.
    let empty = place.work().join("no-state");
    for line in [&["--version"][..], &["runtime", "list"], &["completions", "bash"], &["man"], &[]] {
        answer(place.command(line).env("WORLDFLUX_STATE_DIR", &empty)).expect(0);
        assert!(!empty.exists(), "{line:?}");
    }
}
