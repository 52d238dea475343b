//! What exactly will run: the model, its version, and by which way it is asked for.

use std::time::SystemTime;

use worldflux_plugin::{Cause, Failure, http::Response};

use crate::{
    command::{Command, Name},
    dialect::{self, Deployment, Model, Version},
    handle::Kind,
    inputs::Schema,
    settings::{Settings, Work},
};

/// By which way a model is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// As this version.
    Version(String),
    /// By its name alone, as the API wants it for its official models.
    Model,
    /// From this deployment.
    Deployment(Name),
    /// To be trained from this version into that model.
    Training { version: String, destination: Name },
}

/// What will run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) model: Name,
    pub(crate) way: Way,
    /// The version, where it is known.
    pub(crate) version: Option<String>,
    pub(crate) schema: Schema,
    /// Where the API tells.
    pub(crate) hardware: Option<String>,
    /// When this was looked up, as the clock of the API goes: whatever is made from now on is not older.
    pub(crate) looked_up_at: Option<SystemTime>,
}

impl Target {
    /// Of which only the model is known.
    pub(crate) fn of(model: Name) -> Self {
        Self { model, way: Way::Model, version: None, schema: Schema::default(), hardware: None, looked_up_at: None }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self.way {
            Way::Training { .. } => Kind::Training,
            _ => Kind::Prediction,
        }
    }

    /// For a message: model and version.
    pub(crate) fn words(&self) -> String {
        match &self.version {
            Some(version) => format!("{}:{version}", self.model),
            None => self.model.to_string(),
        }
    }

    /// Ask the API. Changes nothing.
    pub(crate) fn look_up(command: &Command, settings: &Settings) -> Result<Self, Failure> {
        let mut target = Self::of(command.model.clone());
        let mut wanted = command.version.clone();
        if let Work::Deployment(name) = &settings.work {
            let answer = dialect::deployment(name)
                .map_err(|failure| missing(failure, "settings.deployment", &name.to_string(), "a deployment that this token may use"))?;
            wanted = Some(target.deployed(name, answer, wanted)?);
        }
        match wanted {
            Some(wanted) => {
                let typed = format!("{}:{wanted}", command.model);
                let answer = dialect::version(&command.model, &wanted)
                    .map_err(|failure| missing(failure, "command", &typed, "a model and a version that this token may use"))?;
                target.looked_up_at = answer.date();
                let version: Version = answer.json()?;
                target.take(version, settings);
            }
            None => target.newest(command, settings)?,
        }
        Ok(target)
    }

    /// What the deployment serves has to be what was typed.
    fn deployed(&mut self, name: &Name, answer: Response, typed: Option<String>) -> Result<String, Failure> {
        let deployment: Deployment = answer.json()?;
        let Some(release) = deployment.current_release else {
            return Err(Failure::invalid("settings.deployment", name, "a deployment that serves something"));
        };
        if release.model != self.model.to_string() {
            return Err(Failure::invalid("command", &self.model, format!("`{}`, which the deployment `{name}` serves", release.model)));
        }
        if let Some(typed) = typed.filter(|typed| *typed != release.version) {
            let expected = format!("version `{}`, which the deployment `{name}` serves", release.version);
            return Err(Failure::invalid("command", format!("{}:{typed}", self.model), expected));
        }
        self.hardware = Some(release.configuration.hardware).filter(|hardware| !hardware.is_empty());
        Ok(release.version)
    }

    /// The newest version, which is pinned from here on; an official model has none to name.
    fn newest(&mut self, command: &Command, settings: &Settings) -> Result<(), Failure> {
        let name = command.model.to_string();
        let answer =
            dialect::model(&command.model).map_err(|failure| missing(failure, "command", &name, "a model that this token may use"))?;
        self.looked_up_at = answer.date();
        let model: Model = answer.json()?;
        let (official, version) = (model.is_official && settings.work == Work::Predict, model.latest_version);
        match version {
            Some(version) if official => {
                self.schema = Schema::of_version(version.openapi_schema.as_ref(), false);
                self.way = Way::Model;
            }
            None if official => self.way = Way::Model,
            Some(version) => self.take(version, settings),
            None => return Err(Failure::invalid("command", &name, "a model that has a version")),
        }
        Ok(())
    }

    fn take(&mut self, version: Version, settings: &Settings) {
        self.way = match &settings.work {
            Work::Predict => Way::Version(version.id.clone()),
            Work::Deployment(name) => Way::Deployment(name.clone()),
            Work::Train(destination) => Way::Training { version: version.id.clone(), destination: destination.clone() },
        };
        self.schema = Schema::of_version(version.openapi_schema.as_ref(), matches!(settings.work, Work::Train(_)));
        self.version = Some(version.id);
    }
}

/// What is not there was typed wrongly, as a rule.
fn missing(failure: Failure, field: &str, typed: &str, expected: &str) -> Failure {
    if failure.cause == Cause::NotFound { Failure::invalid(field, typed, expected) } else { failure }
}

#[cfg(test)]
mod tests {
    use worldflux_plugin::http::Request;

    use super::*;
    use crate::settings;

    fn deployed(typed: Option<&str>, model: &str) -> Result<(String, Target), Failure> {
        let name = Name::parse("x", "acme/app").unwrap();
        let request = Request::get("https://a.test");
        let answer = Response::made_up(&request, 200, &[], include_str!("../fixtures/deployment.json"));
        let mut target = Target::of(Name::parse("x", model).unwrap());
        let version = target.deployed(&name, answer, typed.map(str::to_owned))?;
        Ok((version, target))
    }

    #[test]
    fn a_deployment_runs_what_it_serves_and_nothing_else() {
        let (version, target) = deployed(None, "acme/echo").unwrap();
        assert_eq!((version.as_str(), target.hardware.as_deref()), ("5c7d5dc6", Some("gpu-t4")));
        assert!(deployed(Some("5c7d5dc6"), "acme/echo").is_ok());
        assert!(deployed(Some("other"), "acme/echo").unwrap_err().message.contains("version `5c7d5dc6`"));
        assert!(deployed(None, "acme/other").unwrap_err().message.contains("`acme/echo`, which the deployment"));
    }

    #[test]
    fn a_version_is_asked_for_by_the_way_that_the_settings_say() {
        let way = |text: &str| {
            let mut target = Target::of(Name::parse("x", "acme/echo").unwrap());
            let version = serde_json::from_str(include_str!("../fixtures/version.json")).unwrap();
            target.take(version, &settings::read(text).unwrap());
            target
        };
        assert!(matches!(way("").way, Way::Version(version) if version.starts_with("5c7d")));
        assert!(matches!(way(r#"{"deployment":"acme/app"}"#).way, Way::Deployment(_)));
        let training = way(r#"{"destination":"acme/tuned"}"#);
        assert_eq!(training.kind(), Kind::Training);
        assert!(training.words().starts_with("acme/echo:5c7d"));
    }
}
