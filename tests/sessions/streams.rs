//! Output while it is written, and input while it is read.

use std::{fs, time::Duration};

use worldflux::{
    names::{Channel, EndKind},
    run::{CommandInput, ExecutionState, OutputChunk, OutputReceiver, SessionCommand},
};

use crate::kit::{PATIENCE, Place, lives, sh, text, until};

async fn all(output: &mut OutputReceiver) -> Vec<OutputChunk> {
    let mut chunks = Vec::new();
    while let Some(chunk) = output.recv().await {
        chunks.push(chunk);
    }
    chunks
}

fn of(chunks: &[OutputChunk], channel: Channel) -> Vec<u8> {
    chunks.iter().filter(|chunk| chunk.channel == channel).flat_map(|chunk| chunk.bytes.to_vec()).collect()
}

/// F121, F122, N02, X11
#[tokio::test(flavor = "multi_thread")]
async fn pieces_are_numbered_and_put_together_they_are_the_output_and_the_log() {
    let place = Place::new();
    let session = place.open().await;
    let script = "i=0; while [ $i -lt 300 ]; do echo \"  line é $i\"; echo; i=$((i+1)); done; echo wrong >&2";
    let execution = session.start(sh(script).streamed()).await.unwrap();
    let mut output = execution.take_output().unwrap();
    assert!(execution.take_output().is_none(), "it is given out once");
    let chunks = all(&mut output).await;
    assert!(chunks.iter().zip(0..).all(|(chunk, number)| chunk.sequence == number));
    assert!(chunks.iter().all(|chunk| std::str::from_utf8(&chunk.bytes).is_ok()));
    let expected = (0..300).fold(String::new(), |text, number| text + "  line é " + &number.to_string() + "\n\n");
    assert_eq!(text(&of(&chunks, Channel::Stdout)), expected);
    assert_eq!(text(&of(&chunks, Channel::Stderr)), "wrong\n");
    let ended = execution.wait().await;
    assert_eq!(ended.ending.kind, EndKind::Exited { code: 0 });
    assert!(ended.stdout.is_empty(), "what was streamed is not kept as well");
    let log = fs::read(ended.log.as_ref().unwrap()).unwrap();
    assert_eq!(log, chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect::<Vec<_>>());
    session.close().await.unwrap();
}

/// N01, X01
#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_a_command_are_never_lost() {
    let place = Place::new();
    let session = place.open().await;
    for number in 0..200 {
        let execution = session.start(SessionCommand::argv(["echo", "hello"]).streamed()).await.unwrap();
        let chunks = all(&mut execution.take_output().unwrap()).await;
        assert_eq!(of(&chunks, Channel::Stdout), b"hello\n", "run {number}");
    }
    session.close().await.unwrap();
}

/// F123, F124, N03, X04
#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_spoken_to_and_answers_while_it_runs() {
    let place = Place::new();
    let session = place.open().await;
    let script = "echo ready; while read line; do echo \"got $line\"; done; echo bye";
    let execution = session.start(sh(script).stdin(CommandInput::Interactive).streamed()).await.unwrap();
    let mut output = execution.take_output().unwrap();
    let mut next = async || text(&tokio::time::timeout(PATIENCE, output.recv()).await.unwrap().unwrap().bytes);
    assert_eq!(next().await, "ready\n");
    assert_eq!(execution.state(), ExecutionState::Running, "the first piece comes before the end");
    for word in ["one", "two"] {
        execution.write_stdin(format!("{word}\n").as_bytes()).await.unwrap();
        assert_eq!(next().await, format!("got {word}\n"));
    }
    execution.close_stdin().await;
    execution.close_stdin().await;
    assert_eq!(next().await, "bye\n");
    assert_eq!(execution.wait().await.exit_code(), 0);
    assert_eq!(execution.write_stdin(b"more").await.unwrap_err().code(), "input-closed");
    let closed = session.start(sh("exec <&-; echo closed; read x < /dev/null; exit 0").stdin(CommandInput::Interactive)).await.unwrap();
    closed.wait().await;
    assert_eq!(closed.write_stdin(b"x").await.unwrap_err().code(), "input-closed");
    let none = session.start(sh("true")).await.unwrap();
    assert_eq!(none.write_stdin(b"x").await.unwrap_err().code(), "input-closed", "what was not asked for is not there");
    session.close().await.unwrap();
}

/// N07, X03
#[tokio::test(flavor = "multi_thread")]
async fn much_on_one_stream_does_not_hold_up_the_other() {
    let place = Place::new();
    let session = place.open().await;
    let script = "echo first; head -c 3000000 /dev/zero >&2; echo last";
    let execution = session.start(sh(script).streamed().deadline(PATIENCE)).await.unwrap();
    let chunks = all(&mut execution.take_output().unwrap()).await;
    assert_eq!(text(&of(&chunks, Channel::Stdout)), "first\nlast\n");
    assert_eq!(of(&chunks, Channel::Stderr).len(), 3_000_000);
    session.close().await.unwrap();
}

/// X09
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waits_holds_up_the_command_and_loses_nothing() {
    let place = Place::new();
    let session = place.open().await;
    let execution = session.start(sh("head -c 40000000 /dev/zero; echo done > written").streamed()).await.unwrap();
    let mut output = execution.take_output().unwrap();
    let first = output.recv().await.unwrap();
    let written = session.workspace().join("written");
    // More than waits here, in the pipe and in the command's own hands; so it cannot have come to its end.
    assert!(!written.exists());
    let rest: usize = all(&mut output).await.iter().map(|chunk| chunk.bytes.len()).sum();
    assert_eq!(first.bytes.len() + rest, 40_000_000);
    assert!(written.exists());
    session.close().await.unwrap();
}

/// X22
#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_when_its_reader_goes_and_goes_on_when_it_is_let_go() {
    let place = Place::new();
    let session = place.open().await;
    let execution = session.start(sh("echo $$; sleep 600").streamed()).await.unwrap();
    let mut output = execution.take_output().unwrap();
    let pid = text(&output.recv().await.unwrap().bytes);
    assert!(lives(&pid));
    drop(output);
    assert_eq!(execution.wait().await.ending.kind, EndKind::Killed);
    until("the command is gone", || !lives(&pid)).await;

    let execution = session.start(sh("head -c 9000000 /dev/zero; exit 7").streamed()).await.unwrap();
    execution.take_output().unwrap().detach();
    let ended = execution.wait().await;
    assert_eq!(ended.exit_code(), 7);
    assert_eq!(fs::metadata(ended.log.as_ref().unwrap()).unwrap().len(), 9_000_000, "the log has what nobody read");
    session.close().await.unwrap();
}

/// F127, N04, X02
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_and_a_kill_wait_for_no_reader() {
    let place = Place::new();
    let session = place.open().await;
    for kills in [false, true] {
        let command = sh("while :; do head -c 1000000 /dev/zero; done").streamed();
        let command = if kills { command } else { command.deadline(Duration::from_millis(400)) };
        let execution = session.start(command).await.unwrap();
        // Taken, and never read.
        let output = execution.take_output().unwrap();
        if kills {
            execution.kill();
        }
        let ended = tokio::time::timeout(PATIENCE, execution.wait()).await.unwrap();
        assert_eq!(ended.timed_out(), !kills);
        assert!(ended.duration < Duration::from_secs(20));
        drop(output);
    }
    session.close().await.unwrap();
}
