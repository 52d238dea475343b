//! Lines of JSON that come while an image comes or is built.

use std::time::Duration;

use serde::Deserialize;
use worldflux_plugin::{
    Cause, Failure,
    http::{Body, Piece},
};

/// How long the daemon may be silent. Unpacking a large layer on a slow disk says nothing for minutes.
const SILENCE: Duration = Duration::from_mins(10);

/// The longest line, in bytes. Stops a line without end from filling the memory.
const LONGEST: usize = 1 << 20;

/// One line. What it has beyond this is ignored.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    /// Of a layer: `Downloading`.
    pub(crate) status: Option<String>,
    /// The layer.
    pub(crate) id: Option<String>,
    #[serde(rename = "progressDetail")]
    pub(crate) progress: Option<Progress>,
    /// Of a build: what it prints.
    pub(crate) stream: Option<String>,
    pub(crate) error: Option<String>,
}

/// How far a layer is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) current: Option<i64>,
    pub(crate) total: Option<i64>,
}

/// Read all lines, and hand each to `tell`. The first that is an error ends the reading.
pub(crate) fn follow(mut body: Body, what: &str, mut tell: impl FnMut(&Line)) -> Result<(), Failure> {
    let mut rest = Vec::new();
    loop {
        let is_over = match body.read(SILENCE)? {
            Piece::Bytes(bytes) => {
                rest.extend(bytes);
                false
            }
            Piece::NotYet => {
                let message = format!("{what}: the daemon said nothing for {} min", SILENCE.as_secs() / 60);
                return Err(Failure::new(Cause::TimedOut, message).repeatable());
            }
            Piece::End => true,
        };
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            take(&line, what, &mut tell)?;
        }
        if is_over {
            return take(&rest, what, &mut tell);
        }
        if rest.len() > LONGEST {
            return Err(Failure::other(format!("{what}: the daemon sends a line without end")));
        }
    }
}

fn take(line: &[u8], what: &str, tell: &mut impl FnMut(&Line)) -> Result<(), Failure> {
    // What is no JSON, such as an empty line, tells nothing.
    let Ok(line) = serde_json::from_slice::<Line>(line) else { return Ok(()) };
    if let Some(error) = &line.error {
        let error = error.trim();
        let failure = Failure::other(format!("{what} failed: {error}"));
        let is_full = error.contains("no space left on device") || error.contains("disk quota exceeded");
        let is_missing = ["not found", "manifest unknown", "repository does not exist"].iter().any(|word| error.contains(word));
        return Err(match (is_full, is_missing) {
            (true, _) => Failure { cause: Cause::Quota, ..failure }
                .hint("the disk of the daemon is full: `docker system prune` removes what nobody uses"),
            (_, true) => Failure { cause: Cause::NotFound, ..failure },
            _ => failure,
        });
    }
    tell(&line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use worldflux_plugin::{
        Cause,
        http::{Request, Response},
    };

    fn lines(text: &str) -> (Vec<Line>, Result<(), Failure>) {
        let body = Response::made_up(&Request::get("http://docker.sock/x"), 200, &[], text).into_body();
        let mut seen = vec![];
        let end = follow(body, "fetching `x`", |line| seen.push(line.clone()));
        (seen, end)
    }

    #[test]
    fn lines_are_told_in_order_and_the_last_needs_no_end() {
        let (seen, end) =
            lines("{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":1,\"total\":2}}\r\n\n{\"stream\":\"x\"}");
        assert!(end.is_ok() && seen.len() == 2);
        assert_eq!(seen[0].progress, Some(Progress { current: Some(1), total: Some(2) }));
        assert_eq!(seen[1].stream.as_deref(), Some("x"));
    }

    #[test]
    fn an_error_is_what_it_says() {
        let cause =
            |error: &str| lines(&format!("{{\"status\":\"a\"}}\n{{\"error\":\"{error}\"}}\n{{\"status\":\"b\"}}\n")).1.unwrap_err().cause;
        assert_eq!(cause("write /x: no space left on device"), Cause::Quota);
        assert_eq!(cause("manifest for x:y not found: manifest unknown"), Cause::NotFound);
        assert_eq!(cause("something"), Cause::Other);
        assert_eq!(lines("{\"error\":\"x\"}").1.unwrap_err().message, "fetching `x` failed: x");
    }
}
