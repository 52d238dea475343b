//! What the user may write under this runtime, as typed and as meant.

use std::time::Duration;

use serde::Deserialize;
use worldflux_plugin::{Failure, context};

use crate::command::Name;

/// JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// The longest that a creating request may wait for the end, in seconds. The API would take 60; the host gives an answer 30 s to begin.
const LONGEST_WAIT: u64 = 25;

/// As typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Typed {
    deployment: Option<String>,
    destination: Option<String>,
    stream: bool,
    poll_interval: Option<f64>,
    wait: Option<u64>,
    price_per_second: Option<f64>,
}

/// As meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) work: Work,
    /// Whether text is read by server-sent events.
    pub(crate) stream: bool,
    /// How often the prediction is looked at; `None` leaves it to its age.
    pub(crate) poll_interval: Option<Duration>,
    /// How long the creating request waits for the end.
    pub(crate) wait: Option<u64>,
    /// Millionths of a US dollar for a second of the model.
    pub(crate) price_per_second: Option<f64>,
}

/// What is made of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// A prediction on shared hardware.
    Predict,
    /// A prediction on this deployment.
    Deployment(Name),
    /// A training, whose result goes into this model.
    Train(Name),
}

/// Reads and checks the settings.
pub(crate) fn read(text: &str) -> Result<Settings, Failure> {
    let typed: Typed = context::parse(text)?;
    let work = match (typed.deployment, typed.destination) {
        (None, None) => Work::Predict,
        (Some(name), None) => Work::Deployment(Name::parse("settings.deployment", &name)?),
        (None, Some(name)) => Work::Train(Name::parse("settings.destination", &name)?),
        (Some(_), Some(name)) => return Err(Failure::invalid("settings.destination", name, "`deployment` or `destination`, not both")),
    };
    let poll_interval = match typed.poll_interval {
        Some(seconds) if !(0.1..=300.0).contains(&seconds) => {
            return Err(Failure::invalid("settings.poll_interval", seconds, "seconds from 0.1 to 300"));
        }
        seconds => seconds.map(Duration::from_secs_f64),
    };
    if let Some(wait) = typed.wait.filter(|wait| !(1..=LONGEST_WAIT).contains(wait)) {
        return Err(Failure::invalid("settings.wait", wait, "whole seconds from 1 to 25"));
    }
    if let Some(price) = typed.price_per_second.filter(|price| !(0.0..=1000.0).contains(price)) {
        return Err(Failure::invalid("settings.price_per_second", price, "US dollars from 0 to 1000"));
    }
    let price_per_second = typed.price_per_second.map(|dollars| dollars * 1e6);
    Ok(Settings { work, stream: typed.stream, poll_interval, wait: typed.wait, price_per_second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_it_is_a_prediction_on_shared_hardware() {
        let settings = read("").unwrap();
        assert_eq!((settings.work, settings.stream, settings.poll_interval), (Work::Predict, false, None));
    }

    #[test]
    fn a_deployment_or_a_destination_changes_what_is_made() {
        assert!(matches!(read(r#"{"deployment":"acme/app"}"#).unwrap().work, Work::Deployment(_)));
        assert!(matches!(read(r#"{"destination":"acme/tuned"}"#).unwrap().work, Work::Train(_)));
    }

    #[test]
    fn what_the_api_would_not_take_is_refused() {
        for text in [
            r#"{"deployment":"app"}"#,
            r#"{"deployment":"a/b","destination":"c/d"}"#,
            r#"{"destination":"../x"}"#,
            r#"{"poll_interval":0}"#,
            r#"{"wait":26}"#,
            r#"{"wait":0}"#,
            r#"{"price_per_second":-1}"#,
            r#"{"webhook":"https://a.test"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_schema_names_the_same_settings() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["deployment", "destination", "poll_interval", "price_per_second", "stream", "wait"]);
        let all = r#"{"deployment":"a/b","stream":true,"poll_interval":1.5,"wait":10,"price_per_second":0.001}"#;
        assert_eq!(read(all).unwrap().price_per_second, Some(1000.0));
    }
}
