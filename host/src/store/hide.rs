//! Taking secrets out of a text before it is kept. What they are is known elsewhere.

use std::{fmt, sync::Arc};

use serde_json::Value;

/// Takes secrets out of texts. The empty value changes nothing.
#[derive(Clone, Default)]
pub struct Hide(Option<Arc<Change>>);

type Change = dyn Fn(&mut String) + Send + Sync;

impl Hide {
    /// Each text is changed by `hide`.
    pub fn with(hide: impl Fn(&mut String) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hide)))
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Hide what is in a text.
    pub fn text(&self, text: &mut String) {
        if let Some(hide) = &self.0 {
            hide(text);
        }
    }

    /// Hide what is in each text.
    pub fn texts<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.text(text));
    }

    /// Hide what is in the texts and the keys of a JSON value.
    pub fn json(&self, value: &mut Value) {
        match value {
            _ if self.0.is_none() => {}
            Value::String(text) => self.text(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.json(item)),
            Value::Object(table) => {
                let entries = std::mem::take(table);
                table.extend(entries.into_iter().map(|(mut key, mut value)| {
                    self.text(&mut key);
                    self.json(&mut value);
                    (key, value)
                }));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Hide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hide(something)" } else { "Hide(nothing)" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_texts_are_hidden_and_nothing_is_without_need() {
        let before = json!({ "canary": [1, true, { "a": "the canary" }] });
        let mut value = before.clone();
        Hide::default().json(&mut value);
        assert_eq!(value, before);
        Hide::with(|text| *text = text.replace("canary", "******")).json(&mut value);
        assert_eq!(value, json!({ "******": [1, true, { "a": "the ******" }] }));
    }
}
