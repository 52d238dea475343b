//! YAML 1.2 as one value.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    bytes_value,
    error::Trouble,
    float_value,
    limits::Budget,
    yaml_tree::{YamlNode, YamlValue, tree},
};

/// One document; a text without one is `null`.
pub(super) fn read(text: &str, budget: &mut Budget) -> Result<Value, Trouble> {
    tree(text, budget)?.map_or(Ok(Value::Null), |node| value(&node))
}

fn value(node: &YamlNode) -> Result<Value, Trouble> {
    let here = |trouble: Trouble| if trouble.spot.line.is_some() { trouble } else { trouble.in_line(node.line as u64) };
    match &node.value {
        YamlValue::Scalar { text, plain, tag } => scalar(text, *plain, tag.as_deref()).map_err(|why| here(Trouble::new(why))),
        YamlValue::List(elements) => elements.iter().map(value).collect::<Result<_, _>>().map(Value::Array),
        YamlValue::Table(entries) => table(entries).map(Value::Object).map_err(here),
    }
}

fn table(entries: &[(YamlNode, YamlNode)]) -> Result<Map<String, Value>, Trouble> {
    let (mut table, mut merged) = (Map::new(), Map::new());
    for (key, entry) in entries {
        let line = key.line as u64;
        let YamlValue::Scalar { text, plain, .. } = &key.value else {
            return Err(Trouble::new("a key is a list or a table, and only texts, numbers and the like are read").in_line(line));
        };
        if *plain && text == "<<" {
            for below in merges(value(entry)?).ok_or_else(|| Trouble::new("`<<` merges a table, or a list of them").in_line(line))? {
                below.into_iter().for_each(|(key, value)| {
                    merged.entry(key).or_insert(value);
                });
            }
        } else if table.insert(text.clone(), value(entry)?).is_some() {
            return Err(Trouble::new(format!("the key `{}` stands there twice", text.escape_debug())).in_line(line));
        }
    }
    for (key, value) in merged {
        table.entry(key).or_insert(value);
    }
    Ok(table)
}

fn merges(value: Value) -> Option<Vec<Map<String, Value>>> {
    match value {
        Value::Object(table) => Some(vec![table]),
        Value::Array(tables) => tables.into_iter().map(|table| if let Value::Object(table) = table { Some(table) } else { None }).collect(),
        _ => None,
    }
}

/// What a scalar is: by the type that it was given, by its quotes, else by its text as the core schema of YAML 1.2 says. So `yes` and `012` are
/// a text and the number 12.
pub(crate) fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    match tag {
        Some("str") => return Ok(text.into()),
        Some("binary") => {
            let packed: String = text.split_whitespace().collect();
            return STANDARD.decode(packed).map(|bytes| bytes_value(&bytes)).map_err(|error| format!("`!!binary` is not base64: {error}"));
        }
        None if !plain => return Ok(text.into()),
        Some("float") => {
            return match core(text) {
                Value::Number(number) => Ok(float_value(number.as_f64().unwrap_or(f64::NAN))),
                Value::Object(special) => Ok(Value::Object(special)),
                _ => Err(format!("`{}` is no `!!float`", text.escape_debug())),
            };
        }
        None | Some("int" | "bool" | "null" | "timestamp") => {}
        Some(other) => return Err(format!("`!{}` is no type that is known here", other.escape_debug())),
    }
    let value = core(text);
    let fits = match tag {
        Some("int") => value.is_i64() || value.is_u64(),
        Some("bool") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    if fits { Ok(value) } else { Err(format!("`{}` is not of the type that it is given", text.escape_debug())) }
}

fn core(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return float_value(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return float_value(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let radix = |prefix: &str, radix| text.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return number.into();
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        let text = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = text.parse::<i64>() {
            return number.into();
        }
        if let Ok(number) = text.parse::<u64>() {
            return number.into();
        }
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let is_number = (digits(whole) || (whole.is_empty() && digits(part))) && (part.is_empty() || digits(part)) && exponent_fits;
    match text.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => float_value(number),
        _ => text.into(),
    }
}
