//! The input of a model: from what was typed to JSON, by the schema of the version.

use serde_json::{Map, Value};
use worldflux_plugin::{Failure, log};

use crate::command::{Command, Given};

/// What a version says about its input, as far as it says anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Schema {
    properties: Map<String, Value>,
    required: Vec<String>,
    all: Value,
}

impl Schema {
    /// The schema of the input in the `OpenAPI` schema of a version.
    pub(crate) fn of_version(all: Option<&Value>, training: bool) -> Self {
        let Some(all) = all else { return Self::default() };
        let name = if training { "TrainingInput" } else { "Input" };
        let schema = all.pointer(&format!("/components/schemas/{name}"));
        let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object).cloned().unwrap_or_default();
        let required = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Self { properties, required, all: all.clone() }
    }

    /// Refuse what the model cannot take, before anything is made: an input that it does not have, one that it needs and does not get. Where the
    /// schema is not known, nothing is refused.
    pub(crate) fn check(&self, command: &Command) -> Result<(), Failure> {
        if self.properties.is_empty() {
            return Ok(());
        }
        let known = || self.properties.keys().cloned().collect::<Vec<_>>().join(", ");
        for (key, given) in &command.inputs {
            if !self.properties.contains_key(key) {
                let value = match given {
                    Given::Text(text) => text.clone(),
                    Given::File(path) => format!("@{path}"),
                };
                return Err(Failure::invalid(format!("input.{key}"), value, format!("an input that {} has: {}", command.model, known())));
            }
        }
        match self.required.iter().find(|key| !command.inputs.iter().any(|(given, _)| given == *key)) {
            Some(key) => Err(Failure::invalid(format!("input.{key}"), "", format!("a value: {} needs `{key}=...`", command.model))),
            None => Ok(()),
        }
    }

    /// A typed text as the value that the model expects: the text itself where it expects a text, else what the text means as JSON if that is
    /// of the right type, else the text. The API refuses what it cannot take.
    pub(crate) fn value(&self, key: &str, text: &str) -> Value {
        let parsed = || serde_json::from_str::<Value>(text).ok();
        let types = self.types(key);
        if types.is_empty() {
            return parsed().filter(|value| !value.is_string()).unwrap_or_else(|| text.into());
        }
        let fits = |value: &Value| {
            types.iter().any(|kind| match kind.as_str() {
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                "null" => value.is_null(),
                _ => false,
            })
        };
        if let Some(value) = parsed().filter(fits) {
            return value;
        }
        if !types.iter().any(|kind| kind == "string") {
            log::warning(&format!("input `{key}` is `{}`, and the model expects {}", text.escape_debug(), types.join(" or ")));
        }
        text.into()
    }

    /// The JSON types that an input may have; empty where that is not known.
    fn types(&self, key: &str) -> Vec<String> {
        let mut types = Vec::new();
        if let Some(property) = self.properties.get(key) {
            self.collect_types(property, 0, &mut types);
        }
        types
    }

    /// An input that chooses from a list refers to a schema of its own (`allOf` with one `$ref`); one that may be left out has `anyOf`.
    fn collect_types(&self, schema: &Value, depth: u8, types: &mut Vec<String>) {
        match schema.get("type") {
            Some(Value::String(kind)) => types.push(kind.clone()),
            Some(Value::Array(kinds)) => types.extend(kinds.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        if depth > 4 {
            return;
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for inner in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.collect_types(inner, depth + 1, types);
            }
        }
        if let Some(inner) = schema.get("$ref").and_then(Value::as_str).and_then(|path| self.all.pointer(path.strip_prefix('#')?)) {
            self.collect_types(inner, depth + 1, types);
        }
    }
}

/// The whole input; `send` makes a URL of a file of the workspace.
pub(crate) fn input(
    command: &Command,
    schema: &Schema,
    mut send: impl FnMut(&str) -> Result<String, Failure>,
) -> Result<Map<String, Value>, Failure> {
    let mut input = Map::new();
    for (key, given) in &command.inputs {
        let value = match given {
            Given::Text(text) => schema.value(key, text),
            Given::File(path) => Value::String(send(path)?),
        };
        input.insert(key.clone(), value);
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let all: Value = serde_json::from_str(include_str!("../fixtures/version.json")).unwrap();
        Schema::of_version(all.get("openapi_schema"), false)
    }

    fn command(line: &[&str]) -> Command {
        Command::parse(&line.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_value_becomes_what_the_schema_says() {
        let schema = schema();
        for (key, text, value) in [
            ("prompt", "5", json!("5")),
            ("prompt", "true", json!("true")),
            ("steps", "5", json!(5)),
            ("scale", "7.5", json!(7.5)),
            ("scale", "7", json!(7)),
            ("scheduler", "DDIM", json!("DDIM")),
            ("safe", "false", json!(false)),
            ("stops", "[\"a\"]", json!(["a"])),
            ("seed", "3", json!(3)),
        ] {
            assert_eq!(schema.value(key, text), value, "{key}={text}");
        }
    }

    #[test]
    fn without_a_schema_a_value_is_json_if_it_can_be() {
        let none = Schema::default();
        let values = ["5", "x", "\"x\"", "{\"a\":1}", "nul", "007"].map(|text| none.value("k", text));
        assert_eq!(values, [json!(5), json!("x"), json!("\"x\""), json!({"a": 1}), json!("nul"), json!("007")]);
        assert!(none.check(&command(&["a/b", "whatever=1"])).is_ok());
    }

    #[test]
    fn an_input_that_the_model_does_not_have_or_does_not_get_is_named() {
        let schema = schema();
        assert!(schema.check(&command(&["a/b", "prompt=x", "steps=5"])).is_ok());
        let unknown = schema.check(&command(&["a/b", "prompt=x", "promt=y"])).unwrap_err();
        assert!(unknown.message.contains("input.promt") && unknown.message.contains("prompt, "), "{unknown}");
        let missing = schema.check(&command(&["a/b", "steps=5"])).unwrap_err();
        assert!(missing.message.contains("needs `prompt=...`"), "{missing}");
    }

    #[test]
    fn a_file_becomes_the_address_under_which_it_was_sent() {
        let sent = input(&command(&["a/b", "image=@x.png", "prompt=y"]), &schema(), |path| Ok(format!("https://files/{path}"))).unwrap();
        assert_eq!(Value::Object(sent), json!({"image": "https://files/x.png", "prompt": "y"}));
    }
}
