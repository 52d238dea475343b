//! Output: nothing lost, nothing added, in time, and in the right place.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::kit::{Going, Place, run_line, text};

/// Runs of one short command. The earlier system lost the output of 84 of 200.
const RUNS: usize = 200;

// N01, X01.
#[test]
fn two_hundred_runs_of_echo_lose_no_byte() {
    let place = Place::new();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < RUNS {
                    let answer = place.type_in(["run", "--json", "--", "echo", "hello"]).expect(0);
                    let manifest = answer.json();
                    assert_eq!(manifest.pointer("/logs/0/bytes"), Some(&Value::from(6)), "{manifest:#}");
                    assert_eq!(place.log(text(&manifest, "/run_id")), b"hello\n");
                    assert_eq!(manifest.pointer("/ending/stdout_bytes"), Some(&Value::from(6)));
                }
            });
        }
    });
    let rows = place.runs();
    assert_eq!(rows.len(), RUNS);
    assert!(rows.iter().all(|row| row["status"] == "succeeded"));
}

#[test]
fn stdout_comes_on_stdout_and_stderr_on_stderr() {
    let place = Place::new();
    let answer = place.run(&["--run-id", "both"], "echo out; echo err >&2").expect(0);
    assert_eq!(answer.text(), "out\n");
    assert!(answer.stderr.starts_with("err\n"), "{}", answer.stderr);
    assert!(answer.stderr.contains("note: run both succeeded"), "{}", answer.stderr);
}

#[test]
fn json_is_exactly_one_document_and_it_is_the_manifest() {
    let place = Place::new();
    let answer = place.run(&["--json", "--run-id", "one"], "echo out; echo err >&2; exit 3").expect(1);
    assert_eq!(answer.stdout, std::fs::read(place.output("one").join("manifest.json")).unwrap());
    assert!(answer.stderr.contains("out\n") && answer.stderr.contains("err\n"), "{}", answer.stderr);
    assert_eq!(text(&answer.json(), "/status"), "failed");
}

#[test]
fn exit_codes_are_those_of_the_table() {
    let place = Place::new();
    for (options, script, code) in [
        (&[][..], "true", 0),
        (&[], "exit 7", 1),
        (&["--passthrough"], "exit 7", 7),
        (&["--passthrough"], "true", 0),
        (&[], "kill -9 $$", 1),
        (&["--timeout", "100ms"], "sleep 1000", 16),
        (&["--passthrough", "--timeout", "100ms"], "sleep 1000", 16),
        (&["--setup", "exit 5"], "true", 1),
        (&["--artifact", "*.txt"], "ln -s /etc/hostname $WORLDFLUX_OUTPUT_DIR/x.txt", 0),
    ] {
        let answer = place.run(options, script);
        assert_eq!(answer.code, Some(code), "{options:?} {script}: {}", answer.stderr);
    }
    let missing = place.type_in(["run", "--", "no-such-program"]);
    assert_eq!(missing.code, Some(21), "{}", missing.stderr);
}

/// What a line of `--events` carries.
fn bytes_of(event: &Value) -> Vec<u8> {
    match (event["text"].as_str(), event["base64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => BASE64_STANDARD.decode(base64).unwrap(),
        _ => panic!("neither text nor base64: {event}"),
    }
}

fn output_of(events: &[Value]) -> Vec<u8> {
    let is_output = |event: &&Value| event["event"] == "stdout" || event["event"] == "stderr";
    events.iter().filter(is_output).flat_map(bytes_of).collect()
}

// N02, N09, X10, X11: blank lines, bytes that are no UTF-8, a character that comes in two halves, both streams.
#[test]
fn the_events_put_together_are_the_log_byte_for_byte() {
    let place = Place::new();
    place.write(
        "babble.py",
        r#"
import sys, time
out, err = sys.stdout.buffer, sys.stderr.buffer
for stream, piece in [
    (out, b"\n\n \n"), (err, "grün\n".encode()), (out, b"\xe6\x9d"), (err, b"\xff\xfe\n"), (out, b"\xb1\xe4\xba"),
    (out, b"\xac\r\n"), (err, b"\xf0\x9f"), (err, b"\x98\x80"), (out, b"\x00\xc3"),
]:
    stream.write(piece)
    stream.flush()
    time.sleep(0.01)
out.write(("é" * 300_001).encode())
out.write(b"no line feed at the end \xf0\x9f")
"#,
    );
    let events = place.type_in(["run", "--events", "--run-id", "talk", "--", "python3", "-S", "babble.py"]).expect(0).events();
    let log = place.log("talk");
    assert!(output_of(&events) == log, "the events are not the log");
    let manifest = place.manifest("talk");
    let written = manifest["ending"]["stdout_bytes"].as_u64().unwrap() + manifest["ending"]["stderr_bytes"].as_u64().unwrap();
    assert_eq!(written, log.len() as u64);
    for character in ["東", "京", "😀", "grün"] {
        let whole = events.iter().filter_map(|event| event["text"].as_str()).any(|text| text.contains(character));
        assert!(whole, "`{character}` came in pieces");
    }
    let known = ["stdout", "stderr", "progress", "finished"];
    assert!(events.iter().all(|event| known.iter().any(|name| event["event"] == *name)));
    assert_eq!(events.iter().filter(|event| event["event"] == "finished").count(), 1);
    assert_eq!(events.last().unwrap()["manifest"], manifest);
}

// N03, X04.
#[test]
fn the_first_event_comes_before_the_command_ends() {
    let place = Place::new();
    let script = "echo first; until [ -e go ]; do sleep 0.02; done; echo last";
    let mut going = place.start(&["--events"], script);
    let first = loop {
        let line: Value = serde_json::from_str(&going.line()).unwrap();
        if line["event"] == "stdout" {
            break line;
        }
    };
    assert_eq!(first["text"], "first\n");
    place.write("go", "");
    let events = going.end().expect(0).events();
    assert_eq!(output_of(&events), b"last\n");
}

// N07, X03.
#[test]
fn much_on_stderr_while_stdout_is_open_blocks_nothing() {
    let place = Place::new();
    let script = "echo begin; head -c 300000 /dev/zero | tr '\\0' e >&2; echo end";
    let answer = place.run(&["--run-id", "loud", "--timeout", "30s"], script).expect(0);
    assert_eq!(answer.text(), "begin\nend\n");
    assert!(answer.stderr.matches('e').count() >= 300_000, "stderr is not whole");
    assert_eq!(place.log("loud").len(), 300_000 + "begin\nend\n".len());
}

// N11, X09.
#[test]
fn output_beyond_the_cap_is_dropped_and_flagged() {
    let place = Place::new();
    let script = "head -c 20000000 /dev/zero; echo end";
    let manifest = place.run(&["--json", "--run-id", "big", "--max-log", "100kB"], script).expect(0).json();
    assert_eq!(place.log("big").len(), 100_000);
    assert_eq!(manifest.pointer("/logs/0/truncated"), Some(&Value::Bool(true)));
    assert_eq!(manifest.pointer("/logs/0/bytes"), Some(&Value::from(100_000)));
    assert_eq!(manifest.pointer("/ending/truncated"), Some(&Value::Bool(true)));
    assert_eq!(manifest.pointer("/ending/stdout_bytes"), Some(&Value::from(20_000_004)));
    let small = place.run(&["--json", "--max-log", "100kB"], "head -c 100000 /dev/zero").expect(0).json();
    assert_eq!(small.pointer("/logs/0/truncated"), Some(&Value::Bool(false)), "a full log is not a truncated one");
}

#[test]
fn a_reader_that_has_seen_enough_neither_fails_the_run_nor_cuts_its_log() {
    let place = Place::new();
    for options in [&["--run-id", "plain"][..], &["--run-id", "events", "--events"]] {
        let mut going = Going::start(&mut place.command(run_line(options, "seq 1000000")));
        assert!(!going.line().is_empty());
        // Closes the read end, and nothing else.
        let empty = std::process::Command::new("true").stdout(std::process::Stdio::piped()).spawn().unwrap().stdout.take().unwrap();
        going.lines = std::io::BufReader::new(empty);
        let answer = going.end().expect(0);
        assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
        let log = place.log(options[1]);
        assert_eq!(log.len(), 6_888_896, "{options:?}");
        assert!(log.ends_with(b"\n999999\n1000000\n"));
        assert_eq!(text(&place.manifest(options[1]), "/status"), "succeeded");
    }
}
