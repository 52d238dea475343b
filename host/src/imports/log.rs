//! `worldflux:runtime/log`: what a plugin tells the person who watches.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Map, json};

use super::{
    bindings::worldflux::runtime::{log as wit, types as wire},
    call::{Call, Listener, Talk, TalkLevel},
    usage::Usage,
};
use crate::{names::Export, secrets::Scrubber, store::Record};

/// Lines in one call of an export; the rest is counted and dropped. Stops a plugin from filling the record or the screen at once; the rate
/// of lines stops it from doing so call by call.
const LINES: u64 = 1_000;

/// Characters of one line.
const LINE: usize = 8 * 1024;

/// Progress reports in one call that are passed on.
const REPORTS: u64 = 10_000;

/// The context of this interface in one call, shared with the standard streams of the plugin.
#[derive(Clone)]
pub(super) struct LogContext {
    export: Export,
    record: Arc<Record>,
    listener: Arc<dyn Listener>,
    usage: Arc<Usage>,
    scrubber: Arc<Scrubber>,
    lines: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    reports: Arc<AtomicU64>,
}

impl LogContext {
    pub(super) fn new(call: &Call, usage: Arc<Usage>) -> Self {
        let Call { export, record, listener, secrets, .. } = call;
        let (record, listener, scrubber) = (record.clone(), listener.clone(), secrets.scrubber().clone());
        Self { export: *export, record, listener, usage, scrubber, lines: Arc::default(), dropped: Arc::default(), reports: Arc::default() }
    }

    /// Take one line, or count and drop it.
    pub(super) fn line(&self, source: &'static str, level: TalkLevel, message: &str, fields: &[wire::Variable]) {
        if self.lines.load(Ordering::Relaxed) >= LINES || !self.usage.line() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
        let shorten = |text: &str| shorten(&self.scrubber.text(text));
        let message = shorten(message);
        let said: Map<_, _> = fields.iter().take(32).map(|field| (shorten(&field.name), json!(shorten(&field.value)))).collect();
        let fields = json!({ "export": self.export, "source": source, "said": said });
        // A line that cannot be recorded is lost, and the run goes on: it has no effect outside.
        let _ = self.record.log(level_name(level), &message, fields);
        self.listener.hear(Talk::Line { level, message });
    }

    /// Write down how many lines were dropped.
    pub(super) fn close(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = self.record.note("lines of the plugin were dropped", json!({ "export": self.export, "lines": dropped }));
        }
    }
}

impl wire::Host for LogContext {}

impl wit::Host for LogContext {
    fn write(&mut self, level: wit::Level, message: String, fields: Vec<wire::Variable>) {
        let level = match level {
            wit::Level::Debug => TalkLevel::Debug,
            wit::Level::Info => TalkLevel::Info,
            wit::Level::Warning => TalkLevel::Warning,
            wit::Level::Error => TalkLevel::Error,
        };
        self.line("log", level, &message, &fields);
    }

    fn report(&mut self, progress: wit::Progress) {
        if self.reports.fetch_add(1, Ordering::Relaxed) >= REPORTS {
            return;
        }
        let wit::Progress { label, done, total, unit } = progress;
        let done = total.map_or(done, |total| done.min(total));
        let shorten = |text: &str| shorten(&self.scrubber.text(text));
        self.listener.hear(Talk::Progress { label: shorten(&label), done, total, unit: shorten(&unit) });
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(LINE).collect()
}

const fn level_name(level: TalkLevel) -> &'static str {
    match level {
        TalkLevel::Debug => "debug",
        TalkLevel::Info => "info",
        TalkLevel::Warning => "warning",
        TalkLevel::Error => "error",
    }
}
