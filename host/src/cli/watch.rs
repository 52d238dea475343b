//! Showing a run while it goes on.

use std::{
    io::{self, Write},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::{
    output::{Mark, Output, escape},
    progress::Progress,
    runtime::finding_line,
};
use crate::{
    engine::Severity,
    imports::{Talk, TalkLevel},
    names::Channel,
    run::{Event, OutputSource, Step},
    serve::append_quoted,
    store::{Manifest, RunStatus},
};

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// The command's stdout on stdout, its stderr and all talk on stderr.
    Plain,
    /// Events as JSON lines on stdout.
    Events,
    /// The manifest alone on stdout, everything else on stderr.
    Document,
}

/// Shows the events of one run.
pub(super) struct Watcher {
    output: Output,
    watch: Watch,
    progress: Progress,
    stdout: io::BufWriter<io::Stdout>,
    /// The line that is made, kept for the next.
    line: Vec<u8>,
    reader_has_gone: bool,
}

/// One line of `--events`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    Stdout(Piece<'a>),
    Stderr(Piece<'a>),
    Progress(ProgressLine<'a>),
    Finished { manifest: &'a Manifest },
}

/// Output: text, or base64 where it is no UTF-8.
#[derive(Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

#[derive(Default, Serialize)]
struct ProgressLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Piece<'a>>,
}

impl Watcher {
    pub(super) fn new(output: Output, watch: Watch) -> Self {
        let stdout = io::BufWriter::with_capacity(256 << 10, io::stdout());
        Self { output, watch, progress: Progress::new(), stdout, line: Vec::new(), reader_has_gone: false }
    }

    /// Show one event.
    pub(super) fn see(&mut self, event: Event) {
        match (self.watch, event) {
            (Watch::Events, _) if self.reader_has_gone => {}
            (Watch::Events, event) => {
                self.line.clear();
                let made = if self.text_of_command(&event) { Ok(()) } else { self.line_of(&event) };
                self.line.push(b'\n');
                let written = made.and_then(|()| self.stdout.write_all(&self.line)).and_then(|()| self.stdout.flush());
                self.reader_has_gone = written.is_err();
            }
            (_, Event::Output { source, channel, bytes }) => self.pass_on(source, channel, &bytes),
            (_, Event::Step(step)) => self.progress.step(step),
            (_, Event::Talk(talk)) => self.talk(&talk),
            (_, Event::Finding(finding)) if finding.severity != Severity::Info => {
                self.progress.pause();
                eprint(&format!("{}\n", escape(&finding_line("doctor", &finding))));
            }
            (_, Event::Note(text)) => {
                self.progress.pause();
                self.output.talk(Mark::Warning, &text);
            }
            (_, Event::Finding(_) | Event::Finished(_)) => {}
        }
    }

    /// The end: the document where one was asked for, else what went wrong and what to do.
    pub(super) fn close(mut self, manifest: &Manifest, place: &Path) {
        self.progress.pause();
        let _ = self.stdout.flush();
        if self.watch == Watch::Document {
            match manifest.to_json() {
                Ok(text) => self.output.data(&text),
                Err(error) => self.output.talk(Mark::Error, &error.to_string()),
            }
        }
        if manifest.status == RunStatus::Succeeded {
            if self.watch == Watch::Plain {
                let place = place.join("manifest.json");
                self.output.talk(Mark::Note, &format!("run {} succeeded: {}", manifest.run_id, place.display()));
            }
        } else {
            self.output.talk(Mark::Error, &format!("run {} {}: {}", manifest.run_id, manifest.status, manifest.reason.message));
            if !manifest.reason.next_action.is_empty() {
                self.output.talk(Mark::Hint, &manifest.reason.next_action);
            }
        }
    }

    /// The command's output, as it is: a person who runs a command wants to see what it prints. That of the preparation is talk.
    fn pass_on(&mut self, source: OutputSource, channel: Channel, bytes: &[u8]) {
        self.progress.pause();
        if channel == Channel::Stdout && source.is_command() && self.watch == Watch::Plain {
            if !self.reader_has_gone && (self.stdout.write_all(bytes).is_err() || self.stdout.flush().is_err()) {
                // Whoever read our output has gone, and the run goes on without being watched.
                self.reader_has_gone = true;
            }
            return;
        }
        let _ = io::stderr().write_all(bytes);
    }

    fn talk(&mut self, talk: &Talk) {
        match talk {
            Talk::Line { level: TalkLevel::Debug, .. } => {}
            Talk::Line { level, message } => {
                self.progress.pause();
                let mark = match level {
                    TalkLevel::Error => Mark::Error,
                    TalkLevel::Warning => Mark::Warning,
                    TalkLevel::Info | TalkLevel::Debug => Mark::Note,
                };
                self.output.talk(mark, &format!("plugin: {message}"));
            }
            Talk::Progress { label, done, total, unit } => self.progress.report(&escape(label), *done, *total, &escape(unit)),
        }
    }

    /// Make the line of the command's own output, where it is text: nearly all that there is. `false` where it is something else.
    fn text_of_command(&mut self, event: &Event) -> bool {
        let Event::Output { source, channel, bytes } = event else { return false };
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let begin: &[u8] = match (source.is_command(), channel) {
            (false, _) => return false,
            (true, Channel::Stdout) => br#"{"event":"stdout","text":""#,
            (true, Channel::Stderr) => br#"{"event":"stderr","text":""#,
        };
        self.line.extend_from_slice(begin);
        append_quoted(&mut self.line, text);
        self.line.extend_from_slice(br#""}"#);
        true
    }

    fn line_of(&mut self, event: &Event) -> io::Result<()> {
        let line = match event {
            Event::Output { source, channel, bytes } => {
                let piece = Piece::of(bytes);
                match (source.is_command(), channel) {
                    (true, Channel::Stdout) => Line::Stdout(piece),
                    (true, Channel::Stderr) => Line::Stderr(piece),
                    (false, _) => Line::Progress(ProgressLine { output: Some(piece), ..ProgressLine::default() }),
                }
            }
            Event::Step(step) => Line::Progress(ProgressLine { step: Some(Step::name(*step)), ..ProgressLine::default() }),
            Event::Note(text) => Line::Progress(ProgressLine { message: Some(text), level: Some("warning"), ..ProgressLine::default() }),
            Event::Finding(finding) => Line::Progress(ProgressLine {
                message: Some(&finding.message),
                level: Some(match finding.severity {
                    Severity::Info => "info",
                    Severity::Warning => "warning",
                    Severity::Error => "error",
                }),
                ..ProgressLine::default()
            }),
            Event::Talk(Talk::Line { message, .. }) => Line::Progress(ProgressLine { message: Some(message), ..ProgressLine::default() }),
            Event::Talk(Talk::Progress { label, done, total, unit }) => Line::Progress(ProgressLine {
                message: Some(label),
                done: Some(*done),
                total: *total,
                unit: Some(unit),
                ..ProgressLine::default()
            }),
            Event::Finished(manifest) => Line::Finished { manifest },
        };
        serde_json::to_writer(&mut self.line, &line).map_err(io::Error::from)
    }
}

impl<'a> Piece<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text: Some(text), base64: None },
            Err(_) => Self { text: None, base64: Some(BASE64_STANDARD.encode(bytes)) },
        }
    }
}

fn eprint(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
