//! What is seen of a prediction at one moment, and the output that came since the last.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use worldflux_plugin::{Cause, Channel, Failure, Observation, OutputChunk, Phase, context::Context};

use crate::{cursor::Cursor, dialect, handle::Handle, settings, stream};

/// Bytes of one look: of the logs, and of the output. Together they are less than the host takes at once.
const MOST: usize = 400 << 10;

/// When to come back for the rest of what did not fit, or for more of a stream.
const AT_ONCE: Duration = Duration::from_millis(50);

/// When to look again for something that the API does not know.
const LATER: Duration = Duration::from_secs(5);

/// In the place of an event: the stream could not be read once, and is not listened to any more.
const NO_STREAM: &str = "none";

pub(crate) fn observe(context: &Context, handle: &Handle, after: &Cursor) -> Result<Observation, Failure> {
    let settings = settings::read(&context.settings)?;
    let seen = match dialect::look(handle) {
        Ok(seen) => seen,
        // It was there. That it is not found now says nothing about how it ended.
        Err(failure) if failure.cause == Cause::NotFound => return Ok(unknown(&failure, after)),
        Err(failure) => return Err(failure),
    };
    let mut cursor = after.clone();
    let mut output = Vec::new();
    let mut rest = take(Channel::Stderr, &seen.whole_log(), &mut cursor.logs, &mut output);
    let mut pace = settings.poll_interval.unwrap_or_else(|| seen.pace(SystemTime::now()));
    let streamed = seen.urls.stream.as_deref().filter(|_| settings.stream && !seen.is_over() && cursor.event != NO_STREAM);
    match streamed.map(|url| if rest { Some(vec![]) } else { stream::listen(url, &cursor.event) }) {
        // Text comes from one of the two, or what both tell would come twice: the stream may be behind what is seen here, or before it.
        Some(Some(told)) => {
            let mut text = String::new();
            for (id, piece) in told {
                text.push_str(&piece);
                cursor.event = id;
            }
            cursor.output += text.len();
            output.push(chunk(Channel::Stdout, text.into_bytes()));
            pace = AT_ONCE;
        }
        told => {
            if told.is_some() {
                NO_STREAM.clone_into(&mut cursor.event);
            }
            rest |= take(Channel::Stdout, &seen.text(), &mut cursor.output, &mut output);
        }
    }
    rest &= seen.is_over();
    // Nobody would come for the rest after the end.
    let phase = if rest { Phase::Running } else { seen.phase(handle) };
    if rest {
        pace = AT_ONCE;
    }
    output.retain(|chunk| !chunk.bytes.is_empty());
    Ok(observation(phase, seen.evidence(handle), output, &cursor, pace))
}

fn unknown(failure: &Failure, after: &Cursor) -> Observation {
    observation(Phase::Unknown, failure.message.clone(), Vec::new(), after, LATER)
}

fn observation(phase: Phase, evidence: String, output: Vec<OutputChunk>, next: &Cursor, again: Duration) -> Observation {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let observed_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
    Observation { phase, evidence, observed_at, output, next: next.to_string(), ask_again_after: millis(again) }
}

/// Hand over what stands in `whole` beyond `read`, and tell whether there is more than fits. A text that became shorter has nothing new.
fn take(channel: Channel, whole: &str, read: &mut usize, output: &mut Vec<OutputChunk>) -> bool {
    let new = whole.as_bytes().get(*read..).unwrap_or_default();
    let (now, later) = new.split_at(new.len().min(MOST));
    *read += now.len();
    output.push(chunk(channel, now.to_vec()));
    !later.is_empty()
}

const fn chunk(channel: Channel, bytes: Vec<u8>) -> OutputChunk {
    OutputChunk { channel, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_handed_over_and_no_byte_twice() {
        let mut read = 0;
        let mut output = Vec::new();
        assert!(!take(Channel::Stderr, "one\n", &mut read, &mut output));
        assert!(!take(Channel::Stderr, "one\ntwö", &mut read, &mut output));
        assert!(!take(Channel::Stderr, "one", &mut read, &mut output));
        let bytes: Vec<u8> = output.into_iter().flat_map(|chunk| chunk.bytes).collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), "one\ntwö");
        assert_eq!(read, 8);
    }

    #[test]
    fn a_long_log_comes_in_parts() {
        let whole = "x".repeat(MOST * 2 + 1);
        let (mut read, mut output) = (0, Vec::new());
        let more = [(); 3].map(|()| take(Channel::Stderr, &whole, &mut read, &mut output));
        assert_eq!((more, read), ([true, true, false], whole.len()));
    }
}
