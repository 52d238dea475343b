//! What of a manifest can hold somebody else's words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{document::Manifest, runtime::RuntimeSection};
use crate::store::hide::Hide;

impl Manifest {
    /// Take out what `hide` hides, wherever the user, the plugin or a command could have said it. Ids, digests, states and times, which the
    /// host writes, stay as they are, and so do the paths of logs and of the record.
    pub fn hide(&mut self, hide: &Hide) {
        let Self { client_run_id, adapter_id, task, command, spec, reason, ending, runtime, metrics, artifacts, cost, .. } = self;
        hide.texts([client_run_id, adapter_id, task, &mut reason.message, &mut reason.next_action]);
        hide.texts(command.iter_mut());
        hide_table(spec, hide);
        hide.texts(ending.iter_mut().map(|ending| &mut ending.evidence));
        runtime.hide(hide);
        hide_keys(metrics, hide);
        for artifact in artifacts {
            hide.texts([&mut artifact.name, &mut artifact.path].into_iter().chain(&mut artifact.media_type));
        }
        hide.texts(cost.iter_mut().map(|cost| &mut cost.basis));
        let Self { capabilities, executions, environment, .. } = self;
        hide_table(&mut capabilities.asked, hide);
        hide_table(&mut capabilities.granted, hide);
        hide_keys(&mut capabilities.used, hide);
        for execution in executions {
            hide.texts(execution.argv.iter_mut().chain(execution.ending.iter_mut().map(|ending| &mut ending.evidence)));
        }
        if let Some(environment) = environment {
            hide_table(&mut environment.metadata, hide);
        }
    }
}

impl RuntimeSection {
    fn hide(&mut self, hide: &Hide) {
        hide_table(self.metadata_mut(), hide);
    }
}

fn hide_table(table: &mut BTreeMap<String, Value>, hide: &Hide) {
    hide_keys(table, hide);
    for value in table.values_mut() {
        hide.json(value);
    }
}

fn hide_keys<T>(table: &mut BTreeMap<String, T>, hide: &Hide) {
    let entries = std::mem::take(table);
    table.extend(entries.into_iter().map(|(mut key, value)| {
        hide.text(&mut key);
        (key, value)
    }));
}
