//! One line each way: a request, and its answer.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{Fault, ServeError};

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    /// What the answer is called; without one there is no answer.
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) parameters: Value,
}

/// A line that is no request, with the id that it has all the same.
pub(super) type Refused = (Value, ServeError);

impl Request {
    /// Understand a line. `None` where it is blank.
    pub(super) fn read(line: &[u8]) -> Option<Result<Self, Refused>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(match serde_json::from_slice(line) {
            Ok(Value::Object(request)) => Self::of(request),
            Ok(Value::Array(_)) => Err((Value::Null, ServeError::NotARequest("several at once are sent as several lines"))),
            Ok(_) => Err((Value::Null, ServeError::NotARequest("it is no object"))),
            Err(error) => Err((Value::Null, ServeError::Json(error))),
        })
    }

    fn of(mut request: Map<String, Value>) -> Result<Self, Refused> {
        let id = request.remove("id");
        let shown = id.clone().filter(|id| id.is_string() || id.is_number()).unwrap_or_default();
        let refuse = |why| Err((shown.clone(), ServeError::NotARequest(why)));
        if id.is_some() && shown.is_null() {
            return refuse("`id` is a text or a number");
        }
        if request.remove("jsonrpc") != Some("2.0".into()) {
            return refuse("`jsonrpc` is \"2.0\"");
        }
        let Some(Value::String(method)) = request.remove("method") else {
            return refuse("`method` is a text");
        };
        let parameters = match request.remove("params") {
            None => Value::Object(Map::new()),
            Some(Value::Object(parameters)) => Value::Object(parameters),
            Some(_) => return refuse("`params` is an object: every parameter has a name"),
        };
        if !request.is_empty() {
            return refuse("it has only `jsonrpc`, `id`, `method` and `params`");
        }
        Ok(Self { id, method, parameters })
    }
}

/// Write the line of a result, which is JSON already.
pub(super) fn write_result(line: &mut Vec<u8>, id: &Value, result: &[u8]) {
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    line.extend_from_slice(id.to_string().as_bytes());
    line.extend_from_slice(br#","result":"#);
    line.extend_from_slice(result);
    line.extend_from_slice(b"}\n");
}

/// Write the line of an error.
pub(super) fn write_error(line: &mut Vec<u8>, id: &Value, error: &ServeError) {
    #[derive(Serialize)]
    struct Answer<'a> {
        jsonrpc: &'static str,
        id: &'a Value,
        error: Fault,
    }
    // A fault is made of texts and numbers, so writing it into memory cannot fail.
    let _ = serde_json::to_writer(&mut *line, &Answer { jsonrpc: "2.0", id, error: error.into() });
    line.push(b'\n');
}

/// Write the line of a notification.
pub(super) fn write_notification(line: &mut Vec<u8>, method: &'static str, parameters: &impl Serialize) {
    #[derive(Serialize)]
    struct Notification<'a, P> {
        jsonrpc: &'static str,
        method: &'static str,
        params: &'a P,
    }
    // As above.
    let _ = serde_json::to_writer(&mut *line, &Notification { jsonrpc: "2.0", method, params: parameters });
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(line: &str) -> (Value, Fault) {
        let (id, error) = Request::read(line.as_bytes()).unwrap().unwrap_err();
        (id, Fault::from(&error))
    }

    #[test]
    fn a_request_is_read() {
        let request = Request::read(br#" {"jsonrpc":"2.0","id":"a","method":"m","params":{"b":1}} "#).unwrap().unwrap();
        assert_eq!(request, Request { id: Some(json!("a")), method: "m".into(), parameters: json!({ "b": 1 }) });
        let request = Request::read(br#"{"jsonrpc":"2.0","method":"m"}"#).unwrap().unwrap();
        assert_eq!(request, Request { id: None, method: "m".into(), parameters: json!({}) });
        assert!(Request::read(b" \r\t").is_none());
    }

    /// F230, F233
    #[test]
    fn what_is_no_request_is_told_with_its_id_where_it_has_one() {
        let deep = "[".repeat(100_000);
        for (line, id, code) in [
            ("{", json!(null), -32700),
            ("\u{fffd}", json!(null), -32700),
            (&deep, json!(null), -32700),
            (r#"{"jsonrpc":"2.0","id":1e999,"method":"m"}"#, json!(null), -32700),
            ("[]", json!(null), -32600),
            ("7", json!(null), -32600),
            (r#"{"id":1,"method":"m"}"#, json!(1), -32600),
            (r#"{"jsonrpc":"1.0","id":"x","method":"m"}"#, json!("x"), -32600),
            (r#"{"jsonrpc":"2.0","id":2}"#, json!(2), -32600),
            (r#"{"jsonrpc":"2.0","id":3,"method":4}"#, json!(3), -32600),
            (r#"{"jsonrpc":"2.0","id":5,"method":"m","params":[1]}"#, json!(5), -32600),
            (r#"{"jsonrpc":"2.0","id":6,"method":"m","parms":{}}"#, json!(6), -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, json!(null), -32600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, json!(null), -32600),
        ] {
            let (found, fault) = refusal(line);
            assert_eq!((found, fault.code), (id, code), "{line:.80}: {}", fault.message);
            assert!(fault.data.recoverable && fault.data.hint.is_some());
        }
    }

    #[test]
    fn every_answer_is_one_line_of_json() {
        let mut line = Vec::new();
        write_result(&mut line, &json!("a\nb"), br#"{"c":1}"#);
        assert_eq!(line, b"{\"jsonrpc\":\"2.0\",\"id\":\"a\\nb\",\"result\":{\"c\":1}}\n");
        line.clear();
        write_error(&mut line, &json!(1), &ServeError::NoMethod { method: "x\ny".into(), meant: Some("m") });
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["error"]["code"], -32601);
        assert_eq!(
            answer["error"]["data"],
            json!({
                "code": "unknown-method", "recoverable": true, "hint": "did you mean `m`?", "field": "method", "value": "x\ny"
            })
        );
        let mut line = Vec::new();
        write_notification(&mut line, "execution.ended", &json!({ "a": 1 }));
        assert_eq!(line, b"{\"jsonrpc\":\"2.0\",\"method\":\"execution.ended\",\"params\":{\"a\":1}}\n");
    }
}
