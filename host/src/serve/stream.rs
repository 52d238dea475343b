//! What a command prints, told to the client while it runs.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use memchr::memchr;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    message::write_notification,
    opened::{Follower, Opened, Started},
    quote::append_quoted,
    result::ExecutionResult,
    server::Server,
};
use crate::{
    names::{Channel, RunId},
    run::{OutputChunk, OutputReceiver},
};

/// The notification of a piece of output.
pub(super) const OUTPUT: &str = "execution.output";

/// The notification of an end.
pub(super) const ENDED: &str = "execution.ended";

/// A piece of what a command printed: it has either `text` or `base64`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OutputParameters {
    /// The session.
    session: RunId,
    /// The number of the execution within it.
    execution: u32,
    /// The number of the piece: 0 is the first, and none is left out.
    sequence: u64,
    /// Where it was written.
    channel: Channel,
    /// What, where it is UTF-8 without NUL. No character is split between two pieces of a channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What, where it is anything else (RFC 4648, section 4, with padding).
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The end of a command that was streamed. Nothing comes after it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EndedParameters {
    /// How many pieces of output came before.
    sequence: u64,
    /// Whether they are all that it printed, up to the cap. They are not where the session was closed meanwhile.
    complete: bool,
    /// What came of it.
    #[serde(flatten)]
    result: ExecutionResult,
}

/// Pass the output on to the client, then how the command ended.
pub(super) async fn follow(server: Arc<Server>, open: Arc<Opened>, started: Arc<Started>, mut output: OutputReceiver, follower: Follower) {
    let head = head(open.id(), started.execution.index());
    let mut sequence = 0;
    let pass_on = async {
        let mut sent = 0;
        while let Some(chunk) = output.recv().await {
            started.window.room(sent).await;
            sent += chunk.bytes.len() as u64;
            let mut line = server.outbox.buffer();
            write_output(&mut line, &head, &chunk);
            if !server.outbox.send(line).await {
                return false;
            }
            sequence = chunk.sequence + 1;
        }
        true
    };
    let complete = tokio::select! {
        complete = pass_on => complete,
        () = open.closes() => false,
    };
    // Where it is not complete, this ends the command.
    drop(output);
    let result = ExecutionResult::of(open.id(), &*started.execution.wait().await);
    open.fetched(result.clone());
    let mut line = server.outbox.buffer();
    write_notification(&mut line, ENDED, &EndedParameters { sequence, complete, result });
    server.say(line).await;
    drop(follower);
}

/// What stands at the beginning of every line about the output of an execution.
fn head(session: &RunId, execution: u32) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","method":"{OUTPUT}","params":{{"session":"{session}","execution":{execution},"sequence":"#).into()
}

/// The line of a piece: byte for byte what a serializer would write, several times as fast.
fn write_output(line: &mut Vec<u8>, head: &[u8], chunk: &OutputChunk) {
    line.extend_from_slice(head);
    line.extend_from_slice(chunk.sequence.to_string().as_bytes());
    line.extend_from_slice(match chunk.channel {
        Channel::Stdout => br#","channel":"stdout","#,
        Channel::Stderr => br#","channel":"stderr","#,
    });
    if let Some(text) = text(&chunk.bytes) {
        line.extend_from_slice(br#""text":""#);
        append_quoted(line, text);
    } else {
        line.extend_from_slice(br#""base64":""#);
        let begin = line.len();
        line.resize(begin + chunk.bytes.len().div_ceil(3) * 4, 0);
        // There is exactly as much room as it takes.
        let room = line.get_mut(begin..).unwrap_or_default();
        let _ = BASE64_STANDARD.encode_slice(&chunk.bytes, room);
    }
    line.extend_from_slice(b"\"}}\n");
}

/// What is told as text. What has a NUL in it is no text, and would be six times as long as one.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|_| memchr(0, bytes).is_none())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_of_output_is_what_a_serializer_writes() {
        let session: RunId = "s-1".parse().unwrap();
        for bytes in [&b"a \"b\"\\\n\x01caf\xc3\xa9"[..], b"", b"a\0b", b"\xff", b"\xff\xfe", b"\xff\xfe\xfd"] {
            for channel in [Channel::Stdout, Channel::Stderr] {
                let chunk = OutputChunk { sequence: 7, channel, bytes: Bytes::copy_from_slice(bytes) };
                let mut line = Vec::new();
                write_output(&mut line, &head(&session, 3), &chunk);
                let text = String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'));
                let base64 = text.is_none().then(|| BASE64_STANDARD.encode(bytes));
                let parameters = OutputParameters { session: session.clone(), execution: 3, sequence: 7, channel, text, base64 };
                let mut expected = Vec::new();
                write_notification(&mut expected, OUTPUT, &parameters);
                assert_eq!(String::from_utf8(line).unwrap(), String::from_utf8(expected).unwrap());
            }
        }
    }

    /// What a program that reads the lines relies on: every line is JSON, however odd the bytes.
    #[test]
    fn every_byte_can_be_told() {
        let session: RunId = "s".parse().unwrap();
        for byte in 0..=u8::MAX {
            let chunk = OutputChunk { sequence: 0, channel: Channel::Stdout, bytes: vec![byte].into() };
            let mut line = Vec::new();
            write_output(&mut line, &head(&session, 0), &chunk);
            let read: Value = serde_json::from_slice(&line).unwrap();
            let told = read["params"]["text"].as_str().map(|text| text.as_bytes().to_vec());
            let told = told.unwrap_or_else(|| BASE64_STANDARD.decode(read["params"]["base64"].as_str().unwrap()).unwrap());
            assert_eq!(told, [byte]);
        }
    }
}
