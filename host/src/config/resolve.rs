//! From what was written to what is meant: the run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    ConfigError, Deadline, Mode, Place, RunOverrides, RunSettings, RuntimeChoice, Stdin, command_line, duration,
    error::quoted,
    file::{Command, ENVIRONMENT_KEYS, TIMEOUT, json},
    narrowing, network, place, resolve_environment,
    settings::overlay,
    sources::{Sourced, Sources},
    variable,
};
use crate::{
    names::{Bytes, RunId, RuntimeName, distance},
    policy::Profile,
};

/// How long one command of a session may take where nobody says it. A program that drives a session waits for its commands, often through a
/// night; one that never ends must not take the night. A person who types a command sees it, and has no such limit.
const SESSION: Duration = Duration::from_hours(2);

/// How long a command may take to end before it is ended by force, unless the user says otherwise: what Docker and Kubernetes users know
/// is 10 s and 30 s; a training script needs a moment to write its checkpoint.
const GRACE: Duration = Duration::from_secs(10);

/// How much output is kept unless the user says otherwise. Stops a command that prints in a loop from filling the disk.
const LOG_LIMIT: Bytes = Bytes::gibi(8);

/// Where it runs unless the user says otherwise.
const RUNTIME: &str = "local";

/// Where output goes unless the user says otherwise: a folder for each run, so that two runs never mix their files.
const OUTPUT: &str = "outputs/{run_id}";

pub(super) fn run_settings(sources: &Sources<'_>) -> Result<RunSettings, ConfigError> {
    let settings = session_settings(sources)?;
    let extra_arguments = extra_arguments(sources)?;
    let mut command = command(sources)?;
    command.extend(extra_arguments.iter().cloned());
    let deadline = deadline(sources)?.unwrap_or(Deadline::Never);
    Ok(RunSettings { command, extra_arguments, deadline, ..settings })
}

/// Everything but the command.
pub(super) fn session_settings(sources: &Sources<'_>) -> Result<RunSettings, ConfigError> {
    let overrides = sources.overrides;
    let run_id = match sources.text("--run-id", overrides.run_id.as_ref(), "", |_| None) {
        Some(text) => text.parse(|id| id.parse::<RunId>().map_err(|_| RUN_ID))?,
        None => RunId::generate(),
    };
    let client_run_id = sources
        .text("--client-run-id", overrides.client_run_id.as_ref(), "client_run_id", |file| file.client_run_id.as_ref())
        .map(|text| text.parse(client_run_id))
        .transpose()?;
    let runtime = runtime(sources)?;
    let home = sources.strongest().next().map_or(sources.current_directory, |file| file.folder.as_path());
    let workspace = sources.text("--workspace", overrides.workspace.as_ref(), "workspace", |file| file.workspace.as_ref());
    let workspace = workspace.map_or_else(|| Ok(home.to_owned()), |text| text.path())?;
    let source = sources.in_files("source", |file| file.source.as_ref()).map(as_text);
    let source = source.map_or_else(|| Ok(workspace.clone()), |text| text.path())?;
    let output = sources.text("--output", overrides.output.as_ref(), "output", |file| file.output.as_ref());
    let output = output.map_or_else(|| Ok(place::output(OUTPUT, &workspace, &run_id)), |text| output_path(&text, &run_id))?;
    let interpreter = sources.in_files("interpreter", |file| file.interpreter.as_ref()).map(as_text);
    let interpreter = interpreter.map(|text| place::interpreter(&text, &workspace, &source)).transpose()?;

    let environment = resolve_environment::environment_settings(sources)?;
    let mut variables = environment.variables.clone();
    variables.extend(typed_variables(sources)?);
    let artifacts = sources.list("--artifact", &overrides.artifacts, "artifacts.include", |file| file.artifacts.include.as_ref());
    let commit = sources.list("--commit", &overrides.commit, "artifacts.commit", |file| file.artifacts.commit.as_ref());
    let parts = runtime_parts(sources, &runtime)?;
    Ok(RunSettings {
        client_run_id: client_run_id.unwrap_or_else(|| run_id.to_string()),
        run_id,
        runtime,
        command: vec![],
        extra_arguments: vec![],
        deadline: deadline(sources)?.unwrap_or(Deadline::After(SESSION)),
        grace: grace(sources)?,
        log_limit: log_limit(sources)?,
        stdin: stdin(sources)?,
        sandbox: sandbox(sources)?,
        network: network::network(sources)?,
        mode: sources.overrides.mode.map_or_else(|| mode(sources), Ok)?,
        adapter: label(sources.text("--adapter", overrides.adapter.as_ref(), "adapter", |file| file.adapter.as_ref()))?,
        task: label(sources.text("--task", overrides.task.as_ref(), "task", |file| file.task.as_ref()))?,
        workspace,
        source,
        output,
        interpreter,
        artifacts: globs(artifacts)?.unwrap_or_default(),
        commit: globs(commit)?.unwrap_or_default(),
        variables,
        environment,
        project: home.to_owned(),
        typed_places: typed_places(overrides),
        files: sources.files.iter().filter(|file| file.is_file).map(|file| file.path().to_owned()).collect(),
        assets: super::assets::assets(sources)?,
        notes: notes(sources),
        narrowings: narrowing::narrowings(sources)?,
        parts,
        typed_part: typed_part(sources)?,
    })
}

fn notes(sources: &Sources<'_>) -> Vec<String> {
    let notes = sources.files.iter().flat_map(|file| file.notes.iter().map(|note| format!("{}: {note}", file.path().display())));
    notes.collect()
}

const RUN_ID: &str = "letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit";

fn typed_places(overrides: &RunOverrides) -> BTreeSet<Place> {
    let typed =
        [(Place::Workspace, &overrides.workspace), (Place::Output, &overrides.output), (Place::Stdin, &overrides.stdin)].into_iter();
    typed.filter(|(_, text)| text.is_some()).map(|(place, _)| place).collect()
}

fn client_run_id(text: &str) -> Result<String, &'static str> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    // 64 is what the strictest backend takes as an idempotency token.
    if visible && (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err("1 to 64 visible ASCII characters without spaces") }
}

fn runtime(sources: &Sources<'_>) -> Result<RuntimeChoice, ConfigError> {
    let text = sources.text("--runtime", sources.overrides.runtime.as_ref(), "runtime", |file| file.runtime.as_ref());
    let expected = "the name of a runtime (lower-case letters, digits and `-`), or the path of a `.wasm` file";
    let text = text.unwrap_or_else(|| sources.typed("--runtime", RUNTIME));
    if text.value.contains('/') || Path::new(text.value).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm")) {
        return text.path().map(RuntimeChoice::File);
    }
    text.parse(|name| name.parse::<RuntimeName>().map_err(|_| expected)).map(RuntimeChoice::Named)
}

fn command(sources: &Sources<'_>) -> Result<Vec<String>, ConfigError> {
    let typed = &sources.overrides.command;
    if !typed.is_empty() {
        let words = sources.typed("-- COMMAND", ());
        return words_of(typed.clone(), &words);
    }
    let command = sources.in_files("command", |file| file.command.as_ref()).ok_or(ConfigError::NoCommand)?;
    let words = match command.value {
        Command::Words(words) => words.clone(),
        Command::Line(line) => command_line::split(line).map_err(|expected| command.wrong_as(quoted(line), expected))?,
    };
    words_of(words, &command)
}

/// The arguments that a file appends to its command. A command that was typed runs as it was typed.
fn extra_arguments(sources: &Sources<'_>) -> Result<Vec<String>, ConfigError> {
    let arguments = sources.list_in_files("extra_args", |file| file.extra_args.as_ref()).unwrap_or_default();
    let arguments = arguments.iter().map(|text| text.parse(argument)).collect::<Result<Vec<_>, _>>()?;
    Ok(if sources.overrides.command.is_empty() { arguments } else { vec![] })
}

fn words_of<T>(words: Vec<String>, sourced: &Sourced<'_, T>) -> Result<Vec<String>, ConfigError> {
    if words.first().is_none_or(String::is_empty) {
        return Err(sourced.wrong_as("empty", "a program and its arguments"));
    }
    match words.iter().find(|word| argument(word).is_err()) {
        Some(word) => Err(sourced.wrong_as(quoted(word), NO_NUL)),
        None => Ok(words),
    }
}

const NO_NUL: &str = "an argument without NUL, at most 128 KiB";

fn argument(text: &str) -> Result<String, &'static str> {
    if variable::is_value(text) { Ok(text.to_owned()) } else { Err(NO_NUL) }
}

fn deadline(sources: &Sources<'_>) -> Result<Option<Deadline>, ConfigError> {
    let text = sources.text("--timeout", sources.overrides.timeout.as_ref(), "timeout", |file| file.timeout.as_ref());
    let Some(text) = text else { return Ok(None) };
    if text.value == "none" {
        return Ok(Some(Deadline::Never));
    }
    let duration = text.parse(|value| {
        duration::parse_duration(value).map_err(|expected| if expected == duration::EXPECTED { TIMEOUT } else { expected })
    })?;
    // A limit of nothing would end every command; whoever wrote it meant something else, often "no limit".
    if duration < Duration::from_millis(1) {
        return Err(text.wrong("at least `1ms`, or `none` for no limit"));
    }
    Ok(Some(Deadline::After(duration)))
}

fn grace(sources: &Sources<'_>) -> Result<Duration, ConfigError> {
    let text = sources.text("--grace", sources.overrides.grace.as_ref(), "grace", |file| file.grace.as_ref());
    let Some(text) = text else { return Ok(GRACE) };
    let grace = text.parse(duration::parse_duration)?;
    if grace > Duration::from_hours(1) {
        return Err(text.wrong("at most `1h`"));
    }
    Ok(grace)
}

fn log_limit(sources: &Sources<'_>) -> Result<Bytes, ConfigError> {
    let text = sources.text("--max-log", sources.overrides.max_log.as_ref(), "max_log", |file| file.max_log.as_ref());
    text.map_or(Ok(LOG_LIMIT), |text| text.parse(crate::names::parse_size))
}

fn stdin(sources: &Sources<'_>) -> Result<Stdin, ConfigError> {
    let text = sources.text("--stdin", sources.overrides.stdin.as_ref(), "stdin", |file| file.stdin.as_ref());
    match text {
        None => Ok(Stdin::Empty),
        Some(text) if text.value == "-" => Ok(Stdin::Own),
        Some(text) => text.path().map(Stdin::File),
    }
}

fn sandbox(sources: &Sources<'_>) -> Result<Profile, ConfigError> {
    let text = sources.text("--sandbox", sources.overrides.sandbox.as_ref(), "sandbox", |file| file.sandbox.as_ref());
    text.map_or(Ok(Profile::Own), |text| {
        text.parse(|value| match value {
            "own" => Ok(Profile::Own),
            "strict" => Ok(Profile::Strict),
            _ => Err("`own` or `strict`"),
        })
    })
}

/// `evaluation` unless the user says otherwise: whoever types `worldflux run` wrote the evaluation commands too, so there is nobody to hide
/// them from, and inputs that stay outside of the workspace cannot be changed by accident. Agents are run by a harness, which says so.
fn mode(sources: &Sources<'_>) -> Result<Mode, ConfigError> {
    let text = sources.in_files("mode", |file| file.mode.as_ref()).map(as_text);
    text.map_or(Ok(Mode::Evaluation), |text| {
        text.parse(|value| match value {
            "agent" => Ok(Mode::Agent),
            "evaluation" => Ok(Mode::Evaluation),
            _ => Err("`agent` or `evaluation`"),
        })
    })
}

fn output_path(text: &Sourced<'_, &str>, run_id: &RunId) -> Result<PathBuf, ConfigError> {
    text.path()?;
    let rest = text.value.replace("{run_id}", "");
    if rest.contains(['{', '}']) {
        return Err(text.wrong("a path in which only `{run_id}` stands in braces"));
    }
    Ok(place::output(text.value, text.base, run_id))
}

fn typed_variables(sources: &Sources<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::new();
    for text in &sources.overrides.env {
        let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
        let typed = sources.typed("--env", name);
        if !variable::is_name(name) {
            return Err(typed.wrong(variable::EXPECTED_NAME));
        }
        let value = if let Some(value) = value {
            value.to_owned()
        } else {
            let value = sources.environment.all().get(OsStr::new(name));
            let value = value.ok_or_else(|| ConfigError::NoSuchVariable(name.to_owned()))?;
            value.to_str().ok_or_else(|| typed.wrong("a variable whose value is UTF-8"))?.to_owned()
        };
        // The value is not shown: it may be a secret.
        if !variable::is_value(&value) {
            return Err(typed.wrong(variable::EXPECTED_VALUE));
        }
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// What the files say to runtimes. A table for another runtime is fine, a project may know several; one that is a slip of the pen away
/// from the chosen runtime or from a key of the environment is not, since it would silently do nothing.
fn runtime_parts(sources: &Sources<'_>, chosen: &RuntimeChoice) -> Result<BTreeMap<RuntimeName, Map<String, Value>>, ConfigError> {
    let chosen = match chosen {
        RuntimeChoice::Named(name) => name.as_str(),
        RuntimeChoice::File(_) => "",
    };
    let mut parts: BTreeMap<RuntimeName, Map<String, Value>> = BTreeMap::new();
    for file in sources.files {
        for part in &file.parts {
            let known = || ENVIRONMENT_KEYS.into_iter().chain([chosen]).filter(|key| !key.is_empty());
            let slipped = part.name != chosen && known().any(|key| distance(&part.name, key) == 1);
            let Ok(name) = part.name.parse() else { return Err(file.unknown_part(part, known())) };
            if slipped {
                return Err(file.unknown_part(part, known()));
            }
            overlay(parts.entry(name).or_default(), part.settings.clone());
        }
    }
    Ok(parts)
}

/// `--set a.b=VALUE`: the value as TOML, or else the text itself.
fn typed_part(sources: &Sources<'_>) -> Result<Map<String, Value>, ConfigError> {
    let mut part = Map::new();
    for text in &sources.overrides.set {
        let typed = sources.typed("--set", text.as_str());
        let (path, value) = text.split_once('=').ok_or_else(|| typed.wrong("KEY=VALUE"))?;
        let bare = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !path.split('.').all(bare) || path.split('.').count() > 32 {
            return Err(typed.wrong("KEY=VALUE with a key of letters, digits, `_` and `-`, and `.` between the keys of tables"));
        }
        let parsed = value.parse::<toml::Value>().ok().filter(|value| !value.is_datetime()).and_then(json);
        let mut value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
        for key in path.rsplit('.') {
            value = Value::Object(Map::from_iter([(key.to_owned(), value)]));
        }
        if let Value::Object(value) = value {
            overlay(&mut part, value);
        }
    }
    Ok(part)
}

/// A word or two of the user's that ends up in tables and manifests.
pub(super) fn label(text: Option<Sourced<'_, &str>>) -> Result<String, ConfigError> {
    let Some(text) = text else { return Ok(String::new()) };
    if text.value.chars().count() > 128 || text.value.chars().any(char::is_control) {
        return Err(text.wrong("at most 128 characters without control characters"));
    }
    Ok(text.value.to_owned())
}

/// Patterns over relative paths.
pub(super) fn globs(list: Option<Vec<Sourced<'_, &str>>>) -> Result<Option<Vec<String>>, ConfigError> {
    let check = |list: Vec<Sourced<'_, &str>>| list.iter().map(|text| text.parse(place::glob)).collect();
    list.map(check).transpose()
}

pub(super) fn as_text<'s>(sourced: Sourced<'s, &'s String>) -> Sourced<'s, &'s str> {
    Sourced { value: sourced.value.as_str(), subject: sourced.subject, base: sourced.base }
}
