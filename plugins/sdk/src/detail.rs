//! The place where a record grows.

pub use crate::bindings::worldflux::runtime::types::Detail;

impl Detail {
    /// A key with a JSON value.
    pub fn new(key: impl Into<String>, value: &serde_json::Value) -> Self {
        Self { key: key.into(), value: value.to_string() }
    }

    /// A key with a text.
    pub fn text(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(key, &serde_json::Value::String(value.into()))
    }

    /// A key with a whole number.
    pub fn number(key: impl Into<String>, value: u64) -> Self {
        Self::new(key, &serde_json::Value::from(value))
    }
}
