//! The API of Replicate, version 1: every request that is made, and every answer that is read. What an answer has beyond this is ignored.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use worldflux_plugin::{
    Failure,
    http::{Multipart, Request, Response, Retry},
};

use crate::{
    command::Name,
    handle::{Handle, Kind},
    target::{Target, Way},
};

/// Where the API is.
pub(crate) const API: &str = "https://api.replicate.com/v1";

/// The secret that the host puts into every request.
pub(crate) const TOKEN: &str = "replicate-api-token";

/// The longest that one look may take.
const LOOK: Duration = Duration::from_secs(30);

/// How long to go on trying where the API says that it is too busy.
pub(crate) const PATIENCE: Retry = Retry::new(5, Duration::from_secs(45));

/// Time that the API is given beyond the deadline of the run: the run ends its prediction itself, and this ends one whose run is gone.
const BEYOND: Duration = Duration::from_mins(1);

/// Whose token it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) username: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
}

/// A model.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    #[serde(default)]
    pub(crate) latest_version: Option<Version>,
    /// Run by its name alone, without a version.
    #[serde(default)]
    pub(crate) is_official: bool,
}

/// A version of a model.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) openapi_schema: Option<Value>,
}

/// A deployment.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployment {
    #[serde(default)]
    pub(crate) current_release: Option<Release>,
}

/// What a deployment serves now.
#[derive(Debug, Deserialize)]
pub(crate) struct Release {
    pub(crate) model: String,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) configuration: Configuration,
}

/// On what it does so.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Configuration {
    #[serde(default)]
    pub(crate) hardware: String,
}

/// A prediction or a training.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Prediction {
    pub(crate) id: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) input: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) output: Value,
    #[serde(default)]
    pub(crate) error: Value,
    #[serde(default)]
    pub(crate) logs: Option<String>,
    #[serde(default)]
    pub(crate) metrics: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
    #[serde(default)]
    pub(crate) completed_at: Option<String>,
    #[serde(default)]
    pub(crate) urls: Urls,
}

/// Where more of a prediction is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Urls {
    #[serde(default)]
    pub(crate) stream: Option<String>,
    #[serde(default)]
    pub(crate) web: Option<String>,
}

/// A page of predictions, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) next: Option<String>,
    pub(crate) results: Vec<Prediction>,
}

/// A file that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentFile {
    pub(crate) id: String,
    pub(crate) urls: FileUrls,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileUrls {
    pub(crate) get: String,
}

fn get(path: &str) -> Request {
    Request::get(format!("{API}/{path}")).within(LOOK)
}

pub(crate) fn account() -> Result<Account, Failure> {
    told(get("account").send_patiently(&Retry::default())?.checked("reading the account")?)
}

/// The answer as well: it tells the time of the server.
pub(crate) fn model(name: &Name) -> Result<Response, Failure> {
    get(&format!("models/{name}")).send_patiently(&PATIENCE)?.checked(&format!("looking up the model `{name}`"))
}

pub(crate) fn version(name: &Name, id: &str) -> Result<Response, Failure> {
    let what = format!("looking up version `{id}` of the model `{name}`");
    get(&format!("models/{name}/versions/{id}")).send_patiently(&PATIENCE)?.checked(&what)
}

pub(crate) fn deployment(name: &Name) -> Result<Response, Failure> {
    get(&format!("deployments/{name}")).send_patiently(&PATIENCE)?.checked(&format!("looking up the deployment `{name}`"))
}

/// The request that makes a prediction or a training. There is no way to mark it as one of this run.
pub(crate) fn create(target: &Target, input: &Map<String, Value>, wait: Option<u64>, deadline: Option<Duration>) -> Request {
    let (path, body) = match &target.way {
        Way::Version(version) => ("predictions".to_owned(), json!({ "version": version, "input": input })),
        Way::Model => (format!("models/{}/predictions", target.model), json!({ "input": input })),
        Way::Deployment(name) => (format!("deployments/{name}/predictions"), json!({ "input": input })),
        Way::Training { version, destination } => {
            let body = json!({ "destination": destination.to_string(), "input": input });
            (format!("models/{}/versions/{version}/trainings", target.model), body)
        }
    };
    let request = Request::post(format!("{API}/{path}")).json(&body);
    let held = Duration::from_secs(wait.unwrap_or(0)) + LOOK;
    let request = request.answer_within(held).within(held + LOOK);
    let request = wait.into_iter().fold(request, |request, wait| request.header("prefer", format!("wait={wait}")));
    let backstop = deadline.filter(|_| target.kind() == Kind::Prediction).map(|deadline| (deadline + BEYOND).as_secs());
    backstop.into_iter().fold(request, |request, seconds| request.header("cancel-after", format!("{seconds}s")))
}

/// One look, without patience: the host asks again by itself.
pub(crate) fn look(handle: &Handle) -> Result<Prediction, Failure> {
    told(get(&handle.to_string()).send()?.checked(&format!("looking at {}", handle.words()))?)
}

/// A look that has to come about.
pub(crate) fn look_patiently(handle: &Handle) -> Result<Prediction, Failure> {
    told(get(&handle.to_string()).send_patiently(&PATIENCE)?.checked(&format!("looking at {}", handle.words()))?)
}

/// Asking twice does what asking once does, so that a lost answer is no harm.
pub(crate) fn cancel(handle: &Handle) -> Result<Response, Failure> {
    Request::post(format!("{API}/{handle}/cancel")).within(LOOK).send_patiently(&PATIENCE)
}

/// The newest predictions or trainings, or those behind `next`.
pub(crate) fn list(kind: Kind, next: Option<&str>) -> Result<Page, Failure> {
    let url = next.map_or_else(|| format!("{API}/{}", kind.path()), str::to_owned);
    told(Request::get(url).within(LOOK).send_patiently(&PATIENCE)?.checked("looking through what was made")?)
}

/// Send a file, `path` in the workspace.
pub(crate) fn send_file(path: &str, file_name: &str, media_type: &str) -> Result<SentFile, Failure> {
    let form = Multipart::new().file("content", file_name, media_type, path);
    let request = Request::post(format!("{API}/files")).multipart(form).answer_within(LOOK).within(Duration::from_mins(4));
    // One that was sent in vain is not used, and the API removes it after a day.
    told(request.send_patiently(&PATIENCE)?.checked(&format!("sending `{file_name}`"))?)
}

pub(crate) fn delete_file(id: &str) -> Result<Response, Failure> {
    Request::delete(format!("{API}/files/{id}")).within(LOOK).send_patiently(&PATIENCE)
}

/// The output while it comes, after the event `last`.
pub(crate) fn stream(url: &str, last: &str, longest: Duration) -> Request {
    let request = Request::get(url).header("accept", "text/event-stream").header("cache-control", "no-store");
    let request = request.answer_within(longest).within(longest * 2);
    if last.is_empty() { request } else { request.header("last-event-id", last) }
}

fn told<T: serde::de::DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    answer.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_the_api_are_read() {
        let prediction: Prediction = serde_json::from_str(include_str!("../fixtures/prediction.json")).unwrap();
        assert_eq!((prediction.id.as_str(), prediction.status.as_str()), ("gm3qorzdhgbfurvjtvhg6dckhu", "succeeded"));
        assert_eq!(prediction.logs.as_deref(), Some("Using seed: 42\n"));
        let page: Page = serde_json::from_str(include_str!("../fixtures/predictions.json")).unwrap();
        assert_eq!(page.results.len(), 2);
        assert_eq!(page.results[1].logs, None);
        assert!(page.next.unwrap().starts_with(API));
        let model: Model = serde_json::from_str(include_str!("../fixtures/model.json")).unwrap();
        assert!(model.is_official && model.latest_version.unwrap().openapi_schema.is_some());
        let deployment: Deployment = serde_json::from_str(include_str!("../fixtures/deployment.json")).unwrap();
        assert_eq!(deployment.current_release.unwrap().configuration.hardware, "gpu-t4");
        let training: Prediction = serde_json::from_str(include_str!("../fixtures/training.json")).unwrap();
        assert_eq!(training.output["version"], "acme/tuned:1a2b");
    }

    #[test]
    fn each_way_has_its_own_request() {
        let name = |text| Name::parse("x", text).unwrap();
        let input = Map::from_iter([("text".to_owned(), "hi".into())]);
        for (way, path, body) in [
            (Way::Version("v1".into()), "predictions", json!({"version": "v1", "input": {"text": "hi"}})),
            (Way::Model, "models/acme/echo/predictions", json!({"input": {"text": "hi"}})),
            (Way::Deployment(name("acme/app")), "deployments/acme/app/predictions", json!({"input": {"text": "hi"}})),
            (
                Way::Training { version: "v1".into(), destination: name("acme/tuned") },
                "models/acme/echo/versions/v1/trainings",
                json!({"destination": "acme/tuned", "input": {"text": "hi"}}),
            ),
        ] {
            let target = Target { way, ..Target::of(name("acme/echo")) };
            let wanted = Request::post(format!("{API}/{path}")).json(&body).answer_within(LOOK).within(LOOK * 2);
            assert_eq!(create(&target, &input, None, None), wanted);
        }
    }

    #[test]
    fn the_api_is_told_to_end_what_its_run_has_left() {
        let target = Target::of(Name::parse("x", "acme/echo").unwrap());
        let request = create(&target, &Map::new(), Some(5), Some(Duration::from_secs(30)));
        let text = format!("{request:?}");
        assert!(text.contains("\"cancel-after\", \"90s\"") && text.contains("\"prefer\", \"wait=5\""), "{text}");
    }
}
