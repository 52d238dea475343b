//! What came of an attack, and how to look at it.

use std::sync::Arc;

use serde_json::Value;
use worldflux::{
    engine::{CallError, PluginFault},
    imports::{Children, Talk},
    sandbox::Capture,
    store::{Body, Entry},
};

/// What came of an attack.
pub(crate) struct Report {
    pub(crate) behaviour: String,
    /// What `rogue` says of it, or why there is no answer.
    pub(crate) answer: Result<String, CallError>,
    /// The record of the call.
    pub(crate) entries: Vec<Entry>,
    /// What the listener heard.
    pub(crate) talk: Vec<Talk>,
    /// The processes of the call.
    pub(crate) children: Arc<Children>,
    /// The output of the command.
    pub(crate) output: Arc<Capture>,
    pub(crate) place: tempfile::TempDir,
}

impl Report {
    /// How the plugin broke. Anything else, above all a fault of the host, fails the test.
    #[track_caller]
    pub(crate) fn fault(&self) -> &PluginFault {
        match &self.answer {
            Err(CallError::Fault { fault, .. }) => fault,
            other => panic!("expected a fault of the plugin in `{}`: {other:?}", self.behaviour),
        }
    }

    /// Why its answer cannot be used.
    #[track_caller]
    pub(crate) fn bad_answer(&self) -> &str {
        match self.fault() {
            PluginFault::BadAnswer(reason) => reason,
            other => panic!("expected a bad answer: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn trap(&self) -> &str {
        match self.fault() {
            PluginFault::Trap(reason) => reason,
            other => panic!("expected a trap: {other:?}"),
        }
    }

    /// What the plugin says came of its act.
    #[track_caller]
    pub(crate) fn said(&self) -> &str {
        self.answer.as_deref().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The refusals in the record, as import and rule.
    pub(crate) fn denials(&self) -> Vec<(String, String)> {
        let denial = |entry: &Entry| match &entry.body {
            Body::Denial { call, denial } => Some((call.import.clone(), denial.rule.clone())),
            _ => None,
        };
        self.entries.iter().filter_map(denial).collect()
    }

    /// The lines that would allow what was denied.
    pub(crate) fn cures(&self) -> Vec<String> {
        let cure = |entry: &Entry| match &entry.body {
            Body::Denial { denial, .. } => Some(denial.cure.clone()),
            _ => None,
        };
        self.entries.iter().filter_map(cure).collect()
    }

    /// What was done or tried through `import`: the action, and what came of it.
    pub(crate) fn effects(&self, import: &str) -> Vec<(Value, Option<Value>)> {
        let outcome_of = |seq: u64| {
            self.entries.iter().find_map(|entry| match &entry.body {
                Body::Result { of, outcome } if *of == seq => Some(outcome.clone()),
                _ => None,
            })
        };
        let effect = |entry: &Entry| match &entry.body {
            Body::Intent(call) if call.import == import => Some((call.action.clone(), outcome_of(entry.seq))),
            _ => None,
        };
        self.entries.iter().filter_map(effect).collect()
    }

    /// The lines of the plugin in the record.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |entry: &Entry| match &entry.body {
            Body::Log { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.entries.iter().filter_map(line).collect()
    }
}
