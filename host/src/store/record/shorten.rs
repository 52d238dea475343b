//! Makes values fit into a line.

use serde_json::{Value, json};

use super::entry::Body;
use crate::names::Digest;

/// Bytes that a line needs besides its values.
const FRAME: usize = 1 << 10;

/// Lengths to which texts are cut, tried in turn.
const STEPS: [usize; 3] = [4096, 256, 32];

/// The same body with its longest texts cut, until its JSON has at most `limit` bytes. What was cut is marked with its length.
pub(super) fn shorten(body: Body, limit: usize) -> Body {
    let limit = limit.saturating_sub(FRAME);
    let mut body = body;
    for most in STEPS {
        if length(&body) <= limit {
            return body;
        }
        each_text(&mut body, |text| cut_text(text, most));
        each_value(&mut body, |value| cut(value, most));
    }
    // Many small values: nothing of their structure fits.
    each_value(&mut body, |value| {
        let text = value.to_string();
        *value = json!({ "shortened": head(&text, 1024), "bytes": text.len(), "sha256": Digest::of(text.as_bytes()).hex() });
    });
    body
}

fn length(body: &Body) -> usize {
    serde_json::to_vec(body).map_or(usize::MAX, |json| json.len())
}

fn each_text(body: &mut Body, mut change: impl FnMut(&mut String)) {
    match body {
        Body::Begin { format, .. } => change(format),
        Body::Intent(call) => change(&mut call.import),
        Body::Denial { call, denial } => {
            for text in [&mut call.import, &mut denial.plugin, &mut denial.action, &mut denial.rule, &mut denial.cure] {
                change(text);
            }
        }
        Body::Phase { step } => change(step),
        Body::Log { level, message, .. } => {
            change(level);
            change(message);
        }
        Body::Note { text, .. } => change(text),
        Body::Result { .. } | Body::Dropped { .. } => {}
    }
}

fn each_value(body: &mut Body, mut change: impl FnMut(&mut Value)) {
    match body {
        Body::Intent(call) | Body::Denial { call, .. } => change(&mut call.action),
        Body::Result { outcome, .. } => change(outcome),
        Body::Log { fields, .. } => change(fields),
        Body::Note { details, .. } => change(details),
        Body::Begin { .. } | Body::Phase { .. } | Body::Dropped { .. } => {}
    }
}

fn cut(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => cut_text(text, most),
        Value::Array(values) => values.iter_mut().for_each(|value| cut(value, most)),
        Value::Object(map) => map.values_mut().for_each(|value| cut(value, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cut_text(text: &mut String, most: usize) {
    if text.len() > most {
        *text = format!("{}... [shortened from {} bytes]", head(text, most), text.len());
    }
}

/// The first bytes of `text`, at most `most`, cut between two characters.
fn head(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}
