//! Progress: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::Step;

/// Time between two plain lines of the same report.
const PLAIN: Duration = Duration::from_secs(2);

/// Shows how far the steps before and after the command are.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    is_terminal: bool,
    last_line: Option<(String, Instant)>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { bar: None, is_terminal: io::stderr().is_terminal(), last_line: None }
    }

    /// The run goes on to a step. Those that take long are shown; while the command runs the screen is the command's.
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Plan | Step::BuildEnv | Step::Setup | Step::Collect | Step::Teardown => self.show(&step.to_string()),
            Step::Open | Step::Start | Step::Follow | Step::Finish => self.pause(),
        }
    }

    /// The plugin says how far it is.
    pub(super) fn report(&mut self, label: &str, done: u64, total: Option<u64>, unit: &str) {
        let of = total.map(|total| format!("/{total}")).unwrap_or_default();
        let text = format!("{label}: {done}{of} {unit}");
        if self.is_terminal {
            self.show(&text);
            return;
        }
        let is_new = self.last_line.as_ref().is_none_or(|(last, at)| last != label || at.elapsed() >= PLAIN || total == Some(done));
        if is_new {
            self.last_line = Some((label.to_owned(), Instant::now()));
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Give the screen to somebody else.
    pub(super) fn pause(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, text: &str) {
        if !self.is_terminal {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(text.to_owned());
    }
}
