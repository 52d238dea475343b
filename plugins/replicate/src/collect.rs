//! Bringing home what a prediction left.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use worldflux_plugin::{Artifact, AtPath as _, Cost, Detail, Failure, Metric, Outcome, PhaseDuration, collect, context::Context};

use crate::{
    dialect::{self, Prediction},
    files::Fetched,
    handle::Handle,
    plan::micro_dollars,
    settings,
};

/// Where the output is put as JSON, with the names of files in the place of their addresses.
const OUTPUT: &str = "output.json";

pub(crate) fn outcome(context: &Context, handle: &Handle) -> Result<Outcome, Failure> {
    let settings = settings::read(&context.settings)?;
    let prediction = dialect::look_patiently(handle)?;
    let mut fetched = Fetched::default();
    if !prediction.output.is_null() {
        let mut output = prediction.output.clone();
        fetched.bring(context, &mut output);
        let path = format!("{}/{OUTPUT}", context.folders.output.guest);
        let text = serde_json::to_string_pretty(&output).map_err(|error| Failure::other(format!("the output is no JSON: {error}")))?;
        fs::write(&path, text + "\n").at(&path)?;
    }
    let (mut artifacts, cut) = collect::artifacts(context)?;
    // What could not be fetched is named all the same: the host finds that it is missing, and the run is not complete.
    for (name, _) in &fetched.missing {
        let path = format!("{}/{name}", context.folders.output.guest);
        artifacts.push(Artifact { name: name.clone(), path, commit: false, media_type: None });
    }
    let details = if cut { vec![Detail::new("artifacts-left-out", &true.into())] } else { Vec::new() };
    Ok(Outcome { artifacts, details, ..told(handle, &prediction, settings.price_per_second) })
}

/// What the API says about it.
fn told(handle: &Handle, prediction: &Prediction, price_per_second: Option<f64>) -> Outcome {
    let queued = Prediction::between(prediction.created_at.as_deref(), prediction.started_at.as_deref());
    let ran = Prediction::between(prediction.started_at.as_deref(), prediction.completed_at.as_deref());
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let phase = |phase: &str, duration| PhaseDuration { phase: phase.into(), duration: millis(duration) };
    let mut outcome = Outcome {
        exit_code: match prediction.status.as_str() {
            "succeeded" => Some(0),
            "failed" => Some(1),
            _ => None,
        },
        duration: ran.map(millis),
        metrics: metrics(prediction),
        cost: price_per_second.and_then(|price| cost(prediction, price)),
        phases: queued.map(|queued| phase("queue", queued)).into_iter().chain(ran.map(|ran| phase("model", ran))).collect(),
        ..Outcome::free()
    };
    let web = prediction.urls.web.clone().unwrap_or_else(|| format!("https://replicate.com/p/{}", handle.id));
    let all = [
        (handle.kind.word(), Some(handle.id.clone())),
        ("status", Some(prediction.status.clone())),
        ("model", prediction.model.clone()),
        ("version", prediction.version.clone()),
        ("page", Some(web)),
        ("error", prediction.error().map(|error| error.chars().take(4_000).collect())),
    ];
    for (key, value) in all {
        outcome.metadata.extend(value.map(|value| Detail::text(key, value)));
    }
    if let Some(metrics) = &prediction.metrics {
        outcome.metadata.push(Detail::new("metrics", &Value::Object(metrics.clone())));
    }
    outcome
}

/// The numbers among what the API measured; a name inside of another is written with a dot.
fn metrics(prediction: &Prediction) -> Vec<Metric> {
    fn flatten(above: &str, value: &Value, into: &mut Vec<Metric>) {
        match value {
            Value::Number(number) => {
                into.extend(number.as_f64().filter(|number| number.is_finite()).map(|value| Metric { name: above.into(), value }));
            }
            Value::Object(parts) => {
                for (name, part) in parts.iter().filter(|(name, _)| !name.is_empty() && name.len() < 100) {
                    let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
                    flatten(&name, part, into);
                }
            }
            _ => {}
        }
    }
    let mut metrics = Vec::new();
    flatten("", &json!(prediction.metrics), &mut metrics);
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    metrics.dedup_by(|a, b| a.name == b.name);
    metrics
}

/// What it cost by the price that the user gave: the API bills the time in which a model worked.
fn cost(prediction: &Prediction, price_per_second: f64) -> Option<Cost> {
    let seconds = prediction.metrics.as_ref()?.get("predict_time")?.as_f64()?;
    let basis = format!("{seconds} s at {} US dollars a second, as the setting `price_per_second` says", price_per_second / 1e6);
    Some(Cost { amount: micro_dollars(seconds * price_per_second), basis, final_: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Kind;

    fn outcome(price: Option<f64>) -> Outcome {
        let prediction: Prediction = serde_json::from_str(include_str!("../fixtures/prediction.json")).unwrap();
        told(&Handle::new(Kind::Prediction, &prediction.id).unwrap(), &prediction, price)
    }

    #[test]
    fn what_the_api_measured_stands_in_the_manifest() {
        let outcome = outcome(None);
        let metrics: Vec<_> = outcome.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(metrics, [("predict_time", 1.5), ("tokens.output", 12.0), ("total_time", 2.0)]);
        assert_eq!((outcome.exit_code, outcome.duration), (Some(0), Some(1_500)));
        let phases: Vec<_> = outcome.phases.iter().map(|phase| (phase.phase.as_str(), phase.duration)).collect();
        assert_eq!(phases, [("queue", 500), ("model", 1_500)]);
        assert!(outcome.metadata.iter().any(|detail| detail.key == "prediction" && detail.value.contains("gm3qorz")));
    }

    #[test]
    fn a_cost_is_told_only_where_its_price_is_known() {
        assert_eq!(outcome(None).cost, None);
        let cost = outcome(Some(225.0)).cost.unwrap();
        assert_eq!((cost.amount, cost.final_), (338, false));
        assert!(cost.basis.starts_with("1.5 s at 0.000225 US dollars a second"), "{}", cost.basis);
    }
}
