//! Why something is asked for.

use serde::{Deserialize, Serialize};

/// Why something is asked for: one sentence for a person, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purpose(String);

impl Purpose {
    /// The sentence. A stranger wrote it: escape it before a person sees it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Purpose {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.chars().count();
        if (1..=200).contains(&length) && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(format!("a purpose is one sentence of 1 to 200 characters without control characters, this one has {length}"))
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.0
    }
}
