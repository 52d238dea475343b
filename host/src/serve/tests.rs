//! What the protocol promises as a whole.
#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use super::{
    error::{Fault, ServeError},
    execution, files,
    method::{Entry, METHODS, Method, Order},
    parameters, serve_schema, session,
};

fn schema() -> Value {
    serde_json::from_str(&serve_schema()).unwrap()
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/serve.v1.schema.json");
    if std::env::var_os("WORLDFLUX_BLESS").is_some() {
        fs::write(&path, serve_schema()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == serve_schema(), "run this test with WORLDFLUX_BLESS=1 to write {} anew", path.display());
}

#[test]
fn every_schema_can_be_used_and_every_reference_leads_somewhere() {
    let document = schema();
    for part in ["methods", "notifications"] {
        for (name, entry) in document[part].as_object().unwrap() {
            for side in ["params", "result"] {
                let Some(schema) = entry.get(side) else { continue };
                let mut schema = schema.clone();
                schema.as_object_mut().unwrap().insert("$defs".into(), document["$defs"].clone());
                assert!(jsonschema::draft202012::new(&schema).is_ok(), "{name} {side}");
            }
            assert!(entry["summary"].as_str().unwrap().ends_with('.'), "{name} says in a sentence what it does");
        }
    }
}

#[test]
fn methods_have_one_name_each_a_noun_and_a_verb() {
    let names: Vec<_> = METHODS.iter().map(|entry| entry.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        let (noun, verb) = name.split_once('.').unwrap();
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(is_word(noun) && is_word(verb), "{name}");
    }
    assert!(Entry::named("execution.run").is_ok_and(|entry| entry.order == Order::Any));
    let Err(ServeError::NoMethod { meant, .. }) = Entry::named("execution.runn") else { unreachable!() };
    assert_eq!(meant, Some("execution.run"));
}

fn refusal<M: Method>(parameters: Value) -> Fault {
    match parameters::read::<M>(parameters) {
        Ok(_) => unreachable!("these are no parameters"),
        Err(error) => Fault::from(&error),
    }
}

/// F230, F233, X80
#[test]
fn a_parameter_that_is_wrong_is_named_with_its_value() {
    let fault = refusal::<execution::Run>(json!({ "session": "s", "command": { "argv": ["true", 7] } }));
    assert_eq!((fault.data.field.as_deref(), fault.data.value.as_deref()), (Some("command.argv.1"), Some("7")));
    assert_eq!((fault.code, fault.data.code.as_str()), (-32602, "invalid-parameters"));
    assert!(fault.message.contains("execution.run") && fault.message.contains("command.argv.1"), "{}", fault.message);

    let fault = refusal::<session::Open>(json!({ "mode": "agnet" }));
    assert_eq!((fault.data.field.as_deref(), fault.data.value.as_deref()), (Some("mode"), Some("agnet")));
    let fault = refusal::<session::Open>(json!({ "modes": "agent" }));
    assert!(fault.message.contains("`modes`") && fault.message.contains("`mode`"), "{}", fault.message);
    let fault = refusal::<files::Read>(json!({ "session": "../x", "paths": [] }));
    assert!(fault.message.contains("../x"), "{}", fault.message);
    let fault = refusal::<files::Read>(json!({ "session": "s" }));
    assert!(fault.message.contains("`paths`"), "{}", fault.message);
    let fault = refusal::<execution::Start>(json!({ "session": "s", "command": { "shell": "x", "stdin": { "txt": "a" } } }));
    assert!(fault.message.contains("txt"), "{}", fault.message);
}

#[test]
fn what_the_schema_takes_is_what_the_types_take() {
    let document = schema();
    let mut schema = document["methods"]["session.open"]["params"].clone();
    schema.as_object_mut().unwrap().insert("$defs".into(), document["$defs"].clone());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (parameters, fits) in [
        (json!({}), true),
        (json!({ "spec": "a.yaml", "mode": "agent", "workspace": { "copy-of": "x" }, "events": true }), true),
        (json!({ "spec": { "runtime": "local" }, "workspace": "named", "variables": { "A": "b" } }), true),
        (json!({ "spec": 7 }), false),
        (json!({ "workspace": "old" }), false),
        (json!({ "variables": { "A": 1 } }), false),
        (json!({ "command": ["true"] }), false),
    ] {
        assert_eq!(validator.is_valid(&parameters), fits, "{parameters}");
        assert_eq!(parameters::read::<session::Open>(parameters.clone()).is_ok(), fits, "{parameters}");
    }
}
