//! A command that was given the terminal.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use worldflux::{
    names::EndKind,
    sandbox::{StartOptions, Stdin},
};

use crate::kit::{Events, order, quiet, run, shell, until};

/// Tells the copy of this program that it is the host, on a terminal.
const HOST: &str = "WORLDFLUX_TEST_ON_TERMINAL";

const NAME: &str = "terminal::the_keys_of_a_terminal_reach_a_command_that_was_given_it";

/// Runs a program on a terminal of its own, types as soon as it is asked to, and passes on what it prints.
const TYPIST: &str = r"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
answers = [(b'type a line', b'a line\n'), (b'press a key', b'\x03')]
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    os.write(1, piece)
    if answers and answers[0][0] in seen:
        os.write(terminal, answers.pop(0)[1])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn the_keys_of_a_terminal_reach_a_command_that_was_given_it() {
    if env::var_os(HOST).is_some() {
        return run(be_the_host());
    }
    let output = Command::new("python3")
        .args(["-S", "-c", TYPIST])
        .arg(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(HOST, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("the host is still there"), "{shown}");
}

async fn be_the_host() {
    // Ctrl-C reaches the whole group, the host with it.
    let mut interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
    let events = Arc::new(Events::default());
    let script = "test -t 0 && echo ready; read line; echo \"<$line>\"; trap 'echo interrupted; exit 9' INT; echo armed; while :; do sleep 0.01; done";
    let child = shell(script).start(StartOptions { stdin: Stdin::Terminal, ..StartOptions::new(events.clone()) }).await;
    until("it reads", || events.text() == "ready\n").await;
    say("type a line");
    until("the line", || events.text().ends_with("<a line>\narmed\n")).await;
    say("press a key");
    interrupted.recv().await;
    assert_eq!(child.wait().await.ending.kind, EndKind::Exited { code: 9 }, "nobody but the terminal asked for its end");
    assert!(events.text().contains("interrupted\n"));

    let child = order(["sleep", "1000"]).start(StartOptions { stdin: Stdin::Terminal, ..quiet() }).await;
    child.stop();
    assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    let child = shell("trap '' TERM; sleep 1000").start(StartOptions { stdin: Stdin::Terminal, ..quiet() }).await;
    child.kill();
    assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    say("the host is still there");
}

fn say(text: &str) {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes()).unwrap();
    stdout.write_all(b"\n").unwrap();
    stdout.flush().unwrap();
}
