//! The parameters of a request, and where in them the mistake is.

use jsonschema::error::ValidationErrorKind;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{
    error::{ServeError, shortened},
    method::Method,
};

/// Read the parameters of a method.
pub(super) fn read<M: Method>(parameters: Value) -> Result<M::Parameters, ServeError> {
    // Kept for the complaint only where it is small: a mistake in a large one is told without its place.
    let kept = parameters.as_object().is_some_and(|all| all.values().all(is_small)).then(|| parameters.clone());
    serde_json::from_value(parameters).map_err(|error| {
        let place = kept.as_ref().and_then(place::<M>);
        let (field, value) = place.map_or((None, None), |(field, value)| (Some(field), value));
        let problem = shortened(&error.to_string());
        ServeError::Parameters { method: M::NAME, field: field.filter(|field| !field.is_empty()), value, problem }
    })
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() < 4096,
        Value::Array(elements) => elements.len() < 64 && elements.iter().all(is_small),
        Value::Object(entries) => entries.len() < 64 && entries.values().all(is_small),
        _ => true,
    }
}

/// Where the parameters do not fit the schema of the method, and what stands there. The types say that something is wrong, the schema says
/// where.
fn place<M: Method>(parameters: &Value) -> Option<(String, Option<String>)> {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<M::Parameters>();
    let validator = jsonschema::draft202012::new(&schema.to_value()).ok()?;
    let error = validator.iter_errors(parameters).max_by_key(|error| error.instance_path().as_str().len())?;
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let within = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let here: &Value = error.instance();
    Some(match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let key = unexpected.first().map_or("", String::as_str);
            (within(key), here.get(key).map(shown))
        }
        ValidationErrorKind::Required { property } => (within(property.as_str().unwrap_or_default()), None),
        _ => (path, Some(shown(here))),
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    }
}
