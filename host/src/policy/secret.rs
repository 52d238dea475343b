//! Secrets, by name. Nothing here ever holds the value of one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{credential::SecretUse, purpose::Purpose, variable};

/// The name under which the user keeps a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// A secret that a plugin wants to have used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SecretForm")]
pub struct SecretAsk {
    /// Its name.
    pub name: SecretName,
    /// The variable of the user's command that it goes into, beside the requests that name it as a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Why.
    pub purpose: Purpose,
}

/// One `[[asks.secret]]`, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretForm {
    name: SecretName,
    #[serde(default)]
    variable: Option<String>,
    purpose: Purpose,
}

impl TryFrom<SecretForm> for SecretAsk {
    type Error = String;

    fn try_from(form: SecretForm) -> Result<Self, String> {
        let SecretForm { name, variable, purpose } = form;
        if let Some(variable) = &variable {
            variable::grantable(variable)?;
        }
        Ok(Self { name, variable, purpose })
    }
}

impl SecretAsk {
    /// Its use in a variable, if it has one.
    pub(super) fn in_variable(&self) -> Option<SecretUse> {
        self.variable.clone().map(SecretUse::Variable)
    }
}

impl SecretName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(format!(
            "`{shown}` is not the name of a secret: expected letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit"
        ))
    }
}

impl TryFrom<String> for SecretName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}
