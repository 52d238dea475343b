//! Lies: answers that no host must use. An unknown behaviour gives the honest answer.

use crate::wit::{
    exports::worldflux::runtime::plugin::{
        Artifact, Cost, Description, Environment, Failure, Finding, Metric, Observation, Outcome, Outline, OutputChunk, Phase,
        PhaseDuration, PlannedResource, Release,
    },
    worldflux::runtime::types::{Cause, Channel, Detail, EndKind, Ending},
};

const MANY: usize = 1_000_000;
const HUGE: usize = 10 << 20;

/// What a terminal would obey, and what a line-based reader would misread.
const CONTROL: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\r\nerror: forged\u{202e}";

fn detail(key: &str, value: &str) -> Detail {
    Detail { key: key.into(), value: value.into() }
}

/// Details for the behaviours that every record with details shares.
fn details(behaviour: &str) -> Option<Vec<Detail>> {
    Some(match behaviour {
        "bad-json" => vec![detail("a", "{not json")],
        "nan-json" => vec![detail("a", "NaN")],
        "deep-json" => vec![detail("a", &"[".repeat(100_000))],
        "deep-closed-json" => vec![detail("a", &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))],
        "huge-json" => vec![detail("a", &format!("\"{}\"", "x".repeat(HUGE)))],
        "duplicate-key" => vec![detail("a", "1"), detail("a", "2")],
        "empty-key" => vec![detail("", "1")],
        "control-key" => vec![detail(CONTROL, "1")],
        "many-keys" => (0..MANY).map(|number| detail(&number.to_string(), "1")).collect(),
        _ => return None,
    })
}

pub fn failure() -> Failure {
    Failure {
        cause: Cause::Other,
        message: "the rogue says no".into(),
        repeatable: false,
        hint: Some("do not use it".into()),
        details: vec![],
    }
}

/// What an honest plugin says that was denied a request: it knows no more.
pub fn cannot_be_reached() -> Failure {
    Failure { message: "the service cannot be reached".into(), hint: None, ..failure() }
}

pub fn huge_failure() -> Failure {
    Failure { message: CONTROL.repeat(HUGE / CONTROL.len()), details: vec![detail("a", "{")], ..failure() }
}

fn shared<T>(behaviour: &str, honest: T) -> Result<T, Failure> {
    match behaviour {
        "failure" => Err(failure()),
        "huge-failure" => Err(huge_failure()),
        _ => Ok(honest),
    }
}

pub fn describe(honest: Description, behaviour: &str) -> Description {
    match behaviour {
        "wrong-name" => Description { name: "local".into(), ..honest },
        "bad-name" => Description { name: "../../x".into(), ..honest },
        "wrong-version" => Description { version: "9.9.9".into(), ..honest },
        "bad-version" => Description { version: "newest".into(), ..honest },
        "bad-schema" => Description { settings_schema: "{not json".into(), ..honest },
        "no-schema" => Description { settings_schema: r#"{"type":17}"#.into(), ..honest },
        "remote-schema" => Description { settings_schema: r#"{"$ref":"http://127.0.0.1:9/x.json"}"#.into(), ..honest },
        "huge-summary" => Description { summary: "x".repeat(HUGE), ..honest },
        "control" => Description { summary: CONTROL.into(), ..honest },
        other => Description { details: details(other).unwrap_or(honest.details), ..honest },
    }
}

pub fn doctor(honest: Finding, behaviour: &str) -> Result<Vec<Finding>, Failure> {
    let one = |finding: Finding| Ok(vec![finding]);
    match behaviour {
        "lie-names" => one(Finding { check: format!("{CONTROL}\0"), ..honest }),
        "empty-name" => one(Finding { check: String::new(), ..honest }),
        "control" => one(Finding { message: CONTROL.into(), remedy: Some(CONTROL.into()), ..honest }),
        "nul" => one(Finding { message: "a\0b".into(), ..honest }),
        "huge-text" => one(Finding { message: "x".repeat(HUGE), ..honest }),
        "trap-after" => one(Finding { message: "x".repeat(crate::FATAL), ..honest }),
        "duplicate" => Ok(vec![honest.clone(), honest]),
        "huge-list" => Ok((0..MANY).map(|number| Finding { check: number.to_string(), ..honest.clone() }).collect()),
        "nothing" => Ok(vec![]),
        other => shared(other, vec![Finding { details: details(other).unwrap_or_default(), ..honest }]),
    }
}

pub fn plan(honest: Outline, behaviour: &str) -> Result<Outline, Failure> {
    let dear = PlannedResource { kind: "instance".into(), name: "x".into(), count: u32::MAX, price_per_hour: Some(u64::MAX) };
    match behaviour {
        "empty-reuse-key" => Ok(Outline { reuse_key: Some(String::new()), ..honest }),
        "bad-reuse-key" => Ok(Outline { reuse_key: Some("sha256:../../x".into()), ..honest }),
        "overflow" => Ok(Outline { resources: vec![dear.clone(), dear], price_in_all: Some(u64::MAX), ..honest }),
        "huge-list" => Ok(Outline { steps: vec!["x".into(); MANY], ..honest }),
        "huge-text" => Ok(Outline { steps: vec!["x".repeat(HUGE)], ..honest }),
        "control" => Ok(Outline { steps: vec![CONTROL.into()], ..honest }),
        other => shared(other, Outline { details: details(other).unwrap_or(honest.details), ..honest }),
    }
}

pub fn build_env(honest: Environment, behaviour: &str) -> Result<Environment, Failure> {
    match behaviour {
        "huge-handle" => Ok(Environment { handle: "h".repeat(1 << 20), ..honest }),
        "nul-handle" => Ok(Environment { handle: "a\0b".into(), ..honest }),
        "empty-handle" => Ok(Environment { handle: String::new(), ..honest }),
        "interpreter-outside" => Ok(Environment { interpreter: Some("/etc/passwd".into()), ..honest }),
        "interpreter-escape" => Ok(Environment { interpreter: Some("/env/../../bin/sh".into()), ..honest }),
        other => shared(other, Environment { metadata: details(other).unwrap_or(honest.metadata), ..honest }),
    }
}

pub fn poll(honest: Observation, behaviour: &str) -> Result<Observation, Failure> {
    let ending = Ending {
        kind: EndKind::Exited(0),
        evidence: "the rogue says so".into(),
        started_at: Some(u64::MAX),
        ended_at: Some(0),
        stdout_bytes: u64::MAX,
        stderr_bytes: u64::MAX,
        truncated: false,
    };
    let chunk = |bytes: Vec<u8>| vec![OutputChunk { channel: Channel::Stdout, bytes }];
    match behaviour {
        "forever" => Ok(Observation { phase: Phase::Running, ask_again_after: u64::MAX, ..honest }),
        "at-once" => Ok(Observation { phase: Phase::Running, ask_again_after: 0, ..honest }),
        "unknown" => Ok(Observation { phase: Phase::Unknown, ..honest }),
        "backwards" => Ok(Observation { phase: Phase::Ended(ending), observed_at: u64::MAX, ..honest }),
        "huge-output" => Ok(Observation { output: chunk(vec![b'x'; HUGE]), ..honest }),
        // SAFETY: none. The host has to see that no memory of the guest is as long.
        "false-length" => Ok(Observation { output: chunk(unsafe { Vec::from_raw_parts(8 as *mut u8, 1 << 28, 1 << 28) }), ..honest }),
        "many-chunks" => Ok(Observation { output: vec![chunk(vec![]).remove(0); MANY], ..honest }),
        "huge-cursor" => Ok(Observation { next: "c".repeat(1 << 20), ..honest }),
        "nul-cursor" => Ok(Observation { next: "a\0b".into(), ..honest }),
        other => shared(other, honest),
    }
}

pub fn collect(honest: Outcome, behaviour: &str) -> Result<Outcome, Failure> {
    let artifact = |name: &str, path: &str| Artifact { name: name.into(), path: path.into(), commit: true, media_type: None };
    let metric = |name: &str, value: f64| Metric { name: name.into(), value };
    let metrics = |metrics: Vec<Metric>| Ok(Outcome { metrics, ..honest.clone() });
    let artifacts = |artifacts: Vec<Artifact>| Ok(Outcome { artifacts, ..honest.clone() });
    match behaviour {
        "nan" => metrics(vec![metric("a", f64::NAN)]),
        "infinite" => metrics(vec![metric("a", f64::NEG_INFINITY)]),
        "duplicate-metric" => metrics(vec![metric("a", 1.0), metric("a", 2.0)]),
        "empty-metric" => metrics(vec![metric("", 1.0)]),
        "many-metrics" => metrics((0..MANY).map(|number| metric(&number.to_string(), 0.0)).collect()),
        "escape" => artifacts(vec![artifact("a", "/output/../x")]),
        "absolute" => artifacts(vec![artifact("a", "/etc/passwd")]),
        "relative" => artifacts(vec![artifact("a", "a")]),
        "nul-path" => artifacts(vec![artifact("a", "/output/a\0b")]),
        "folder" => artifacts(vec![artifact("a", "/output")]),
        "missing" => artifacts(vec![artifact("a", "/output/there-is-no-such-file")]),
        // Together with the act `symlink` of a former export.
        "link" => artifacts(vec![artifact("a", "/output/rogue-link")]),
        "control-name" => artifacts(vec![artifact(CONTROL, "/output/a")]),
        "duplicate-artifact" => artifacts(vec![artifact("a", "/output/a"), artifact("a", "/output/b")]),
        "huge-list" => artifacts((0..MANY).map(|number| artifact(&number.to_string(), "/output/a")).collect()),
        "log-outside" => Ok(Outcome { log: Some("/etc/passwd".into()), ..honest }),
        "overflow" => Ok(Outcome {
            duration: Some(u64::MAX),
            cost: Some(Cost { amount: u64::MAX, basis: CONTROL.into(), final_: true }),
            phases: vec![PhaseDuration { phase: "queue".into(), duration: u64::MAX }; 2],
            ..honest
        }),
        "false-success" => Ok(Outcome { exit_code: Some(0), ..honest }),
        other => shared(other, Outcome { metadata: details(other).unwrap_or_else(|| honest.metadata.clone()), ..honest }),
    }
}

pub fn teardown(honest: Release, behaviour: &str) -> Result<Release, Failure> {
    match behaviour {
        "huge-text" => Ok(Release { evidence: "x".repeat(HUGE), ..honest }),
        "control" => Ok(Release { evidence: CONTROL.into(), ..honest }),
        other => shared(other, Release { details: details(other).unwrap_or(honest.details), ..honest }),
    }
}
