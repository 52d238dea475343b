//! What a program pays that drives sessions through `worldflux serve --stdio`, against the bare thing.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(clippy::indexing_slicing, reason = "what is not in an answer is null, and no number that is expected")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use kit::{Bound, Table, clock, flood, in_turns, permit};
use serde_json::{Value, json};
use worldflux::{
    policy::{Level, Profile},
    sandbox::{Capture, Launcher, StartOptions},
};

/// Executions in one turn, and turns.
const EXECUTIONS: usize = 1_000;
const TURNS: usize = 5;

/// Bytes of the flood.
const FLOOD: u64 = 1 << 30;

/// Sessions at once, and rounds of commands in them.
const SESSIONS: usize = 64;
const ROUNDS: usize = 8;

/// Memory of the server while it is flooded, in KiB.
const MEMORY: u64 = 96 << 10;

/// How the last line of a streamed command begins.
const END: &[u8] = b"\n{\"jsonrpc\":\"2.0\",\"method\":\"execution.ended\"";

/// How much more memory the rounds may take from half of them on, in KiB; each moves 64 MB.
const GROWTH: u64 = 64 << 10;

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let flood = flood(folder, FLOOD)?;
    let place = tempfile::tempdir_in(folder)?;
    let mut table = Table::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let launcher = Launcher::with_helper(PathBuf::from(env!("CARGO_BIN_EXE_worldflux-supervisor")));
    for (what, profile, name) in [("1,000 times true in a session", Profile::Own, "own"), ("the same, strict", Profile::Strict, "strict")] {
        if profile == Profile::Strict && launcher.proof().level != Level::Full {
            table.add_amount(what, &launcher.proof().why, "<= 2.00", false);
            continue;
        }
        let mut server = Server::start(place.path())?;
        server.ask("session.open", &json!({ "run_id": format!("bench-{name}"), "sandbox": name }))?;
        let spawn = async || -> Result<()> {
            for _ in 0..EXECUTIONS {
                launcher.start(permit(profile)?, StartOptions::new(Arc::new(Capture::default()))).await?.wait().await;
            }
            Ok(())
        };
        let session = format!("bench-{name}");
        let command = json!({ "session": session, "command": { "argv": ["/usr/bin/true"] } });
        let through = || {
            clock(|| {
                for _ in 0..EXECUTIONS {
                    ensure!(server.ask("execution.run", &command)?["exit_code"] == 0);
                }
                Ok(())
            })
        };
        let measured = in_turns(TURNS, through, || clock(|| runtime.block_on(spawn())))?;
        table.add(what, "1,000 confined spawns", &measured, Bound::Ratio(2.0));
        server.end()?;
    }

    let mut peak = 0;
    for (what, log, bound) in [("1 GiB of output as events", false, Bound::Ratio(1.0 / 0.4)), ("the same, and a log", true, Bound::None)] {
        let mut server = Server::start(place.path())?;
        server.ask("session.open", &json!({ "run_id": format!("flood-{log}") }))?;
        let command = json!({ "argv": ["cat", flood], "log": log });
        let asked = json!({ "session": format!("flood-{log}"), "command": command });
        let through = || server.discard(&asked);
        let mut cat = Command::new("/bin/sh");
        cat.args(["-c", "cat \"$FLOOD\" | cat > /dev/null"]).env("FLOOD", &flood);
        let measured = in_turns(TURNS, through, || kit::process(&mut cat))?;
        table.add(what, "cat file | cat > /dev/null", &measured, bound);
        peak = peak.max(server.peak()?);
        server.end()?;
    }
    table.add_amount("peak memory of that server", &format!("{peak} KiB"), &format!("< {MEMORY} KiB"), peak < MEMORY);

    let (first, last, took) = many(place.path())?;
    let growth = last.saturating_sub(first);
    table.add_amount(
        "64 sessions at once, memory",
        &format!("{first} KiB, then {last} KiB"),
        &format!("< {GROWTH} KiB more"),
        growth < GROWTH,
    );
    table.add_amount("64 sessions, opened and 8 commands each", &format!("{:.2} s", took.as_secs_f64()), "-", true);
    table.print();
    Ok(())
}

/// A server and its client.
struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
    line: String,
}

impl Server {
    fn start(place: &Path) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflux"));
        // Beside what worldflux decides by, which a strict command may not see.
        let work = place.join("work");
        fs::create_dir_all(&work)?;
        command.args(["serve", "--stdio"]).current_dir(work);
        command
            .env("WORLDFLUX_STATE_DIR", place.join("state"))
            .env("WORLDFLUX_CONFIG_DIR", place.join("config"))
            .env("PATH", "/usr/bin:/bin");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::with_capacity(1 << 20, process.stdout.take().context("no output")?);
        Ok(Self { process, input, output, next: 0, line: String::new() })
    }

    fn send(&mut self, method: &str, parameters: &Value) -> Result<u64> {
        self.next += 1;
        let line = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": parameters });
        self.input.write_all(format!("{line}\n").as_bytes())?;
        Ok(self.next)
    }

    fn answer(&mut self, id: u64) -> Result<Value> {
        loop {
            self.line.clear();
            ensure!(self.output.read_line(&mut self.line)? > 0, "the server has ended");
            let mut line: Value = serde_json::from_str(&self.line)?;
            if line["id"] == id {
                ensure!(line.get("error").is_none(), "{line:#}");
                return Ok(line["result"].take());
            }
        }
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        let id = self.send(method, parameters)?;
        self.answer(id)
    }

    /// How long a streamed command takes, when what comes is thrown away unread but for its very end.
    fn discard(&mut self, asked: &Value) -> Result<Duration> {
        let begin = Instant::now();
        let id = self.send("execution.start", asked)?;
        self.answer(id)?;
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let piece = self.output.fill_buf()?;
            ensure!(!piece.is_empty(), "the server has ended");
            let length = piece.len();
            // Where a line begins, at the end of the last piece or in this one, looked for from behind: the last line ends it.
            let tail = piece.get(length.saturating_sub(8 << 10)..).unwrap_or_default();
            rest.extend_from_slice(tail);
            self.output.consume(length);
            if rest.ends_with(b"\n") && rest.windows(END.len()).any(|window| window == END) {
                return Ok(begin.elapsed());
            }
            let keep = rest.len().saturating_sub(8 << 10);
            rest.drain(..keep);
        }
    }

    /// The most memory that it had, in KiB.
    fn peak(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn end(mut self) -> Result<()> {
        drop(self.input);
        self.output.read_to_end(&mut Vec::new())?;
        ensure!(self.process.wait()?.success());
        Ok(())
    }
}

/// Memory after half of the rounds and after the last round of commands in many sessions at once.
fn many(place: &Path) -> Result<(u64, u64, Duration)> {
    let mut server = Server::start(place)?;
    let begin = Instant::now();
    let name = |number: usize| format!("many-{number}");
    let ids = (0..SESSIONS).map(|number| server.send("session.open", &json!({ "run_id": name(number) }))).collect::<Result<Vec<_>>>()?;
    server.answers(&ids)?;
    let mut peaks = Vec::new();
    for _ in 0..ROUNDS {
        let run = |server: &mut Server, number| {
            let command = json!({ "shell": "head -c 1000000 /dev/zero | tr '\\0' x" });
            server.send("execution.run", &json!({ "session": name(number), "command": command }))
        };
        let ids = (0..SESSIONS).map(|number| run(&mut server, number)).collect::<Result<Vec<_>>>()?;
        server.answers(&ids)?;
        peaks.push(server.peak()?);
    }
    let took = begin.elapsed();
    server.end()?;
    // The first rounds make what all others use again.
    Ok((*peaks.get(ROUNDS / 2).context("no round")?, *peaks.last().context("no round")?, took))
}

impl Server {
    /// Wait for the answers to these requests, in whatever order they come.
    fn answers(&mut self, ids: &[u64]) -> Result<()> {
        let mut left: std::collections::BTreeSet<u64> = ids.iter().copied().collect();
        while !left.is_empty() {
            self.line.clear();
            ensure!(self.output.read_line(&mut self.line)? > 0, "the server has ended");
            let line: Value = serde_json::from_str(&self.line)?;
            ensure!(line.get("error").is_none(), "{line:#}");
            left.remove(&line["id"].as_u64().unwrap_or(0));
        }
        Ok(())
    }
}
