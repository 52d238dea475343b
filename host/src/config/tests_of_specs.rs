//! Environment specs: in three languages, and those of the earlier system.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;

use super::{tests::typed, *};
use crate::workspace::Compression;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/specs").join(name)
}

fn resolve(spec: PathBuf) -> Result<RunSettings, ConfigError> {
    let place = tempfile::tempdir().unwrap();
    let overrides = RunOverrides { spec: Some(spec), run_id: Some("r".into()), workspace: Some("/w".into()), ..typed(&["true"]) };
    RunSettings::resolve(&overrides, &Environment::from_pairs([("HOME", "/home/ada")]), place.path())
}

/// The message about a file with this text, without its folder, and the hint.
fn message(name: &str, text: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join(name), text).unwrap();
    let error = resolve(place.path().join(name)).unwrap_err();
    let message = error.to_string().replace(&format!("{}/", place.path().display()), "");
    error.hint().map_or(message.clone(), |hint| format!("{message} | {hint}"))
}

/// F100, F101, F115
#[test]
fn one_content_means_the_same_in_every_language() {
    let same = |name: &str| {
        let mut settings = resolve(fixture(name)).unwrap();
        (settings.files, settings.project, settings.workspace) = (vec![], PathBuf::new(), PathBuf::new());
        (settings.source, settings.output) = (PathBuf::new(), PathBuf::new());
        settings
    };
    let toml = same("same.toml");
    assert_eq!(toml.environment.variables["ZIP"], "007");
    assert_eq!(toml.environment.variables["odd name"], "ä \"quoted\"");
    assert_eq!(toml.environment.setup_commands, ["a: b # no comment", "yes"]);
    let part = json!({
        "image": "python:3.12", "cpus": 1.5, "memory": 1_073_741_824, "args": ["-x", true, -3], "labels": { "a": { "b": "c" } }
    });
    assert_eq!(toml.settings_of(&"docker".parse().unwrap()), part);
    assert_eq!(same("same.yaml"), toml);
    assert_eq!(same("same.json"), toml);
}

/// F102, F104, F105, F106, F109, F110, F112, F115
#[test]
fn a_docker_spec_of_the_earlier_system_loads_as_it_is() {
    let settings = resolve(fixture("docker-uv.yaml")).unwrap();
    assert_eq!(settings.runtime, RuntimeChoice::Named("docker".parse().unwrap()));
    let environment = &settings.environment;
    assert_eq!((environment.name.as_str(), environment.network.as_str(), environment.user.as_str()), ("python3.12", "benchmark", ""));
    assert_eq!(environment.variables["UV_CACHE_DIR"], "/tmp/uv-cache");
    assert_eq!(environment.host_variables, HostVariables::AsProfile);
    assert_eq!(environment.evaluation_commands, ["uv init", "uv add -r requirements.txt"]);
    assert_eq!(environment.resume_commands[0], "python -m venv .venv || true");
    assert_eq!(environment.resume_commands.len(), 2);
    assert_eq!(environment.setup_lines(Mode::Agent), Vec::<String>::new());
    assert_eq!(environment.setup_lines(Mode::Evaluation), environment.evaluation_commands);
    assert_eq!(environment.entry_line("main", Mode::Evaluation).unwrap(), "uv run main.py");
    assert_eq!(environment.entry_line("main", Mode::Agent).unwrap(), "python main.py");
    let part = json!({ "image": "ghcr.io/astral-sh/uv:python3.12-trixie-slim", "workdir": "/workspace", "mount_workspace": true });
    assert_eq!(settings.settings_of(&"docker".parse().unwrap()), part);
    assert!(settings.notes.is_empty());
}

/// F100, F102, F110, F113
#[test]
fn a_local_spec_of_the_earlier_system_loads_and_says_what_does_nothing() {
    let settings = resolve(fixture("local-python.yaml")).unwrap();
    assert_eq!(settings.runtime, RuntimeChoice::Named("local".parse().unwrap()));
    assert_eq!((settings.environment.name.as_str(), settings.environment.host_variables), ("python-local", HostVariables::Included));
    assert_eq!(settings.settings_of(&"local".parse().unwrap()), json!({}));
    assert_eq!(settings.notes.len(), 1, "what is null was not written: {:?}", settings.notes);
    assert!(settings.notes[0].ends_with("local-python.yaml: `local.requires_tty` is accepted and does nothing"), "{:?}", settings.notes);
}

/// F105, F107, F108, F110, F111, F112, X38
#[test]
fn every_key_of_the_earlier_system_has_its_place() {
    let settings = resolve(fixture("every-key.yaml")).unwrap();
    let environment = &settings.environment;
    assert_eq!(environment.host_variables, HostVariables::LeftOut);
    assert_eq!(environment.variables.len(), 2);
    assert_eq!(environment.setup_lines(Mode::Evaluation), ["make", "make check"]);
    assert_eq!(environment.entry_line("x", Mode::Agent).unwrap(), "uv run x.py", "without a prefix of its own an agent sees the other");
    assert_eq!(environment.entry_line("", Mode::Agent), Some("uv run .py".into()));
    let folder = fixture("archives").components().collect();
    let rules = SnapshotRules {
        enabled: false,
        gitignore: false,
        keep: vec![],
        ignore: vec!["*.pyc".into(), "venv/*".into()],
        compression: Compression::Bz2,
        archive_folder: Some(folder),
    };
    assert_eq!(environment.snapshot, rules);
    let mount = |host: &str, target: &str, writable| Mount { host: host.into(), target: target.into(), writable };
    assert_eq!(environment.mounts, [mount("/etc", "/data", false), mount("/usr", "/tools", true)]);
    assert_eq!((environment.network.as_str(), environment.user.as_str()), ("none", "1000:1000"));
    let part = json!({ "image": "python:3.12", "binary": "podman", "workdir": "/code", "mount_workspace": false });
    assert_eq!(settings.settings_of(&"docker".parse().unwrap()), part);

    let overrides = |disable| RunOverrides {
        spec: Some(fixture("every-key.yaml")),
        setup: vec!["last".into()],
        disable_setup: disable,
        ..typed(&["true"])
    };
    let resolve = |disable| RunSettings::resolve(&overrides(disable), &Environment::default(), &fixture("")).unwrap().environment;
    assert_eq!(resolve(false).setup_lines(Mode::Agent), ["make", "last"]);
    assert_eq!(resolve(true).setup_lines(Mode::Evaluation), Vec::<String>::new());
}

/// F114, F115
#[test]
fn a_mistake_is_told_with_its_line_and_with_what_was_meant_in_every_language() {
    for (name, text, expected) in [
        ("a.yaml", "environment:\n  evn:\n    A: b\n", "a.yaml:2:3: unknown key `environment.evn` | did you mean `environment.env`?"),
        ("a.yaml", "runtim: local\n", "a.yaml:1:1: unknown key `runtim` | did you mean `runtime`?"),
        (
            "a.yml",
            "environment:\n  setup:\n    comands: [x]\n",
            "a.yml:3:5: unknown key `environment.setup.comands` | did you mean `environment.setup.commands`?",
        ),
        (
            "a.json",
            "{\n  \"environment\": {\n    \"snapshot\": { \"keep_glob\": [] } } }",
            "a.json:3:19: unknown key `environment.snapshot.keep_glob` | did you mean",
        ),
        (
            "a.json",
            "{ \"environment\": { \"include_os_env\": \"yes\" } }",
            "a.json:1:38: `environment.include_os_env` is `yes`: expected a boolean",
        ),
        ("a.yaml", "environment:\n  include_os_env: yes\n", "a.yaml:2:19: `environment.include_os_env` is `yes`: expected a boolean"),
        ("a.yaml", "environment:\n  env:\n    A: 1\n", "a.yaml:3:8: `environment.env.A` is the number 1: expected a string"),
        ("a.yaml", "timeout: 5\n", "a.yaml:1:10: `timeout` is the number 5: expected a duration with its unit"),
        ("a.yaml", "timeout: soon\n", "a.yaml:1:10: `timeout` is `soon`: expected a duration"),
        ("a.yaml", "a: [1\nb: 2\n", "this is not YAML 1.2: "),
        ("a.yaml", "grace: 1s\ngrace: 2s\n", "a.yaml:2:1: this is not YAML 1.2: the key `grace` stands there twice"),
        ("a.yaml", "- a\n", "a.yaml:1:1: this is not YAML 1.2: a table of keys and values is expected"),
        ("a.yaml", "extra_args: [~]\n", "a.yaml:1:1: this is not YAML 1.2: an element of a list is nothing"),
        ("a.json", "{ \"grace\": \"1s\", }", "a.json:1:18: this is not JSON: trailing comma"),
        ("a.json", "{\n\"grace\": \"1s\",\n \"grace\": \"2s\" }", "a.json:3:2: this is not JSON: the key `grace` stands there twice"),
        ("a.toml", "grace = 1s", "this is not TOML 1.1: "),
    ] {
        let message = message(name, text);
        assert!(message.contains(expected), "{message}");
    }
    let bomb = (1..40).map(|level| format!("a{level}: &a{level} [*a{}, *a{}]\n", level - 1, level - 1)).collect::<Vec<_>>().concat();
    assert!(message("a.yaml", &format!("a0: &a0 [x]\n{bomb}")).contains("it has more than 100000 values"));
    assert!(message("a.yaml", &"[".repeat(500_000)).contains("levels of nesting"));
    assert!(message("a.json", &"[".repeat(500_000)).contains("recursion limit exceeded"));
}

/// F100, F112, F114, F115, X39
#[test]
fn a_mistake_in_a_spec_of_the_earlier_system_is_told_by_the_names_that_stand_there() {
    for (text, expected) in [
        ("type: local\n", "a.yaml:1:7: `name` is missing"),
        ("type: local\nname: x\nsetupp: {}\n", "a.yaml:3:1: unknown key `setupp` | did you mean `setup`?"),
        ("type: local\nname: x\nsetup:\n  comands: []\n", "a.yaml:4:3: unknown key `setup.comands` | did you mean `setup.commands`?"),
        ("type: local\nname: x\nsetup:\n  commands: make\n", "a.yaml:4:13: `setup.commands` is `make`: expected a list"),
        ("type: local\nname: x\nsetup: make\n", "a.yaml:3:8: `setup` is `make`: expected a table"),
        ("type: docker\nname: x\n", "a.yaml:1:7: `docker.image` is missing"),
        (
            "type: docker\nname: x\ndocker: { image: a, keep_container_after_clean: true }\n",
            "unknown key `docker.keep_container_after_clean`",
        ),
        ("type: 5\nname: x\n", "a.yaml:1:7: `type` is the number 5: expected the name of a runtime"),
        ("type: Two Words\nname: x\n", "`runtime` is `Two Words`: expected the name of a runtime"),
        ("type: docker\nname: x\ndocker: { image: a, extra_mounts: { /etc: /x, /usr: /x } }\n", "two mounts appear at the same place"),
        (
            "type: docker\nname: x\ndocker: { image: a, extra_mounts: { /etc: { bind: /x, mode: full } } }\n",
            "expected a table of paths on this machine",
        ),
        ("type: docker\nname: x\ndocker: { image: a, extra_mounts: { /etc: ../x } }\n", "expected an absolute path in the environment"),
        ("type: local\nname: x\nsnapshot: { compression: rar }\n", "is `rar`: expected `none`, `gz`, `bz2`, `xz` or `zstd`"),
        ("type: local\nname: x\ncommands: { entry_file: '{file}' }\n", "expected a name in which only `{entry_file}` stands in braces"),
    ] {
        let message = message("a.yaml", text);
        assert!(message.contains(expected), "{message}");
    }
}

/// F128
#[test]
fn a_command_of_a_session_has_a_limit_on_time_where_nobody_says_one() {
    let place = tempfile::tempdir().unwrap();
    let environment = Environment::from_pairs([("HOME", "/home/ada")]);
    let settings = |timeout: &str| {
        let overrides = RunOverrides { timeout: Some(timeout.to_owned()).filter(|timeout| !timeout.is_empty()), ..typed(&["true"]) };
        RunSettings::resolve_session(&overrides, &environment, place.path()).unwrap().deadline
    };
    assert_eq!(settings(""), Deadline::After(Duration::from_hours(2)));
    assert_eq!(settings("90s"), Deadline::After(Duration::from_secs(90)));
    assert_eq!(settings("none"), Deadline::Never);
    let run = RunSettings::resolve(&typed(&["true"]), &environment, place.path()).unwrap();
    assert_eq!(run.deadline, Deadline::Never, "a person who types a command sees it");
}
