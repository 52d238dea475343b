//! What the user may write under this runtime, as typed and as meant.

use serde::Deserialize;
use worldflux_plugin::{Failure, context};

/// JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// As typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Typed {
    requirements: Option<String>,
    project: Option<String>,
    python: Option<String>,
    requires_tty: bool,
    shell: Option<String>,
}

/// As meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What the environment is made from.
    pub(crate) source: Source,
    /// Which python, such as `3.12`.
    pub(crate) python: Option<String>,
    /// Whether a terminal was asked for; commands get pipes.
    pub(crate) requires_tty: bool,
    /// Which shell was asked for; commands are started without one.
    pub(crate) shell: Option<String>,
}

/// What an environment is made from. Paths are relative to the workspace, without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// There is no environment.
    Nothing,
    /// An interpreter alone.
    Interpreter,
    /// A requirements file of pip.
    Requirements(String),
    /// A folder with `pyproject.toml` and `uv.lock`; empty for the workspace itself.
    Project(String),
}

/// The guest path of a folder of the workspace.
pub(crate) fn guest_folder(folder: &str) -> String {
    if folder.is_empty() { "/workspace".to_owned() } else { format!("/workspace/{folder}") }
}

/// Reads and checks the settings.
pub(crate) fn read(text: &str) -> Result<Settings, Failure> {
    let typed: Typed = context::parse(text)?;
    let python = typed.python.map(|version| checked_version(&version).map(|()| version)).transpose()?;
    let source = match (typed.requirements, typed.project) {
        (Some(file), None) => Source::Requirements(relative("settings.requirements", &file, "requirements.txt")?),
        (None, Some(folder)) => Source::Project(relative("settings.project", &folder, ".")?),
        (None, None) if python.is_some() => Source::Interpreter,
        (None, None) => Source::Nothing,
        (Some(_), Some(folder)) => return Err(Failure::invalid("settings.project", folder, "`requirements` or `project`, not both")),
    };
    if let Source::Requirements(file) = &source
        && file.is_empty()
    {
        return Err(Failure::invalid("settings.requirements", "", "the path of a file in the workspace"));
    }
    Ok(Settings { source, python, requires_tty: typed.requires_tty, shell: typed.shell })
}

/// `path` without `.` and `..`, if it stays in the workspace.
pub(crate) fn relative(field: &str, path: &str, example: &str) -> Result<String, Failure> {
    let inside = context::in_workspace(field, path, example)?;
    // A program would take it for an option.
    if inside.starts_with('-') {
        return Err(Failure::invalid(field, path, format!("a path that stays in the workspace, such as `{example}`")));
    }
    Ok(inside)
}

fn checked_version(version: &str) -> Result<(), Failure> {
    let number = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
    let count = version.split('.').count();
    if version.split('.').all(number) && (2..=3).contains(&count) {
        return Ok(());
    }
    Err(Failure::invalid("settings.python", version, "a version such as `3.12` or `3.12.4`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        read(text).unwrap().source
    }

    #[test]
    fn without_settings_there_is_no_environment() {
        assert_eq!(source("{}"), Source::Nothing);
        assert_eq!(source(""), Source::Nothing);
    }

    #[test]
    fn a_file_a_project_or_a_version_asks_for_an_environment() {
        assert_eq!(source(r#"{"requirements":"./a/../requirements.txt"}"#), Source::Requirements("requirements.txt".into()));
        assert_eq!(source(r#"{"project":"."}"#), Source::Project(String::new()));
        assert_eq!(source(r#"{"python":"3.12"}"#), Source::Interpreter);
    }

    #[test]
    fn what_leaves_the_workspace_or_is_no_version_is_refused() {
        for text in [
            r#"{"requirements":"../r.txt"}"#,
            r#"{"requirements":"/etc/r.txt"}"#,
            r#"{"requirements":"-r.txt"}"#,
            r#"{"requirements":"."}"#,
            r#"{"project":"a/../../b"}"#,
            r#"{"python":"three"}"#,
            r#"{"python":"3"}"#,
            r#"{"python":"3.12; rm"}"#,
            r#"{"requirements":"a","project":"b"}"#,
            r#"{"requirement":"a"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_schema_names_the_same_settings() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["project", "python", "requirements", "requires_tty", "shell"]);
        let all = r#"{"requirements":"r","python":"3.12","requires_tty":true,"shell":"bash"}"#;
        assert!(read(all).is_ok());
    }
}
