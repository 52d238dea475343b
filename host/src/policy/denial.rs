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

/// A text as one word of a shell, quoted where it has to be: what is copied from a message does what it says.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        return format!("$'{}'", text.chars().flat_map(ansi_c).collect::<String>());
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One character between `$'` and `'`, as bash, zsh and ksh read it.
fn ansi_c(c: char) -> Vec<char> {
    match c {
        '\'' | '\\' => vec!['\\', c],
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)).chars().collect(),
        c => vec![c],
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        let message = denial.to_string();
        let hint = (!denial.cure.is_empty()).then(|| denial.cure.clone());
        let cause = Cause::Denied { action: denial.action, rule: denial.rule, cure: denial.cure };
        Self { cause, message, repeatable: false, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_more_than_one_or_something_else() {
        for (text, word) in [
            ("./bare.wasm", "./bare.wasm"),
            ("/data/out=read", "/data/out=read"),
            ("", "''"),
            ("my plugin.wasm", "'my plugin.wasm'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a;b", "'a;b'"),
            ("~", "'~'"),
            ("a\nb'\\", r"$'a\u000ab\'\\'"),
        ] {
            assert_eq!(shell_word(text), word, "{text:?}");
        }
    }
}
