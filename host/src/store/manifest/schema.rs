//! The JSON Schema of the manifest.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::document::{MANIFEST_SCHEMA, Manifest};

/// The JSON Schema (draft 2020-12) of the manifest: sorted keys, two spaces, a final line feed; the same text from every build.
#[must_use]
pub fn manifest_schema() -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Manifest>();
    schema.insert("$id".into(), Value::from(format!("urn:{MANIFEST_SCHEMA}")));
    let value = schema.to_value();
    // A schema is made of texts, numbers and maps with text keys, so writing it cannot fail.
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}
