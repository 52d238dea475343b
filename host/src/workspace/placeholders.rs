//! `{{static:NAME}}` in values: where an asset is, as the environment sees it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::WorkspaceError;
use crate::names::nearest;

const BEGIN: &str = "{{static:";
const END: &str = "}}";

/// The assets of a run, each with the path that a command finds it at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Placeholders {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(paths: I) -> Self {
        Self(paths.into_iter().collect())
    }
}

impl Placeholders {
    /// The text with every placeholder replaced. A name is what stands between the colon and the braces, as it stands there.
    pub fn text(&self, text: &str) -> Result<String, WorkspaceError> {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let found = after.split_once('}').and_then(|(name, after)| Some((name, after.strip_prefix('}')?)));
            let Some((name, after)) = found.filter(|(name, _)| !name.is_empty()) else {
                // Not closed, or nothing in it: no placeholder.
                replaced.push_str(before);
                replaced.push_str(BEGIN);
                rest = after;
                continue;
            };
            replaced.push_str(before);
            replaced.push_str(self.0.get(name).ok_or_else(|| self.unknown(name))?);
            rest = after;
        }
        replaced.push_str(rest);
        Ok(replaced)
    }

    /// The value with every placeholder replaced: in texts, in the keys of tables, and in lists, however deep. Other values stay.
    pub fn value(&self, value: &Value) -> Result<Value, WorkspaceError> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(elements) => Value::Array(elements.iter().map(|element| self.value(element)).collect::<Result<_, _>>()?),
            Value::Object(table) => {
                let entry = |(key, value): (&String, &Value)| Ok((self.text(key)?, self.value(value)?));
                Value::Object(table.iter().map(entry).collect::<Result<Map<_, _>, WorkspaceError>>()?)
            }
            other => other.clone(),
        })
    }

    fn unknown(&self, name: &str) -> WorkspaceError {
        let shown: String = name.chars().take(100).flat_map(char::escape_debug).collect();
        let meant = nearest(name, self.0.keys().map(String::as_str)).map(str::to_owned);
        WorkspaceError::NoAsset { placeholder: format!("{BEGIN}{shown}{END}"), meant, known: self.0.keys().cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn placeholders() -> Placeholders {
        [("data", "/static/in/data"), ("a b.c", "/x"), ("odd", "{{static:data}}")]
            .map(|(name, path)| (name.into(), path.into()))
            .into_iter()
            .collect()
    }

    /// F205, F212
    #[test]
    fn a_placeholder_is_replaced_wherever_a_text_stands() {
        let value = json!({
            "text": "cat {{static:data}}/x {{static:a b.c}}", "{{static:data}}": 1, "list": ["{{static:data}}", 1, 2.5, true, null],
            "deep": { "deeper": [{ "script": "a\n{{static:data}}\nb" }] }, "none": "{{other:data}} {{static}} {static:data}", "empty": {}
        });
        let expected = json!({
            "text": "cat /static/in/data/x /x", "/static/in/data": 1, "list": ["/static/in/data", 1, 2.5, true, null],
            "deep": { "deeper": [{ "script": "a\n/static/in/data\nb" }] }, "none": "{{other:data}} {{static}} {static:data}", "empty": {}
        });
        assert_eq!(placeholders().value(&value).unwrap(), expected);
        for (text, expected) in [
            ("", ""),
            ("{{static:", "{{static:"),
            ("{{static:}}", "{{static:}}"),
            ("{{static:data}", "{{static:data}"),
            ("{{static:data}}}}", "/static/in/data}}"),
            ("{{static:odd}}", "{{static:data}}"),
        ] {
            assert_eq!(placeholders().text(text).unwrap(), expected, "what was put in is not looked at again: {text}");
        }
    }

    /// F212
    #[test]
    fn an_unknown_name_is_an_error_that_tells_the_nearest() {
        let error = placeholders().value(&json!([{ "a": "x {{static:dta}} y" }])).unwrap_err();
        assert_eq!(error.to_string(), "`{{static:dta}}` names no asset");
        assert_eq!(error.hint().unwrap(), "did you mean `data`?");
        assert!(placeholders().text("{{static: data }}").is_err(), "a name is taken as it stands");
        assert!(Placeholders::default().text("{{static:x}}").unwrap_err().hint().unwrap().contains("[assets.x]"));
    }
}
