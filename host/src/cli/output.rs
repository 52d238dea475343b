//! The only place that writes to the standard streams.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::args::{ColorChoice, GlobalArgs};

/// Writes data to stdout and talk to stderr.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
    colour: bool,
    /// Whether stdout has colours, too: only of what is shown to a person.
    pub(super) colour_of_data: bool,
}

/// How a line of talk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Error,
    Warning,
    Note,
    Hint,
}

impl Output {
    pub(super) fn new(arguments: &GlobalArgs, no_colour: bool) -> Self {
        let colour = match arguments.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_colour && io::stderr().is_terminal(),
        };
        let colour_of_data = match arguments.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_colour && io::stdout().is_terminal(),
        };
        Self { json: arguments.json, colour, colour_of_data }
    }

    /// Text for stdout, as it is. A reader that has gone is not an error: it has seen enough.
    #[expect(clippy::unused_self, reason = "to write, one has to hold the output")]
    pub(super) fn data(self, text: &str) {
        let _ = io::stdout().write_all(text.as_bytes());
        let _ = io::stdout().flush();
    }

    /// Bytes for stdout, as they are: for a program that asked for them.
    #[expect(clippy::unused_self, reason = "to write, one has to hold the output")]
    pub(super) fn bytes(self) -> impl io::Write {
        io::BufWriter::new(io::stdout().lock())
    }

    /// One line for stdout, escaped.
    pub(super) fn line(self, text: &str) {
        self.data(&format!("{}\n", escape(text)));
    }

    /// One JSON document for stdout.
    pub(super) fn document(self, value: &impl Serialize) {
        let text = serde_json::to_value(value).and_then(|value: Value| serde_json::to_string_pretty(&value));
        match text {
            Ok(text) => self.data(&format!("{text}\n")),
            Err(error) => self.talk(Mark::Error, &format!("the answer cannot be written as JSON: {error}")),
        }
    }

    /// One line of talk.
    pub(super) fn talk(self, mark: Mark, text: &str) {
        let (word, colour) = match mark {
            Mark::Error => ("error", "\x1b[1;31m"),
            Mark::Warning => ("warning", "\x1b[1;33m"),
            Mark::Note => ("note", "\x1b[1;36m"),
            Mark::Hint => ("hint", "\x1b[1;32m"),
        };
        let (on, off) = if self.colour { (colour, "\x1b[0m") } else { ("", "") };
        let _ = writeln!(io::stderr(), "{on}{word}:{off} {}", escape(text));
    }

    /// A question, at whose end the answer is typed.
    pub(super) fn question(self, text: &str) {
        let (on, off) = if self.colour { ("\x1b[1;36m", "\x1b[0m") } else { ("", "") };
        let _ = write!(io::stderr(), "{on}{}{off} [y/N] ", escape(text));
        let _ = io::stderr().flush();
    }

    /// Something on stderr that is no line of its own: what stands in front of an answer, or ends it.
    #[expect(clippy::unused_self, reason = "to write, one has to hold the output")]
    pub(super) fn ask(self, text: &str) {
        let _ = write!(io::stderr(), "{text}");
        let _ = io::stderr().flush();
    }

    /// An error and what to do about it: talk, or the document where one was asked for.
    pub(super) fn failure(self, message: &str, hint: Option<&str>, code: u8) {
        self.talk(Mark::Error, message);
        if let Some(hint) = hint {
            self.talk(Mark::Hint, hint);
        }
        if self.json {
            self.document(&json!({ "error": { "message": message, "hint": hint, "exit_code": code } }));
        }
    }

    /// Rows in columns, for stdout.
    pub(super) fn table(self, head: &[&str], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut text = String::new();
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        for row in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        self.data(&text);
    }
}

/// Text of a stranger, safe for a terminal: what could move the cursor, colour the screen or turn the writing direction is spelled out.
/// Line feeds become visible too: a stranger's text is always one line.
#[must_use]
pub fn escape(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' {
            escaped.push(' ');
        } else if steers(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LO01, MA04
    #[test]
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(escape("a\x1b[31mb\r\nc\x07"), "a\\u{1b}[31mb\\r\\nc\\u{7}");
        assert_eq!(escape("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(escape("grün 東京"), "grün 東京");
    }
}
