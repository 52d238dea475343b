//! Questions to a person. Nothing but a `y` is a yes.

use std::io::{self, BufRead as _, IsTerminal as _};

use rustix::termios::{QueueSelector, tcflush};

use super::output::Output;

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
