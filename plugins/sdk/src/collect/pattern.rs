//! Patterns over relative paths: `*` and `?` do not cross `/`, `**` does, `[a-z]` and `{a,b}` choose.

use crate::Failure;

/// The deepest folder that is looked into, and the most parts a pattern may have.
///
/// Stops a command that makes a chain of folders from exhausting the stack of whoever walks it.
pub(super) const DEEPEST: usize = 64;

/// The longest pattern, in bytes, and the most choices in it; matching is quick only for patterns of a size that people write.
const LONGEST: usize = 1024;
const MOST_BRACES: usize = 16;

/// One pattern, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// The leading parts without a special character: nothing outside this folder can match.
    prefix: String,
    literal: bool,
}

impl Pattern {
    /// Checks `text`; `field` names it in the failure.
    pub(super) fn new(field: &str, text: &str) -> Result<Self, Failure> {
        let clean = text.strip_prefix("./").unwrap_or(text);
        let clean = clean.strip_suffix('/').unwrap_or(clean);
        let part_is_wrong = |part: &str| matches!(part, "" | "." | "..");
        if clean.len() > LONGEST || clean.contains('\0') || clean.split('/').any(part_is_wrong) || clean.split('/').count() > DEEPEST {
            return Err(Failure::invalid(field, text, "a pattern relative to the folder, such as `models/**/*.json`, without `..`"));
        }
        if !is_balanced(clean) {
            return Err(Failure::invalid(field, text, "a pattern in which every `[` and `{` is closed"));
        }
        let parts: Vec<&str> = clean.split('/').collect();
        let plain = parts.iter().take_while(|part| !has_special(part)).count();
        let prefix = parts.get(..plain).unwrap_or_default().join("/");
        Ok(Self { literal: plain == parts.len(), prefix, text: clean.to_owned() })
    }

    /// The folder, or for a pattern without a special character the file, below which everything that matches is found.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How deep below the root a match can be.
    pub(super) fn depth(&self) -> usize {
        if self.literal || self.text.contains("**") || self.text.contains('{') { DEEPEST } else { self.text.split('/').count() }
    }

    /// Whether the file at `path` matches. A pattern without a special character matches the file and, if it names a folder, all below it.
    pub(super) fn matches(&self, path: &str) -> bool {
        if self.literal {
            return path.strip_prefix(&self.text).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        }
        fast_glob::glob_match(&self.text, path)
    }
}

fn has_special(part: &str) -> bool {
    part.contains(['*', '?', '[', '{', '\\', '!'])
}

/// Whether brackets and braces are closed, and few enough.
fn is_balanced(text: &str) -> bool {
    let (mut braces, mut seen, mut escaped, mut class) = (0_usize, 0_usize, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' if class => class = false,
            _ if class => {}
            '[' => class = true,
            '{' => (braces, seen) = (braces + 1, seen + 1),
            '}' if braces == 0 => return false,
            '}' => braces -= 1,
            _ => {}
        }
    }
    braces == 0 && !escaped && !class && seen <= MOST_BRACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new("collection.artifacts", text).unwrap()
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_stars_do_not() {
        assert!(pattern("*.json").matches("a.json"));
        assert!(!pattern("*.json").matches("b/a.json"));
        assert!(pattern("**/*.json").matches("b/c/a.json"));
        assert!(pattern("**/*.json").matches("a.json"));
        assert!(pattern("model.{pt,bin}").matches("model.bin"));
        assert!(pattern("run-[0-9].csv").matches("run-7.csv"));
        assert!(!pattern("run-?.csv").matches("run-/.csv"));
    }

    #[test]
    fn a_plain_name_is_the_file_or_all_of_the_folder() {
        assert!(pattern("models").matches("models"));
        assert!(pattern("./models/").matches("models/a/b"));
        assert!(!pattern("models").matches("models2/a"));
    }

    #[test]
    fn the_prefix_is_what_has_no_special_character() {
        assert_eq!(pattern("a/b/*.txt").prefix(), "a/b");
        assert_eq!(pattern("**").prefix(), "");
        assert_eq!(pattern("a/b").prefix(), "a/b");
        assert_eq!(pattern("a/*/c").depth(), 3);
        assert_eq!(pattern("a/**").depth(), DEEPEST);
    }

    #[test]
    fn a_pattern_that_leaves_the_folder_or_is_not_closed_is_refused() {
        for text in ["", "/etc/*", "../x", "a/../b", "a//b", "a/./b", "x[", "{a,b", "a}", "\\", "a\0b", &"{".repeat(20), &"a".repeat(2000)]
        {
            assert!(Pattern::new("collection.artifacts", text).is_err(), "{text}");
        }
    }
}
