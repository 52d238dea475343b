//! Why an action is not allowed, and what would allow it.

use serde::{Deserialize, Serialize};

use crate::names::{Cause, Failure};

/// A refusal that names the thing, the rule and the line that would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("plugin `{plugin}` may not {action}: {rule}")]
pub struct Denial {
    /// Name of the plugin.
    pub plugin: String,
    /// What it wanted: "start program `git`".
    pub action: String,
    /// The rule that refused it.
    pub rule: String,
    /// What the user can type; empty where nothing would allow it.
    pub cure: String,
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        let message = denial.to_string();
        let hint = (!denial.cure.is_empty()).then(|| denial.cure.clone());
        let cause = Cause::Denied { action: denial.action, rule: denial.rule, cure: denial.cure };
        Self { cause, message, repeatable: false, hint }
    }
}
