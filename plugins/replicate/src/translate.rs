//! From what the API says of a prediction to phases, endings and text.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use worldflux_plugin::{EndKind, Ending, Phase, http};

use crate::{dialect::Prediction, files, handle::Handle};

/// The longest error of a model that is repeated in the evidence, in characters.
const SHOWN: usize = 2_000;

/// How often a prediction is looked at while it is so old, unless the settings say it.
const PACES: [(u64, Duration); 2] = [(60, Duration::from_millis(500)), (600, Duration::from_secs(2))];
const LAST_PACE: Duration = Duration::from_secs(5);

impl Prediction {
    /// Whether nothing more will happen to it. `aborted` is one that was ended before it began.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "canceled" | "aborted")
    }

    /// What went wrong, as the model says it.
    pub(crate) fn error(&self) -> Option<String> {
        match &self.error {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// How this is known.
    pub(crate) fn evidence(&self, handle: &Handle) -> String {
        let error = self.error().map(|error| format!(": {}", error.chars().take(SHOWN).collect::<String>())).unwrap_or_default();
        format!("state `{}` of {}{error}", self.status, handle.words())
    }

    pub(crate) fn phase(&self, handle: &Handle) -> Phase {
        let kind = match self.status.as_str() {
            "starting" | "queued" => return Phase::Pending,
            "succeeded" => EndKind::Exited(0),
            "failed" => EndKind::Exited(1),
            "canceled" | "aborted" => EndKind::Killed,
            _ => return Phase::Running,
        };
        let mut ending = Ending::new(kind, self.evidence(handle));
        let (started, ended) = (moment(self.started_at.as_deref()), moment(self.completed_at.as_deref()));
        // Of two clocks that contradict each other neither is believed.
        if !matches!((started, ended), (Some(started), Some(ended)) if started > ended) {
            (ending.started_at, ending.ended_at) = (started, ended);
        }
        Phase::Ended(ending)
    }

    /// How long after `from` it was `to`.
    pub(crate) fn between(from: Option<&str>, to: Option<&str>) -> Option<Duration> {
        http::parse_timestamp(to?)?.duration_since(http::parse_timestamp(from?)?).ok()
    }

    /// How long to wait for the next look, by its age at `now`.
    pub(crate) fn pace(&self, now: SystemTime) -> Duration {
        let age = self.created_at.as_deref().and_then(http::parse_timestamp).and_then(|at| now.duration_since(at).ok());
        let age = age.unwrap_or_default().as_secs();
        PACES.iter().find(|(until, _)| age < *until).map_or(LAST_PACE, |(_, pace)| *pace)
    }

    /// The output as text for the log, as far as it is there and will not change any more; files are brought home instead. A model that tells
    /// its output piece by piece has a list of texts, which grows.
    pub(crate) fn text(&self) -> String {
        let over = self.is_over();
        let mut text = match &self.output {
            Value::Null => String::new(),
            Value::Array(pieces) if pieces.iter().all(is_text) => pieces.iter().filter_map(Value::as_str).collect(),
            Value::String(text) if over && !files::is_file(text) => text.clone(),
            output if over && !files::all_are_files(output) => serde_json::to_string_pretty(output).unwrap_or_default(),
            _ => String::new(),
        };
        if over && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// The logs, and at the end the error.
    pub(crate) fn whole_log(&self) -> String {
        let mut log = self.logs.clone().unwrap_or_default();
        if self.status == "failed"
            && let Some(error) = self.error()
        {
            if !log.is_empty() && !log.ends_with('\n') {
                log.push('\n');
            }
            let _ = writeln!(log, "error: {error}");
        }
        log
    }
}

fn is_text(piece: &Value) -> bool {
    piece.as_str().is_some_and(|text| !files::is_file(text))
}

/// Milliseconds of Unix time.
fn moment(text: Option<&str>) -> Option<u64> {
    let since = http::parse_timestamp(text?)?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::handle::Kind;

    fn prediction(mut value: Value) -> Prediction {
        for (key, usual) in [("id", "p1"), ("status", "processing")] {
            value.as_object_mut().unwrap().entry(key).or_insert_with(|| usual.into());
        }
        serde_json::from_value(value).unwrap()
    }

    fn phase(value: Value) -> Phase {
        prediction(value).phase(&Handle::new(Kind::Prediction, "p1").unwrap())
    }

    #[test]
    fn a_state_becomes_a_phase_with_its_evidence() {
        assert_eq!(phase(json!({"status": "starting"})), Phase::Pending);
        assert_eq!(phase(json!({"status": "processing"})), Phase::Running);
        assert_eq!(phase(json!({"status": "something new"})), Phase::Running);
        for (status, kind) in
            [("succeeded", EndKind::Exited(0)), ("failed", EndKind::Exited(1)), ("canceled", EndKind::Killed), ("aborted", EndKind::Killed)]
        {
            let Phase::Ended(ending) = phase(json!({"status": status})) else { panic!("{status}") };
            assert_eq!((ending.kind, ending.evidence), (kind, format!("state `{status}` of prediction `p1`")));
        }
    }

    #[test]
    fn an_error_stands_in_the_evidence_and_at_the_end_of_the_log() {
        let value = json!({"status": "failed", "error": "out of memory", "logs": "step 1"});
        let Phase::Ended(ending) = phase(value.clone()) else { panic!("it has ended") };
        assert_eq!(ending.evidence, "state `failed` of prediction `p1`: out of memory");
        assert_eq!(prediction(value).whole_log(), "step 1\nerror: out of memory\n");
        assert_eq!(prediction(json!({"status": "canceled", "error": "x", "logs": "a\n"})).whole_log(), "a\n");
    }

    #[test]
    fn clocks_that_contradict_each_other_are_not_believed() {
        let (early, late) = ("2026-05-08T10:00:00Z", "2026-05-08T10:00:01Z");
        let Phase::Ended(ending) = phase(json!({"status": "succeeded", "started_at": early, "completed_at": late})) else { panic!() };
        assert_eq!(ending.ended_at.unwrap() - ending.started_at.unwrap(), 1000);
        let Phase::Ended(ending) = phase(json!({"status": "succeeded", "started_at": late, "completed_at": early})) else { panic!() };
        assert_eq!((ending.started_at, ending.ended_at), (None, None));
    }

    #[test]
    fn text_that_was_told_is_the_beginning_of_the_text_that_will_be() {
        let output = |status: &str, output: Value| prediction(json!({"status": status, "output": output})).text();
        assert_eq!(output("processing", json!(["a ", "b "])), "a b ");
        assert_eq!(output("succeeded", json!(["a ", "b ", "c"])), "a b c\n");
        assert_eq!(output("processing", json!("half")), "");
        assert_eq!(output("succeeded", json!("whole\n")), "whole\n");
        assert_eq!(output("processing", json!({"a": 1})), "");
        assert_eq!(output("succeeded", json!({"a": 1})), "{\n  \"a\": 1\n}\n");
        assert_eq!(output("succeeded", json!(["https://replicate.delivery/x/out.png"])), "");
        assert_eq!(output("succeeded", json!("https://replicate.delivery/x/out.png")), "");
        assert_eq!(output("succeeded", json!("https://example.org/a-link")), "https://example.org/a-link\n");
        assert_eq!(output("failed", Value::Null), "");
    }

    #[test]
    fn an_old_prediction_is_looked_at_less_often() {
        let one = prediction(json!({"created_at": "2026-05-08T10:00:00Z"}));
        let after = |seconds| one.pace(http::parse_timestamp("2026-05-08T10:00:00Z").unwrap() + Duration::from_secs(seconds));
        assert_eq!([0, 60, 600].map(after), [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)]);
    }
}
