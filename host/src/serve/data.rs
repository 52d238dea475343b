//! Bytes in JSON: text where they are UTF-8, base64 where they are not.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes: `{"text": "..."}` where they are UTF-8, else `{"base64": "..."}`. Whoever writes them may choose either.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Data(pub(super) Bytes);

/// How it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", expecting = "`{\"text\": \"...\"}` or `{\"base64\": \"...\"}`")]
enum Written<'d> {
    /// UTF-8.
    Text(Cow<'d, str>),
    /// RFC 4648, section 4, with padding.
    Base64(Cow<'d, str>),
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text.into()),
            Err(_) => Written::Base64(BASE64_STANDARD.encode(&self.0).into()),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into_owned().into(),
            Written::Base64(text) => {
                BASE64_STANDARD.decode(text.as_bytes()).map_err(|error| de::Error::custom(format!("it is not base64: {error}")))?.into()
            }
        }))
    }
}

impl JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "Data".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Written::json_schema(generator);
        schema.insert(
            "description".into(),
            "Bytes: text where they are UTF-8, else base64. A client may write either; the server writes text wherever it can.".into(),
        );
        schema
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for (bytes, written) in [
            (&b"caf\xc3\xa9\n\0"[..], json!({ "text": "café\n\0" })),
            (b"", json!({ "text": "" })),
            (b"\xff\xfe", json!({ "base64": "//4=" })),
        ] {
            let data = Data(Bytes::copy_from_slice(bytes));
            assert_eq!(serde_json::to_value(&data).unwrap(), written);
            assert_eq!(serde_json::from_value::<Data>(written).unwrap(), data);
        }
        assert_eq!(serde_json::from_value::<Data>(json!({ "base64": "aGk=" })).unwrap().0, "hi");
    }

    #[test]
    fn what_is_neither_is_told() {
        for (wrong, why) in [
            (json!({ "base64": "a" }), "it is not base64"),
            (json!({ "txt": "a" }), "unknown variant `txt`"),
            (json!({ "text": 1 }), "invalid type"),
            (json!("text"), "expected newtype variant"),
            (json!(7), "invalid type"),
        ] {
            let error = serde_json::from_value::<Data>(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
