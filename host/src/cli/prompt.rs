//! Questions to a person, of which nothing but a `y` is a yes, and values that are not shown.

use std::io::{self, BufRead, IsTerminal as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr};

use super::output::Output;

/// Bytes of a line that the kernel keeps of what is typed; the rest it drops without a word.
const LONGEST: usize = 4_094;

/// Asks, where somebody is there to answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prompt {
    output: Output,
}

impl Prompt {
    /// Somebody to ask: only at a terminal, and never where a program reads the answer. Without one every question is answered with no.
    pub(super) fn open(output: Output) -> Option<Self> {
        (!output.json && io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self { output })
    }

    /// Whether the person says yes. Ctrl-C ends the program here, before anything was changed.
    pub(super) fn yes(self, question: &str) -> bool {
        // What was typed before the question was read is no answer to it.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        self.output.question(question);
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok_and(|bytes| bytes > 0) && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// A line that is typed and not shown; `None` inside where Ctrl-C was pressed. `None` where nobody types: input is no terminal.
pub(super) fn unseen(output: Output, question: &str) -> Option<io::Result<Option<Vec<u8>>>> {
    if !io::stdin().is_terminal() {
        return None;
    }
    Some(read_unseen(output, question))
}

/// What comes through a pipe, up to `most` bytes.
pub(super) fn piped(most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The keys that end or stop a program do not here: it would leave a terminal behind that shows nothing. Ctrl-C ends the line instead.
fn read_unseen(output: Output, question: &str) -> io::Result<Option<Vec<u8>>> {
    const CTRL_C: u8 = 3;
    let stdin = io::stdin();
    let seen = tcgetattr(&stdin)?;
    let mut unseen = seen.clone();
    unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    unseen.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
    // Before the question: whoever answers it at once is not shown what was typed.
    tcsetattr(&stdin, OptionalActions::Flush, &unseen)?;
    output.ask(question);
    let line = read_line(&mut stdin.lock(), CTRL_C);
    tcsetattr(&stdin, OptionalActions::Flush, &seen)?;
    output.ask("\n");
    let line = line?;
    if line.len() > LONGEST {
        return Err(io::Error::other(format!("a line of a terminal has at most {LONGEST} bytes; give it through a pipe")));
    }
    Ok((!line.contains(&CTRL_C)).then_some(line))
}

fn read_line(stdin: &mut impl BufRead, end: u8) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while !line.iter().any(|byte| *byte == b'\n' || *byte == end) {
        let piece = stdin.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        line.extend_from_slice(piece);
        let taken = piece.len();
        stdin.consume(taken);
    }
    Ok(line)
}
