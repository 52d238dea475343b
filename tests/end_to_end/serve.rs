//! A program drives sessions over standard input and output.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{ChildStdin, Stdio},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::{Going, Place, descendants, files, lives, mark, marked, text, until};

/// A server and its only client.
struct Server {
    going: Going,
    /// `None` where the input has ended.
    input: Option<ChildStdin>,
    next: u64,
    /// What came while something else was waited for, the oldest first.
    told: VecDeque<Value>,
}

impl Server {
    fn start(place: &Place) -> Self {
        Self::with(place, &[])
    }

    fn with(place: &Place, variables: &[(&str, &str)]) -> Self {
        let mut command = place.command(["serve", "--stdio"]);
        let mut going = Going::start(command.envs(variables.iter().copied()).stdin(Stdio::piped()));
        Self { input: going.process.stdin.take(), going, next: 0, told: VecDeque::new() }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Send a request, and do not wait.
    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.next += 1;
        let line = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": parameters });
        self.write(format!("{line}\n").as_bytes());
        self.next
    }

    /// The next line, also one that came while an answer was waited for.
    fn line(&mut self) -> Value {
        self.told.pop_front().unwrap_or_else(|| self.read())
    }

    fn read(&mut self) -> Value {
        let line = self.going.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.going.told()))
    }

    /// The answer to a request.
    #[track_caller]
    fn answer(&mut self, id: u64) -> Value {
        // Answers come in any order, and this one may have come while another was waited for.
        if let Some(at) = self.told.iter().position(|line| line["id"] == id) {
            return self.told.remove(at).unwrap();
        }
        loop {
            let line = self.read();
            if line["id"] == id {
                return line;
            }
            self.told.push_back(line);
        }
    }

    /// Ask, and expect a result.
    #[track_caller]
    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.send(method, parameters);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{answer:#}");
        answer["result"].clone()
    }

    /// Ask, and expect an error.
    #[track_caller]
    fn refused(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.send(method, parameters);
        let answer = self.answer(id);
        assert!(answer.get("result").is_none(), "{answer:#}");
        answer["error"].clone()
    }

    #[track_caller]
    fn open(&mut self, parameters: &Value) -> String {
        text(&self.ask("session.open", parameters), "/session").to_owned()
    }

    #[track_caller]
    fn run(&mut self, session: &str, script: &str) -> Value {
        self.ask("execution.run", &json!({ "session": session, "command": { "shell": script } }))
    }

    /// The most memory that the server itself had so far, in KiB.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.going.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Numbers, a line each.
fn numbers(range: impl Iterator<Item = u32>) -> String {
    range.map(|number| number.to_string() + "\n").collect()
}

#[test]
fn a_session_is_opened_used_and_closed() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let info = server.ask("server.info", &json!({}));
    assert_eq!(info["protocol"], "worldflux.serve.v1");
    let opened = server.ask("session.open", &json!({ "run_id": "first", "variables": { "A": "b" } }));
    assert_eq!(opened["session"], "first");
    let result = server.run("first", "echo $A; echo x >&2; exit 3");
    assert_eq!((&result["stdout"]["text"], &result["stderr"]["text"], &result["exit_code"]), (&json!("b\n"), &json!("x\n"), &json!(3)));
    assert_eq!(server.ask("session.list", &json!({}))["sessions"], json!(["first"]));
    let closed = server.ask("session.close", &json!({ "session": "first" }));
    assert_eq!(closed["manifest"]["run_id"], "first");
    assert!(!Path::new(text(&opened, "/workspace")).exists());
    drop(server.input.take());
    server.going.end().expect(0);
    place.type_in(["manifest", "verify", "first"]).expect(0);
    assert_eq!(place.runs()[0]["status"], "succeeded");
}

/// F230, F233
#[test]
fn a_line_that_is_broken_or_much_too_long_is_refused_and_the_session_is_as_it_was() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let session = server.open(&json!({}));
    let before = server.peak();
    let piece = vec![b'x'; 1 << 20];
    server.write(br#"{"jsonrpc":"2.0","id":7,"method":""#);
    for _ in 0..100 {
        server.write(&piece);
    }
    server.write(b"\"}\n");
    let refusal = server.line();
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&Value::Null, &json!(-32600)), "{refusal:#}");
    assert_eq!(refusal["error"]["data"]["code"], "line-too-long");
    assert!(server.peak() < before + (48 << 10), "100 MB of a line take no memory: {} KiB, {before} before", server.peak());
    for (line, code) in [
        (&b"{\n"[..], -32700),
        (b"\xff\xfe\n", -32700),
        (b"[{}]\n", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}\n", -32601),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.open\",\"params\":{\"x\":1}}\n", -32602),
    ] {
        server.write(line);
        assert_eq!(server.line()["error"]["code"], code);
    }
    server.write(b"\n   \n");
    assert_eq!(server.run(&session, "echo on")["stdout"]["text"], "on\n");
}

/// F201
#[test]
fn the_end_of_the_input_ends_every_session() {
    let place = Place::new();
    for end in ["input", "signal"] {
        let mark = mark();
        let mut server = Server::with(&place, &[("MARK", &mark)]);
        let session = server.open(&json!({}));
        server.ask("execution.start", &json!({ "session": session, "command": { "shell": "echo ready; sleep 1000" } }));
        while server.line()["params"]["text"] != "ready\n" {}
        let waiting = server.send("execution.run", &json!({ "session": session, "command": { "shell": "sleep 1000" } }));
        let family = descendants(server.going.pid());
        if end == "input" {
            drop(server.input.take());
            // Who waits hears what became of it.
            let answer = server.answer(waiting);
            assert!(answer.get("error").is_some() || answer["result"]["exit_code"] != 0, "{answer:#}");
        } else {
            server.going.send(Signal::TERM);
        }
        server.going.end().expect(0);
        assert!(marked(&mark, &[]).is_empty(), "{end}");
        until("the supervisors are gone too", || !family.iter().any(|pid| lives(*pid)));
        assert_ne!(place.runs()[0]["status"], "running", "{end}");
    }
    let reaped = place.type_in(["reap", "--json"]).expect(0).json();
    assert_eq!((&reaped["problems"], &reaped["released"]), (&json!([]), &json!([])), "nothing was left behind");
}

/// F201, F241
#[test]
fn a_server_that_is_killed_with_twenty_sessions_leaves_no_process_and_reap_cleans_up() {
    let place = Place::new();
    let other_mark = mark();
    let mut other = Server::with(&place, &[("MARK", &other_mark)]);
    let kept = other.open(&json!({ "run_id": "kept" }));
    other.run(&kept, "echo kept > file");

    let mark = mark();
    let mut server = Server::with(&place, &[("MARK", &mark)]);
    for number in 0..20 {
        let session = server.open(&json!({ "run_id": format!("lost-{number}"), "setup": ["echo ready > setup"] }));
        server
            .ask("execution.start", &json!({ "session": session, "command": { "shell": "sleep 1000 & sleep 1000" }, "output": "buffer" }));
    }
    let family = descendants(server.going.pid());
    assert!(family.len() >= 40, "{}", family.len());
    server.going.send(Signal::KILL);
    server.going.end();
    until("nothing of the sessions is left", || marked(&mark, &[]).is_empty() && !family.iter().any(|pid| lives(*pid)));

    let reaped = place.type_in(["reap", "--json"]).expect(0).json();
    assert_eq!(reaped["problems"], json!([]));
    let rows = place.runs();
    let lost: Vec<_> = rows.iter().filter(|row| text(row, "/id").starts_with("lost-")).collect();
    assert_eq!(lost.len(), 20);
    assert!(lost.iter().all(|row| row["status"] == "interrupted"), "{lost:#?}");
    assert_eq!(place.type_in(["reap"]).expect(0).text(), "nothing was left behind\n");
    let left: Vec<_> = files(&place.state()).into_iter().filter(|file| file.ends_with("setup")).collect();
    assert!(left.is_empty(), "the workspaces are gone: {left:?}");
    assert_eq!(other.run(&kept, "cat file")["stdout"]["text"], "kept\n", "nothing else was touched");
    other.ask("session.close", &json!({ "session": kept }));
}

#[test]
fn sixty_four_sessions_work_at_once_in_steady_memory() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let ids: Vec<_> = (0..64).map(|number| server.send("session.open", &json!({ "run_id": format!("s-{number}") }))).collect();
    for id in ids {
        let answer = server.answer(id);
        assert!(answer.get("error").is_none(), "{answer:#}");
    }
    let mut peaks = Vec::new();
    for round in 0..6 {
        let run = |server: &mut Server, number: usize| {
            let command =
                json!({ "shell": format!("head -c 1000000 /dev/zero | tr '\\0' x; echo {round}-{number} > mine; cat *"), "log": false });
            server.send("execution.start", &json!({ "session": format!("s-{number}"), "command": command, "output": "stream" }));
        };
        (0..64).for_each(|number| run(&mut server, number));
        let mut ended = 0;
        while ended < 64 {
            let line = server.line();
            assert!(line.get("error").is_none(), "{line:#}");
            if line["method"] == "execution.ended" {
                assert_eq!(line["params"]["exit_code"], 0);
                assert_eq!(line["params"]["complete"], true);
                ended += 1;
            }
        }
        peaks.push(server.peak());
    }
    // The first rounds make what all others use again; every round moves 64 MB.
    assert!(peaks[5] < peaks[1] + (64 << 10), "memory in KiB after each round: {peaks:?}");
    drop(server.input.take());
    server.going.end().expect(0);
    assert!(place.runs().iter().all(|row| row["status"] != "running"));
}

/// X09, N02
#[test]
fn a_client_that_does_not_read_stops_the_command_and_fills_no_memory() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let session = server.open(&json!({}));
    let before = server.peak();
    let script = "i=0; while [ $i -lt 256 ]; do head -c 1048576 /dev/zero | tr '\\0' x; i=$((i+1)); echo $i >&2; echo $i > count; done";
    let command = json!({ "shell": script, "log": false });
    server.ask("execution.start", &json!({ "session": session, "command": command }));
    let workspace = text(&server.ask("session.info", &json!({ "session": session })), "/workspace").to_owned();
    let count = || fs::read_to_string(format!("{workspace}/count")).ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
    let mut last = None;
    until("the command waits", || {
        let now = (count(), server.peak());
        std::thread::sleep(std::time::Duration::from_millis(200));
        now.0 > 0 && last.replace(now) == Some(now)
    });
    assert!(count() < 100, "{} of 256 MiB were written although nobody reads", count());
    let (mut out, mut errors, mut sequence) = (0, String::new(), 0);
    let ended = loop {
        let line = server.line();
        assert_eq!(line["params"]["sequence"], sequence, "no piece is missing");
        match line["method"].as_str().unwrap() {
            "execution.output" if line["params"]["channel"] == "stdout" => out += line["params"]["text"].as_str().unwrap().len(),
            "execution.output" => errors.push_str(line["params"]["text"].as_str().unwrap()),
            _ => break line,
        }
        sequence += 1;
    };
    assert_eq!(ended["params"]["exit_code"], 0, "{ended:#}");
    assert_eq!(out, 256 << 20);
    assert_eq!(errors, numbers(1..=256));
    let grown = server.peak() - before;
    assert!(grown < 48 << 10, "{grown} KiB more than before");
}

/// X22
#[test]
fn a_command_with_a_window_waits_for_its_client_and_others_do_not() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let session = server.open(&json!({}));
    let slow =
        json!({ "session": session, "command": { "shell": "head -c 4000000 /dev/zero | tr '\\0' x", "log": false }, "window": 300_000 });
    let execution = server.ask("execution.start", &slow)["execution"].clone();
    // Others are asked and answered, any number of them, and of the slow one no more comes than its window and a piece.
    for _ in 0..20 {
        assert_eq!(server.run(&session, "echo other")["stdout"]["text"], "other\n");
    }
    let size = |line: &Value| line["params"]["text"].as_str().map_or(0, str::len) as u64;
    let mut got: u64 = server.told.drain(..).map(|line| size(&line)).sum();
    assert!(got > 0 && got < 300_000 + (256 << 10), "{got}");
    loop {
        let done = json!({ "session": session, "execution": execution, "bytes": got });
        let line = json!({ "jsonrpc": "2.0", "method": "execution.acknowledge", "params": done });
        server.write(format!("{line}\n").as_bytes());
        let line = server.line();
        if line["method"] == "execution.ended" {
            break;
        }
        got += size(&line);
    }
    assert_eq!(got, 4_000_000);
}

#[test]
fn input_is_written_in_the_order_in_which_it_was_sent() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let session = server.open(&json!({}));
    let command = json!({ "argv": ["cat"], "stdin": "interactive" });
    let execution =
        server.ask("execution.start", &json!({ "session": session, "command": command, "output": "buffer" }))["execution"].clone();
    let wait = server.send("execution.wait", &json!({ "session": session, "execution": execution }));
    for number in 0..200 {
        let data = json!({ "text": format!("{number}\n") });
        server.send("execution.write", &json!({ "session": session, "execution": execution, "data": data }));
    }
    server.send("execution.close-stdin", &json!({ "session": session, "execution": execution }));
    let result = server.answer(wait)["result"].clone();
    assert_eq!(result["stdout"]["text"], numbers(0..200));
    let again = server.ask("execution.wait", &json!({ "session": session, "execution": execution }));
    assert_eq!((&again["exit_code"], &again["stdout"]["text"]), (&json!(0), &json!("")), "its output was fetched");
    assert_eq!(server.ask("execution.state", &json!({ "session": session, "execution": execution }))["state"], "ended");
    assert_eq!(server.ask("execution.state", &json!({ "session": session, "execution": 99 }))["state"], "never-started");
    let refused = server.refused("execution.wait", &json!({ "session": session, "execution": 99 }));
    assert_eq!((&refused["data"]["code"], &refused["data"]["field"]), (&json!("no-such-execution"), &json!("execution")));
}

/// X22
#[test]
fn a_client_that_stops_reading_for_good_ends_every_session() {
    let place = Place::new();
    let mark = mark();
    let mut command = place.command(["serve", "--stdio"]);
    let mut child = command.env("MARK", &mark).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    for request in [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "session.open", "params": { "run_id": "s" } }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "execution.start", "params": { "session": "s", "command": { "shell": "yes" } } }),
    ] {
        input.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("result"), "{line}");
    }
    drop(lines);
    assert!(child.wait().unwrap().success());
    assert!(marked(&mark, &[]).is_empty());
    assert_ne!(place.runs()[0]["status"], "running");
    drop(input);
}

#[test]
fn a_request_without_a_line_feed_at_the_end_of_the_input_is_answered() {
    let place = Place::new();
    let mut server = Server::start(&place);
    server.write(br#"{"jsonrpc":"2.0","id":"last","method":"server.info"}"#);
    drop(server.input.take());
    let answer = server.going.end().expect(0);
    assert!(answer.text().contains(r#""id":"last""#) && answer.text().lines().count() == 1, "{}", answer.text());
}

#[test]
fn the_schema_is_printed_and_something_has_to_be_chosen() {
    let place = Place::new();
    let schema = place.type_in(["serve", "--schema"]).expect(0);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/serve.v1.schema.json");
    assert_eq!(schema.text(), fs::read_to_string(committed).unwrap());
    let answer = place.type_in(["serve"]).expect(2);
    assert!(answer.stderr.contains("--stdio") && answer.stderr.contains("--schema"), "{}", answer.stderr);
}
