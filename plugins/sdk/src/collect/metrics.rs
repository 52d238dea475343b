//! The numbers that a run produced.

use std::{collections::BTreeMap, fs, io};

use serde_json::{Map, Value};

use crate::{AtPath, Failure, Metric, context::Context};

/// The largest metrics file that is read, in bytes. It is read whole, into the memory of the plugin.
const LARGEST: u64 = 8 << 20;

/// The most metrics of one run.
const MOST: usize = 10_000;

/// The longest name of a metric, in bytes.
const LONGEST_NAME: usize = 256;

/// What the command wrote into its metrics file, in the order of the names. A file that is not there means no metrics.
pub fn metrics(context: &Context) -> Result<Vec<Metric>, Failure> {
    let path = &context.collection.metrics;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(error).at(path),
    };
    if !found.is_file() {
        return Err(Failure::invalid("collection.metrics", path, "a regular file"));
    }
    if found.len() > LARGEST {
        return Err(Failure::invalid("collection.metrics", path, format!("a file of at most {LARGEST} bytes, not {}", found.len())));
    }
    let bytes = fs::read(path).at(path)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::invalid("collection.metrics", path, "a file in UTF-8"))?;
    parse_metrics(&text)
}

/// Reads JSON objects, one or one a line; of several, a later one wins, name by name.
///
/// Objects inside become names with dots: `{"eval": {"rmse": 0.1}}` is `eval.rmse`. `true` is 1 and `false` is 0. Any other value that is not
/// a finite number fails, naming its key: a manifest must not show a number that was not measured. A last object that is cut off, as when the
/// command was killed while it wrote, is left out if there is one before it.
pub fn parse_metrics(text: &str) -> Result<Vec<Metric>, Failure> {
    let mut all = BTreeMap::new();
    for (index, value) in serde_json::Deserializer::from_str(text).into_iter::<Value>().enumerate() {
        let object = match value {
            Ok(Value::Object(object)) => object,
            Ok(other) => return Err(Failure::invalid("metrics", other, "a JSON object of names and numbers, or one a line")),
            Err(error) if error.is_eof() && index > 0 => break,
            Err(error) => return Err(not_json(&error)),
        };
        let mut these = BTreeMap::new();
        flatten("", object, &mut these)?;
        all.extend(these);
        if all.len() > MOST {
            return Err(Failure::invalid("metrics", all.len(), format!("at most {MOST} names")));
        }
    }
    Ok(all.into_iter().map(|(name, value)| Metric { name, value }).collect())
}

fn flatten(above: &str, object: Map<String, Value>, into: &mut BTreeMap<String, f64>) -> Result<(), Failure> {
    for (key, value) in object {
        let name = if above.is_empty() { key } else { format!("{above}.{key}") };
        if name.is_empty() || name.ends_with('.') || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Failure::invalid("metrics", &name, format!("names of 1 to {LONGEST_NAME} bytes without control characters")));
        }
        let number = match &value {
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            _ => None,
        };
        match (number, value) {
            (Some(number), _) => {
                if into.insert(name.clone(), number).is_some() {
                    return Err(Failure::invalid("metrics", &name, "every name once in an object, also when it is written with dots"));
                }
            }
            (None, Value::Object(inner)) => flatten(&name, inner, into)?,
            (None, other) => return Err(Failure::invalid(format!("metrics.{name}"), other, "a finite number")),
        }
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> Failure {
    let failure = Failure::other(format!("the metrics file is not JSON: {error}"));
    failure.hint("write one JSON object, or one a line; `NaN` and `Infinity` are not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn read(text: &str) -> Vec<(String, f64)> {
        parse_metrics(text).unwrap().into_iter().map(|metric| (metric.name, metric.value)).collect()
    }

    fn named(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn objects_inside_become_names_with_dots() {
        let text = "{\n \"loss\": 0.5, \"eval\": {\"rmse\": 1e-3, \"steps\": 7}, \"done\": true\n}";
        assert_eq!(read(text), named(&[("done", 1.0), ("eval.rmse", 1e-3), ("eval.steps", 7.0), ("loss", 0.5)]));
    }

    #[test]
    fn of_several_lines_the_last_value_wins() {
        assert_eq!(read("{\"a\":1,\"b\":2}\n\n{\"a\":3}\n"), named(&[("a", 3.0), ("b", 2.0)]));
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_left_out() {
        assert_eq!(read("{\"a\":1}\n{\"a\":2"), named(&[("a", 1.0)]));
        assert!(parse_metrics("{\"a\":2").is_err());
    }

    #[test]
    fn no_text_is_no_metrics() {
        assert!(read("").is_empty());
        assert!(read(" \n").is_empty());
        assert!(read("{}").is_empty());
    }

    #[test]
    fn what_is_not_a_finite_number_is_named() {
        for (text, field) in [
            ("{\"a\":{\"b\":\"x\"}}", "metrics.a.b"),
            ("{\"a\":null}", "metrics.a"),
            ("{\"a\":[1]}", "metrics.a"),
            ("[1]", "metrics"),
            ("{\"\":1}", "metrics"),
            ("{\"a\":{\"\":1}}", "metrics"),
            ("{\"a.b\":1,\"a\":{\"b\":2}}", "metrics"),
        ] {
            let Cause::Invalid { field: named, .. } = parse_metrics(text).unwrap_err().cause else { panic!("{text}") };
            assert_eq!(named, field, "{text}");
        }
        for text in ["{\"a\":NaN}", "{\"a\":1e999}", "{\"a\":1} x", &"{\"a\":".repeat(500)] {
            assert!(parse_metrics(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_file_means_no_metrics_and_a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = crate::context::tests::context();
        context.collection.metrics = folder.path().join("m.json").display().to_string();
        assert!(metrics(&context).unwrap().is_empty());
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("m.json")).unwrap();
        assert!(metrics(&context).is_err());
    }
}
