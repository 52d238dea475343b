//! Text as it comes, by server-sent events.

use std::time::{Duration, Instant};

use worldflux_plugin::{
    Failure,
    http::{Event, Events, Piece},
    log,
};

use crate::dialect;

/// How long one poll listens. What comes in it is handed over at its end.
const WINDOW: Duration = Duration::from_millis(800);

/// Text that is listened for at most, in bytes.
const MOST: usize = 400 << 10;

/// The pieces of text that came after the event `last`, each with the id of its event. `None` where the stream cannot be read: what it would
/// have told is in the prediction itself, a little later.
pub(crate) fn listen(url: &str, last: &str) -> Option<Vec<(String, String)>> {
    match pieces(url, last) {
        Ok(pieces) => Some(pieces),
        Err(failure) => {
            log::debug(&format!("the stream cannot be read: {failure}"));
            None
        }
    }
}

fn pieces(url: &str, last: &str) -> Result<Vec<(String, String)>, Failure> {
    let until = Instant::now() + WINDOW;
    let answer = dialect::stream(url, last, WINDOW).send()?.checked("reading the stream")?;
    let mut body = answer.into_body();
    let mut events = Events::after(last);
    let mut reader = Reader::after(last);
    while reader.size < MOST && !reader.over {
        match body.read(until.saturating_duration_since(Instant::now())) {
            Ok(Piece::Bytes(bytes)) => events.push(&bytes).into_iter().for_each(|event| reader.hear(event)),
            Ok(Piece::NotYet | Piece::End) => break,
            // What came before the connection broke is good.
            Err(failure) => {
                log::debug(&format!("the stream broke off: {failure}"));
                break;
            }
        }
    }
    Ok(reader.pieces)
}

/// Chooses what is new.
struct Reader {
    last: Option<(u64, u64)>,
    pieces: Vec<(String, String)>,
    size: usize,
    over: bool,
}

impl Reader {
    fn after(last: &str) -> Self {
        Self { last: order(last), pieces: Vec::new(), size: 0, over: false }
    }

    /// A server that does not know where the last connection ended tells everything again: what is not newer is left out.
    fn hear(&mut self, event: Event) {
        match event.kind.as_str() {
            "output" if self.last.is_none() || order(&event.id).is_none_or(|at| Some(at) > self.last) => {
                self.size += event.data.len();
                self.pieces.push((event.id, event.data));
            }
            "done" | "error" => self.over = true,
            _ => {}
        }
    }
}

/// Ids are a time and a number: `1690212292:0`.
fn order(id: &str) -> Option<(u64, u64)> {
    let (time, number) = id.split_once(':')?;
    Some((time.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(last: &str) -> (Vec<String>, bool) {
        let mut reader = Reader::after(last);
        let mut events = Events::after(last);
        events.push(include_bytes!("../fixtures/stream.txt")).into_iter().for_each(|event| reader.hear(event));
        (reader.pieces.into_iter().map(|(_, text)| text).collect(), reader.over)
    }

    #[test]
    fn a_stream_that_is_told_again_is_heard_once() {
        assert_eq!(heard(""), (vec!["Once ".into(), "upon\n".into(), "a time".into()], true));
        assert_eq!(heard("1690212292:1"), (vec!["a time".into()], true));
        assert_eq!(heard("1690212293:9"), (vec![], true));
    }
}
