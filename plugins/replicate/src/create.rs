//! Making one prediction, and never two. The API takes no token by which it would know a request again, so a lost answer is looked for among what
//! was made since.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};
use worldflux_plugin::{
    Cause, Failure,
    context::Context,
    http::{self, Response},
    log,
};

use crate::{
    dialect::{self, Prediction},
    handle::Kind,
    note::{Asked, Note},
    target::Target,
};

/// Requests that create, at most: each but the first only after it is known that the one before it made nothing.
const ATTEMPTS: usize = 3;

/// How often, and after which time, a prediction is looked for that may have been made: a list can be a moment behind.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(700);

/// Pages that are looked through. What was made a moment ago is on the first.
const PAGES: usize = 5;

/// How much earlier than the answer of the API that came before it a prediction may say that it was made: servers do not agree to the second.
const SLACK: Duration = Duration::from_secs(2);

/// The same where the API told no time and the clock of this machine has to do.
const LOCAL_SLACK: Duration = Duration::from_mins(1);

/// Make it, and write down what was made.
pub(crate) fn create(
    context: &Context,
    note: &mut Note,
    target: &Target,
    input: Map<String, Value>,
    wait: Option<u64>,
    deadline: Option<Duration>,
) -> Result<Prediction, Failure> {
    let request = dialect::create(target, &input, wait, deadline);
    let since = target.looked_up_at.map_or_else(|| SystemTime::now() - LOCAL_SLACK, |at| at - SLACK);
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let asked =
        Asked { model: target.model.to_string(), version: target.version.clone(), input, since: u64::try_from(since).unwrap_or(u64::MAX) };
    note.asked = Some(asked.clone());
    note.write(context)?;
    let what = format!("creating a {} of {}", target.kind().word(), target.words());
    let mut lost = Failure::other(&what);
    for _ in 0..ATTEMPTS {
        let made = match told(request.send_patiently(&dialect::PATIENCE), &what) {
            Told::Made(prediction) => Some(*prediction),
            Told::Lost(failure) => {
                log::warning(&format!("{failure}; looking whether it was made all the same"));
                let found = find_patiently(context, target.kind(), &asked);
                lost = failure;
                found.map_err(|failure| unsure(&lost, failure))?
            }
            Told::Refused(failure) => return Err(failure),
        };
        if let Some(prediction) = made {
            note.id = Some(prediction.id.clone());
            note.write(context)?;
            return Ok(prediction);
        }
        log::info(&format!("{what}: nothing was made, so it is asked for again"));
    }
    Err(lost)
}

/// What an answer says about what was made.
enum Told {
    Made(Box<Prediction>),
    /// Something may have been made, although no answer says so.
    Lost(Failure),
    /// Nothing was made.
    Refused(Failure),
}

fn told(answer: Result<Response, Failure>, what: &str) -> Told {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) if is_lost(&failure) => return Told::Lost(failure),
        Err(failure) => return Told::Refused(failure),
    };
    match answer.status() {
        200..=299 => answer.json().map_or_else(Told::Lost, Told::Made),
        408 | 500..=599 => Told::Lost(answer.into_failure(what)),
        _ => Told::Refused(answer.into_failure(what)),
    }
}

/// Whether a request without an answer may have arrived.
fn is_lost(failure: &Failure) -> bool {
    !failure.repeatable && matches!(failure.cause, Cause::Unavailable { .. } | Cause::TimedOut | Cause::Quota | Cause::Other)
}

fn unsure(lost: &Failure, failure: Failure) -> Failure {
    let message = format!("{lost}, and whether something was made cannot be found out: {failure}");
    Failure { message, repeatable: false, ..failure }.hint("`worldflux reap` looks for it again, and ends it")
}

fn find_patiently(context: &Context, kind: Kind, asked: &Asked) -> Result<Option<Prediction>, Failure> {
    for look in 0..LOOKS {
        if look > 0 {
            thread::sleep(BETWEEN_LOOKS);
        }
        if let Some(found) = find(context, kind, asked)? {
            log::info(&format!("{} `{}` was made, although its answer was lost", kind.word(), found.id));
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What was made as `asked`, if it was: of the same model and version, with the same input, since then, and of no other run of this machine.
pub(crate) fn find(context: &Context, kind: Kind, asked: &Asked) -> Result<Option<Prediction>, Failure> {
    let others = Note::of_others(context);
    let mut found: Option<Prediction> = None;
    let mut next = None;
    for _ in 0..PAGES {
        let page = dialect::list(kind, next.as_deref())?;
        let older = page.results.iter().any(|one| created_at(one).is_some_and(|at| at < asked.since()));
        let mut matching = page.results.into_iter().filter(|one| is_it(one, asked, &others));
        // Newest first: the last one that matches is the one that was asked for first.
        found = matching.next_back().or(found);
        next = page.next;
        if older || next.is_none() {
            break;
        }
    }
    Ok(found)
}

fn is_it(one: &Prediction, asked: &Asked, others: &BTreeSet<String>) -> bool {
    let same_version = match (&asked.version, &one.version) {
        (Some(asked), Some(made)) => asked == made,
        _ => true,
    };
    let same_model = one.model.as_ref().is_none_or(|model| *model == asked.model);
    let by_api = one.source.as_deref().is_none_or(|source| source == "api");
    let same_input = one.input.as_ref().is_some_and(|input| same_object(input, &asked.input));
    let since = created_at(one).is_some_and(|at| at >= asked.since());
    same_version && same_model && by_api && same_input && since && !others.contains(&one.id)
}

fn created_at(one: &Prediction) -> Option<SystemTime> {
    http::parse_timestamp(one.created_at.as_deref()?)
}

/// Equal as JSON means it: 5 and 5.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_object(a, b),
        _ => a == b,
    }
}

fn same_object(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use worldflux_plugin::http::Request;

    use super::*;

    fn asked() -> Asked {
        let Value::Object(input) = json!({"prompt": "a", "steps": 5}) else { panic!("it is an object") };
        // 2026-05-08T10:00:00Z.
        Asked { model: "acme/echo".into(), version: Some("5c7d".into()), input, since: 1_778_234_400_000 }
    }

    fn made(change: impl FnOnce(&mut Value)) -> Prediction {
        let mut value = json!({
            "id": "p1", "status": "starting", "model": "acme/echo", "version": "5c7d", "source": "api",
            "input": {"steps": 5.0, "prompt": "a"}, "created_at": "2026-05-08T10:00:00.5Z"
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_was_asked_for_is_found_again_and_nothing_else() {
        let none = BTreeSet::new();
        assert!(is_it(&made(|_| {}), &asked(), &none));
        assert!(is_it(&made(|one| one["version"] = Value::Null), &asked(), &none));
        for (key, value) in [
            ("version", json!("other")),
            ("model", json!("acme/other")),
            ("source", json!("web")),
            ("input", json!({"prompt": "a"})),
            ("input", json!({"prompt": "a", "steps": 6})),
            ("input", json!({"prompt": "a", "steps": 5, "more": 1})),
            ("created_at", json!("2026-05-08T09:59:59Z")),
            ("created_at", Value::Null),
        ] {
            assert!(!is_it(&made(|one| one[key] = value.clone()), &asked(), &none), "{key}: {value}");
        }
        assert!(!is_it(&made(|_| {}), &asked(), &BTreeSet::from(["p1".to_owned()])), "it belongs to another run");
    }

    #[test]
    fn only_an_answer_that_says_nothing_is_looked_for() {
        let request = Request::post("https://a.test");
        let is_lost = |status: u16, body: &str| matches!(told(Ok(Response::made_up(&request, status, &[], body)), "x"), Told::Lost(_));
        for status in [500, 502, 503, 504, 408] {
            assert!(is_lost(status, "{}"), "{status}");
        }
        for status in [400, 401, 402, 403, 404, 409, 422, 429, 302] {
            assert!(!is_lost(status, "{}"), "{status}");
        }
        assert!(is_lost(201, "{\"id\":"), "an answer that broke off");
        assert!(!is_lost(201, "{\"id\":\"p\",\"status\":\"starting\"}"));
        assert!(matches!(told(Err(Failure::new(Cause::TimedOut, "x")), "x"), Told::Lost(_)));
        assert!(matches!(told(Err(Failure::unavailable("refused", None)), "x"), Told::Refused(_)));
        let denied = Cause::Denied { action: String::new(), rule: String::new(), cure: String::new() };
        assert!(matches!(told(Err(Failure::new(denied, "x")), "x"), Told::Refused(_)));
    }
}
