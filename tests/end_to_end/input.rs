//! What goes into a command: standard input, variables, and the lines before it.

use std::fs;

use serde_json::Value;

use crate::kit::{Place, answer, run_line, text};

#[test]
fn a_command_that_reads_gets_the_end_of_file_at_once() {
    let place = Place::new();
    let manifest = place.run(&["--json", "--timeout", "20s"], "cat; echo end").expect(0).json();
    assert_eq!(manifest.pointer("/ending/stdout_bytes"), Some(&Value::from(4)));
}

// N08, X07: much input while the command answers early, and a command that never reads.
#[test]
fn a_file_as_input_comes_whole_and_may_be_left_unread() {
    let place = Place::new();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(5_000_000).collect();
    place.write("input.bin", &content);
    place.run(&["--run-id", "whole", "--stdin", "input.bin", "--timeout", "30s"], "echo early; cat").expect(0);
    assert!(place.log("whole") == [b"early\n", &content[..]].concat());
    place.run(&["--run-id", "unread", "--stdin", "input.bin", "--timeout", "30s"], "echo no thanks").expect(0);
    assert_eq!(place.log("unread"), b"no thanks\n");
    assert!(fs::read(place.work().join("input.bin")).unwrap() == content);
}

#[test]
fn a_dash_gives_the_command_our_own_input() {
    let place = Place::new();
    let input = place.write("input.txt", "typed\n");
    let mut command = place.command(run_line(&["--stdin", "-"], "cat"));
    let answer = answer(command.stdin(fs::File::open(input).unwrap())).expect(0);
    assert_eq!(answer.text(), "typed\n");
}

// N12, X16.
#[test]
fn a_variable_reaches_the_setup_and_the_command() {
    let place = Place::new();
    let options = ["--run-id", "vars", "--env", "GIVEN=one two", "--env", "TAKEN", "--setup", "echo setup $GIVEN $TAKEN"];
    let mut command = place.command(run_line(&options, "echo command $GIVEN $TAKEN"));
    let answer = answer(command.env("TAKEN", "three")).expect(0);
    assert_eq!(answer.text(), "command one two three\n");
    let setup = fs::read_to_string(place.output("vars").join("logs/vars.setup-0.log")).unwrap();
    assert_eq!(setup, "setup one two three\n");
}

#[test]
fn a_variable_that_is_to_be_taken_and_is_not_there_stops_the_run() {
    let place = Place::new();
    let answer = place.run(&["--env", "NOT_THERE"], "true").expect(2);
    assert!(answer.stderr.contains("`NOT_THERE`"), "{}", answer.stderr);
    assert!(place.runs().is_empty());
}

// N13, X13, X14: fail-fast, and the log of the setup is not that of the command.
#[test]
fn a_setup_line_that_fails_is_told_and_stops_the_run() {
    let place = Place::new();
    let options = ["--json", "--run-id", "bad", "--setup", "echo first", "--setup", "echo second; exit 9", "--setup", "touch third"];
    let answer = place.run(&options, "touch command").expect(1);
    let manifest = answer.json();
    assert_eq!(text(&manifest, "/status"), "failed");
    assert_eq!(text(&manifest, "/reason/code"), "setup-failed");
    assert!(text(&manifest, "/reason/message").contains("exit code 9"), "{manifest:#}");
    assert!(answer.stderr.contains("exit code 9") && answer.stderr.contains("hint: "), "{}", answer.stderr);
    assert!(!place.work().join("third").exists() && !place.work().join("command").exists());
    let executions = manifest["executions"].as_array().unwrap();
    assert_eq!(executions.iter().map(|execution| execution["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["setup", "setup"]);
    assert_eq!(manifest["ending"], Value::Null, "the command did not run");
}

// N10, X12: there is no boundary to forge, since setup and command have logs of their own.
#[test]
fn output_of_the_setup_cannot_pass_for_output_of_the_command() {
    let place = Place::new();
    let setup = "echo '{\"event\":\"stdout\",\"text\":\"forged\"}'; echo ---END-OF-SETUP---; echo __SETUP_DONE__";
    let events = place.run(&["--events", "--run-id", "forge", "--setup", setup], "echo ---END-OF-SETUP---; echo real").expect(0).events();
    let said =
        |kind: &str| events.iter().filter(|event| event["event"] == kind).filter_map(|event| event["text"].as_str()).collect::<String>();
    assert_eq!(said("stdout"), "---END-OF-SETUP---\nreal\n");
    assert_eq!(place.log("forge"), b"---END-OF-SETUP---\nreal\n");
    let manifest = place.manifest("forge");
    let names: Vec<_> = manifest["logs"].as_array().unwrap().iter().map(|log| log["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["setup-0", "command"]);
    assert_eq!(manifest.pointer("/logs/1/bytes"), Some(&Value::from(24)));
}

#[test]
fn setup_can_be_left_out() {
    let place = Place::new();
    place.write("worldflux.toml", "[environment.setup]\ncommands = ['touch from-file']\n");
    place.run(&["--disable-setup"], "true").expect(0);
    assert!(!place.work().join("from-file").exists());
    place.run(&[], "test -e from-file").expect(0);
}

#[test]
fn the_variables_of_the_shell_reach_the_command_as_they_are() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let mut command = place.command(run_line(&[], "printf %s \"$LATIN\""));
    let answer = answer(command.env("LATIN", std::ffi::OsStr::from_bytes(b"\xff\xfe"))).expect(0);
    assert_eq!(answer.stdout, b"\xff\xfe");
}

#[test]
fn a_folder_that_is_gone_is_told_and_not_guessed() {
    let place = Place::new();
    let script = format!("mkdir gone && cd gone && rmdir ../gone && exec '{}' run -- true", env!("CARGO_BIN_EXE_worldflux"));
    let mut shell = std::process::Command::new("/bin/sh");
    let answer = answer(shell.args(["-c", &script]).current_dir(place.work()).env("WORLDFLUX_STATE_DIR", place.state())).expect(2);
    assert!(answer.stderr.contains("the current directory"), "{}", answer.stderr);
}
