//! The whole protocol as one document.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    error::Fault,
    event::{EVENT, EventParameters},
    method::METHODS,
    stream::{ENDED, EndedParameters, OUTPUT, OutputParameters},
};

/// The name of the protocol.
pub const PROTOCOL: &str = "worldflux.serve.v1";

type Make = fn(&mut SchemaGenerator) -> Schema;

/// What the server sends by itself: name, what it is, parameters.
const NOTIFICATIONS: &[(&str, &str, Make)] = &[
    (OUTPUT, "A piece of what a streamed command printed, in order.", make::<OutputParameters>),
    (ENDED, "A streamed command is over: the last that is heard of it, exactly once.", make::<EndedParameters>),
    (
        EVENT,
        "Something happened while a session was opened or closed, for sessions that were opened with `events`.",
        make::<EventParameters>,
    ),
];

/// The JSON Schemas (draft 2020-12) of every method, notification and error: sorted keys, two spaces, a final line feed; the same text from
/// every build. The schemas below `methods` and `notifications` refer to `$defs` of the same document.
#[must_use]
pub fn serve_schema() -> String {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let methods: Map<_, _> = METHODS
        .iter()
        .map(|entry| {
            let (params, result) = ((entry.parameters)(&mut generator), (entry.answer)(&mut generator));
            (entry.name.to_owned(), json!({ "summary": entry.summary, "params": params, "result": result }))
        })
        .collect();
    let notifications: Map<_, _> = NOTIFICATIONS
        .iter()
        .map(|(name, summary, params)| ((*name).to_owned(), json!({ "summary": summary, "params": params(&mut generator) })))
        .collect();
    let error = generator.subschema_for::<Fault>();
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:{PROTOCOL}"),
        "title": PROTOCOL,
        "description": "JSON-RPC 2.0 over standard input and output, one object a line. `methods` are asked for, `notifications` come by \
                        themselves, `error` is what a refused request is answered with.",
        "methods": methods,
        "notifications": notifications,
        "error": error,
        "$defs": Value::Object(generator.take_definitions(true)),
    });
    // A schema is made of texts, numbers and maps with text keys, so writing it cannot fail.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn make<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
