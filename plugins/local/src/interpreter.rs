//! Which python an environment is made with.

use worldflux_plugin::{Cause, Failure, process, process::Output};

use crate::{
    dialect::{self, Interpreter},
    settings::{self, Settings, Source},
};

/// How an environment is made on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Whether uv makes it; else python3 and pip do.
    pub(crate) uv: bool,
    /// What is given to the program that makes it: a path on this machine, or a version that uv gets.
    pub(crate) python: Option<String>,
    /// What tells this interpreter from another.
    pub(crate) identity: String,
}

/// Finds out what is there. Asks programs, changes nothing.
pub(crate) fn find(settings: &Settings) -> Result<Toolchain, Failure> {
    let mut answers = process::output_all(&[dialect::uv_version(), dialect::identify_python()]).into_iter();
    let (uv, python) = (answers.next(), answers.next());
    let denial =
        [&uv, &python].into_iter().flatten().find_map(|answer| answer.as_ref().err().filter(|failure| is_denied(failure))).cloned();
    let here = Here {
        uv: uv.and_then(Result::ok).is_some_and(|output| output.succeeded()),
        python: python.and_then(Result::ok).and_then(|output| Interpreter::read(&output.text())),
    };
    let find = |version: Option<&str>, folder: &str| {
        let output = process::output(&dialect::find_python(version, folder)).ok().filter(Output::succeeded);
        output.and_then(|output| output.first_line())
    };
    // A program that is there and not granted is the reason, and its cure is the way out.
    choose(settings, here, find).map_err(|failure| denial.unwrap_or(failure))
}

/// What was found in `PATH`.
struct Here {
    uv: bool,
    python: Option<Interpreter>,
}

fn is_denied(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Denied { .. })
}

fn choose(settings: &Settings, here: Here, find: impl Fn(Option<&str>, &str) -> Option<String>) -> Result<Toolchain, Failure> {
    let wanted = settings.python.as_deref();
    let uv = here.uv;
    if let Source::Project(folder) = &settings.source {
        if !uv {
            return Err(no_uv("`project` in the settings"));
        }
        let found = find(wanted, &settings::guest_folder(folder));
        let identity = found.unwrap_or_else(|| format!("uv python {}", wanted.unwrap_or("of the project")));
        return Ok(Toolchain { uv, python: settings.python.clone(), identity });
    }
    if let Some(python) = here.python.filter(|python| wanted.is_none_or(|version| python.is(version))) {
        let identity = [python.path.as_str(), &python.base, &python.build, &python.abi].join("\n");
        return Ok(Toolchain { uv, python: Some(python.path), identity });
    }
    if !uv {
        let what = wanted.map_or_else(|| "an environment without python3".to_owned(), |version| format!("python {version}"));
        return Err(no_uv(&what));
    }
    let found = find(wanted, "/workspace");
    let python = found.or_else(|| settings.python.clone()).unwrap_or_else(|| "3".into());
    Ok(Toolchain { uv, identity: format!("uv python {python}"), python: Some(python) })
}

fn no_uv(what: &str) -> Failure {
    Failure::not_found(format!("{what} needs uv, which is not here")).hint("install uv: https://docs.astral.sh/uv/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Option<Interpreter> {
        Interpreter::read("/usr/bin/python3\n/usr\n3.11.2 (main)\ncpython-311")
    }

    fn chosen(text: &str, uv: bool, python: Option<Interpreter>, found: Option<&str>) -> Result<Toolchain, Failure> {
        choose(&settings::read(text).unwrap(), Here { uv, python }, |_, _| found.map(str::to_owned))
    }

    #[test]
    fn the_python_of_the_path_is_taken_where_it_fits() {
        let toolchain = chosen(r#"{"requirements":"r"}"#, false, here(), None).unwrap();
        assert_eq!(toolchain.python.as_deref(), Some("/usr/bin/python3"));
        assert!(chosen(r#"{"python":"3.11"}"#, true, here(), Some("/other")).unwrap().identity.starts_with("/usr/bin/python3\n"));
    }

    #[test]
    fn another_version_comes_from_uv() {
        let toolchain = chosen(r#"{"python":"3.12"}"#, true, here(), Some("/opt/python3.12")).unwrap();
        assert_eq!(toolchain.python.as_deref(), Some("/opt/python3.12"));
        assert_eq!(chosen(r#"{"python":"3.12"}"#, true, None, None).unwrap().python.as_deref(), Some("3.12"));
        assert!(chosen(r#"{"python":"3.12"}"#, false, here(), None).unwrap_err().hint.is_some());
    }

    #[test]
    fn a_project_needs_uv() {
        assert!(chosen(r#"{"project":"."}"#, false, here(), None).is_err());
        assert_eq!(chosen(r#"{"project":"."}"#, true, here(), Some("/p")).unwrap().identity, "/p");
    }

    #[test]
    fn without_python_and_uv_there_is_no_environment() {
        assert!(chosen(r#"{"requirements":"r"}"#, false, None, None).is_err());
        assert!(chosen(r#"{"requirements":"r"}"#, true, None, None).is_ok());
    }
}
