//! The settings of a runtime, against the schema that its plugin describes.

use std::collections::BTreeMap;

use jsonschema::{
    Draft, PatternOptions, Retrieve, Uri, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use super::{ConfigError, document::join, error::quoted};
use crate::names::{RuntimeName, nearest};

/// The longest schema, and the longest settings, in bytes of JSON: what the protocol allows.
const LONGEST: usize = 256 << 10;

/// How deep settings may be nested: what the protocol allows.
const DEEPEST: usize = 32;

/// How many keys and values a schema may have once every `$ref` is written out. A stranger's schema of a few lines can double itself with
/// each `$ref`, and checking it would never end.
const MOST_EXPANDED: u64 = 20_000;

/// How deep a schema may be nested once every `$ref` is written out. Stops a long chain from using up the stack.
const DEEPEST_EXPANDED: usize = 64;

/// The largest automaton of a `pattern`, in bytes. Together with an engine that does not go back, it bounds time and memory.
const PATTERN_SIZE: usize = 256 << 10;

/// Check the settings of `runtime` against its JSON Schema (draft 2020-12). Nothing is fetched, and neither a hostile schema nor odd
/// settings take more than a moment. The error names the first setting that does not fit, as it is written in a run file.
pub fn check_settings(runtime: &RuntimeName, schema: &str, settings: &Value) -> Result<(), ConfigError> {
    let unusable = |why: String| ConfigError::Schema { runtime: runtime.to_string(), why };
    if schema.len() > LONGEST {
        return Err(unusable("it is longer than 256 KiB".into()));
    }
    let schema: Value = serde_json::from_str(schema).map_err(|error| unusable(format!("it is not JSON: {error}")))?;
    Expansion { root: &schema, costs: BTreeMap::new() }.cost(&schema, 0).map_err(unusable)?;
    let field = format!("environment.{runtime}");
    check_size(&field, settings)?;
    let validator = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_retriever(Nothing)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE))
        .build(&schema)
        .map_err(|error| unusable(quoted(&error.to_string()).trim_matches('`').to_owned()))?;
    validator.iter_errors(settings).next().map_or(Ok(()), |error| Err(complaint(field, &schema, &error)))
}

/// Fetches nothing.
struct Nothing;

impl Retrieve for Nothing {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("it refers to `{uri}`, and only references within the schema are followed").into())
    }
}

/// What a schema costs once every `$ref` is written out.
struct Expansion<'s> {
    root: &'s Value,
    /// By reference; `None` while it is being counted, so that a reference to itself is seen.
    costs: BTreeMap<&'s str, Option<u64>>,
}

impl<'s> Expansion<'s> {
    fn cost(&mut self, value: &'s Value, depth: usize) -> Result<u64, String> {
        if depth > DEEPEST_EXPANDED {
            return Err(format!("it is nested deeper than {DEEPEST_EXPANDED} levels"));
        }
        let mut cost = 1_u64;
        match value {
            Value::Array(elements) => {
                for element in elements {
                    cost = cost.saturating_add(self.cost(element, depth + 1)?);
                }
            }
            Value::Object(entries) => {
                for (key, entry) in entries {
                    cost = cost.saturating_add(match (key.as_str(), entry) {
                        ("$ref", Value::String(reference)) => self.reference(reference, depth)?,
                        // These move what `$ref` means, and no schema of settings needs them.
                        (
                            "$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor" | "$recursiveAnchor",
                            Value::String(_) | Value::Bool(_),
                        ) => {
                            return Err(format!("`{key}` is not supported, use `$ref`"));
                        }
                        ("$id", Value::String(_)) if depth > 0 => return Err("`$id` is supported only at the top".into()),
                        _ => self.cost(entry, depth + 1)?,
                    });
                }
            }
            _ => {}
        }
        if cost > MOST_EXPANDED {
            return Err(format!("it has more than {MOST_EXPANDED} keys and values once every `$ref` is written out"));
        }
        Ok(cost)
    }

    fn reference(&mut self, reference: &'s str, depth: usize) -> Result<u64, String> {
        match self.costs.get(reference) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(format!("{} refers to itself", quoted(reference))),
            None => {}
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = target else {
            return Err(format!(
                "it refers to {}, and only places within the schema such as `#/$defs/name` are followed",
                quoted(reference)
            ));
        };
        self.costs.insert(reference, None);
        let cost = self.cost(target, depth + 1)?;
        self.costs.insert(reference, Some(cost));
        Ok(cost)
    }
}

fn check_size(field: &str, settings: &Value) -> Result<(), ConfigError> {
    let setting = |problem: &str| ConfigError::Setting { field: field.to_owned(), problem: problem.to_owned(), meant: None };
    if settings.to_string().len() > LONGEST {
        return Err(setting("is longer than 256 KiB as JSON"));
    }
    if depth(settings) > DEEPEST {
        return Err(setting("is nested deeper than 32 levels"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(elements) => elements.iter().map(depth).max(),
        Value::Object(entries) => entries.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

fn complaint(field: String, schema: &Value, error: &ValidationError<'_>) -> ConfigError {
    let field = path_of(field, error.instance_path().as_str());
    let found = shown(error.instance());
    let expected = |expected: String| format!("is {found}: expected {expected}");
    let (field, problem, meant) = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let key = unexpected.first().map_or("", String::as_str);
            let known = known_beside(schema, error.schema_path().as_str());
            let meant = nearest(key, known.iter().map(String::as_str)).map(|meant| join(&field, meant));
            (join(&field, key), "is not a setting of this runtime".to_owned(), meant)
        }
        ValidationErrorKind::Required { property } => (join(&field, property.as_str().unwrap_or("")), "is missing".to_owned(), None),
        ValidationErrorKind::Type { kind } => (field, expected(types(kind)), None),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array().map(|options| options.iter().map(shown).collect()).unwrap_or_default();
            let meant = error.instance().as_str().and_then(|text| nearest(text, options.iter().map(|option| option.trim_matches('`'))));
            let meant = meant.map(str::to_owned);
            (field, expected(format!("one of {}", options.join(", "))), meant)
        }
        ValidationErrorKind::Constant { expected_value } => (field, expected(shown(expected_value)), None),
        ValidationErrorKind::Minimum { limit } => (field, expected(format!("at least {limit}")), None),
        ValidationErrorKind::Maximum { limit } => (field, expected(format!("at most {limit}")), None),
        ValidationErrorKind::Pattern { pattern } => (field, expected(format!("a string that matches {}", quoted(pattern))), None),
        _ => (field, format!("is {found}: {}", error.masked_with("this").to_string().chars().take(300).collect::<String>()), None),
    };
    ConfigError::Setting { field, problem, meant }
}

/// A JSON pointer as a path of keys: `/a/0/b` becomes `a[0].b`.
fn path_of(field: String, pointer: &str) -> String {
    pointer.split('/').skip(1).fold(field, |path, token| {
        let token = token.replace("~1", "/").replace("~0", "~");
        let is_index = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        if is_index { format!("{path}[{token}]") } else { join(&path, &token) }
    })
}

/// The keys that a table may have, where `keyword` says that it has another.
fn known_beside(schema: &Value, keyword: &str) -> Vec<String> {
    let table = keyword.rsplit_once('/').and_then(|(table, _)| schema.pointer(table));
    let known = table.and_then(|table| table.get("properties")).and_then(Value::as_object);
    known.map(|known| known.keys().cloned().collect()).unwrap_or_default()
}

fn types(kind: &TypeKind) -> String {
    let words = |name: String| match name.as_str() {
        "object" => "a table".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "a whole number".to_owned(),
        "null" => "nothing".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(one) => words(one.to_string()),
        TypeKind::Multiple(several) => {
            let mut several: Vec<_> = several.iter().map(|one| words(one.to_string())).collect();
            several.sort_by_key(|word| word == "nothing");
            several.join(" or ")
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
        Value::Null => "nothing".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, settings: &Value) -> Result<(), ConfigError> {
        check_settings(&"local".parse().unwrap(), &schema.to_string(), settings)
    }

    fn message(schema: &Value, settings: &Value) -> String {
        check(schema, settings).unwrap_err().to_string()
    }

    fn schema() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "required": ["python"],
            "properties": {
                "python": { "type": "string", "pattern": "^3\\.[0-9]+$" },
                "requirements": { "type": ["string", "null"] },
                "installer": { "enum": ["pip", "uv"] },
                "jobs": { "type": "integer", "minimum": 1, "maximum": 8 },
                "index": { "$ref": "#/$defs/index" }
            },
            "$defs": { "index": { "type": "array", "items": { "type": "object", "properties": { "url": { "type": "string" } }, "additionalProperties": false } } }
        })
    }

    #[test]
    fn settings_that_fit_are_accepted() {
        assert!(check(&schema(), &json!({ "python": "3.12", "requirements": null, "jobs": 8, "index": [{ "url": "x" }] })).is_ok());
        assert!(check(&json!(true), &json!({ "anything": 1 })).is_ok());
        assert!(check(&json!({}), &json!({})).is_ok());
    }

    #[test]
    fn each_complaint_names_the_setting_and_what_was_expected() {
        for (settings, expected) in [
            (json!({}), "`environment.local.python` is missing"),
            (json!({ "python": 3 }), "`environment.local.python` is the number 3: expected a string"),
            (json!({ "python": "2.7" }), "`environment.local.python` is `2.7`: expected a string that matches `^3\\\\.[0-9]+$`"),
            (
                json!({ "python": "3.1", "requirements": 5 }),
                "`environment.local.requirements` is the number 5: expected a string or nothing",
            ),
            (json!({ "python": "3.1", "installer": "pips" }), "`environment.local.installer` is `pips`: expected one of `pip`, `uv`"),
            (json!({ "python": "3.1", "jobs": 0 }), "`environment.local.jobs` is the number 0: expected at least 1"),
            (json!({ "python": "3.1", "jobs": 9 }), "`environment.local.jobs` is the number 9: expected at most 8"),
            (json!({ "python": "3.1", "index": [{ "url": [] }] }), "`environment.local.index[0].url` is a list: expected a string"),
            (json!({ "python": "3.1", "index": {} }), "`environment.local.index` is a table: expected a list"),
        ] {
            assert_eq!(message(&schema(), &settings), expected);
        }
        let error = check(&schema(), &json!({ "python": "3.1", "requirments": "x" })).unwrap_err();
        assert_eq!(error.to_string(), "`environment.local.requirments` is not a setting of this runtime");
        assert_eq!(error.hint().unwrap(), "did you mean `environment.local.requirements`?");
    }

    #[test]
    fn nothing_outside_of_the_schema_is_fetched() {
        for reference in ["file:///etc/passwd", "http://127.0.0.1:1/schema", "other.json", "#anchor", "#/missing"] {
            let error = message(&json!({ "$ref": reference }), &json!({}));
            assert!(error.contains("only places within the schema"), "{error}");
        }
        for schema in [
            json!({ "$dynamicRef": "#x" }),
            json!({ "$defs": { "a": { "$id": "http://x/" } } }),
            json!({ "properties": { "a": { "$anchor": "a" } } }),
        ] {
            assert!(matches!(check(&schema, &json!({})), Err(ConfigError::Schema { .. })), "{schema}");
        }
        // The draft is fixed, so this is not looked at.
        assert!(check(&json!({ "$schema": "http://127.0.0.1:1/meta" }), &json!({})).is_ok());
    }

    #[test]
    fn a_schema_that_blows_up_is_refused() {
        let mut doubling = serde_json::Map::new();
        for level in 0..30 {
            let next = json!({ "$ref": format!("#/$defs/l{}", level + 1) });
            doubling.insert(format!("l{level}"), json!({ "allOf": [next, next] }));
        }
        doubling.insert("l30".into(), json!({ "type": "object" }));
        let error = message(&json!({ "$ref": "#/$defs/l0", "$defs": doubling }), &json!({}));
        assert!(error.contains("once every `$ref` is written out") || error.contains("nested deeper"), "{error}");

        for schema in [json!({ "$ref": "#" }), json!({ "allOf": [{ "$ref": "#" }] }), json!({ "properties": { "a": { "$ref": "#" } } })] {
            assert!(message(&schema, &json!({})).contains("refers to itself"), "{schema}");
        }
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "not": inner }));
        assert!(message(&deep, &json!({})).contains("nested deeper than 64"));
        let text = "[".repeat(100_000);
        assert!(check_settings(&"local".parse().unwrap(), &text, &json!({})).is_err());
    }

    #[test]
    fn a_pattern_cannot_take_for_ever() {
        let settings = json!({ "a": "a".repeat(5000) + "!" });
        assert!(check(&json!({ "properties": { "a": { "pattern": "^(a+)+$" } } }), &settings).is_err());
        let error = message(&json!({ "properties": { "a": { "pattern": "((a{1000}){1000}){1000}" } } }), &settings);
        assert!(error.starts_with("the settings schema of runtime `local` cannot be used: "), "{error}");
    }

    #[test]
    fn settings_beyond_what_the_protocol_carries_are_refused() {
        assert!(message(&json!({}), &json!({ "a": "x".repeat(300_000) })).ends_with("is longer than 256 KiB as JSON"));
        let deep = (0..33).fold(json!(1), |inner, _| json!([inner]));
        assert!(message(&json!({}), &deep).ends_with("is nested deeper than 32 levels"));
    }
}
