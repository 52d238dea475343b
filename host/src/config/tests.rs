//! Whole files and whole command lines, and what they come to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use super::*;
use crate::{names::Bytes, policy::Profile, workspace::Compression};

pub(super) struct Project(tempfile::TempDir);

impl Project {
    pub(super) fn new(text: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("worldflux.toml"), text).unwrap();
        Self(place)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn resolve(&self, overrides: &RunOverrides) -> Result<RunSettings, ConfigError> {
        let environment = Environment::from_pairs([("PATH", "/bin"), ("HOME", "/home/ada"), ("TOKEN", "from host")]);
        RunSettings::resolve(overrides, &environment, self.path())
    }

    /// The message, with the folder of the project left out.
    pub(super) fn message(&self, overrides: &RunOverrides) -> String {
        let error = self.resolve(overrides).unwrap_err();
        let message = error.to_string().replace(&format!("{}/", self.path().display()), "");
        error.hint().map_or(message.clone(), |hint| format!("{message} | {hint}"))
    }
}

pub(super) fn typed(command: &[&str]) -> RunOverrides {
    RunOverrides { command: command.iter().map(|word| (*word).to_owned()).collect(), ..RunOverrides::default() }
}

#[test]
fn without_a_file_everything_has_its_built_in_value() {
    let place = tempfile::tempdir().unwrap();
    let settings = RunSettings::resolve(&typed(&["true"]), &Environment::default(), place.path()).unwrap();
    assert_eq!(settings.runtime, RuntimeChoice::Named("local".parse().unwrap()));
    assert_eq!(settings.command, ["true"]);
    assert_eq!((settings.deadline, settings.grace, settings.log_limit), (Deadline::Never, Duration::from_secs(10), Bytes::gibi(8)));
    assert_eq!((settings.sandbox, settings.mode, &settings.stdin), (Profile::Own, Mode::Evaluation, &Stdin::Empty));
    assert_eq!((settings.workspace.as_path(), settings.source.as_path()), (place.path(), place.path()));
    assert_eq!(settings.output, place.path().join("outputs").join(settings.run_id.as_str()));
    assert_eq!(settings.client_run_id, settings.run_id.as_str());
    assert_eq!(settings.environment.snapshot.compression, Compression::Gz);
    assert_eq!((settings.environment.command.as_str(), settings.environment.entry_file.as_str()), ("python", "{entry_file}"));
    assert!(settings.files.is_empty());
    assert_eq!(settings.settings_of(&"local".parse().unwrap()), json!({}));
}

const WHOLE: &str = r#"
runtime = "docker"
command = ["python3", "train.py"]
timeout = "2h 30m"
grace = "0s"
max_log = "64MiB"
stdin = "data/in.txt"
output = "results/{run_id}/x"
adapter = "pendulum"
task = "train"
client_run_id = "abc-1"
extra_args = ["--epochs", "3"]
interpreter = ".venv/bin/python"
sandbox = "strict"
source = "src"
workspace = "work"
mode = "agent"

[artifacts]
include = ["*.svg", "model/**"]
commit = ["model/model.json"]

[environment]
name = "py"
include_os_env = false
network = "none"
user = "1000:1000"

[environment.env]
A = "file"
B = "file"

[environment.setup]
commands = ["make"]
eval_commands = ["make check"]
resume_commands = ["make resume"]
disable = true

[environment.commands]
entry_file = "{entry_file}.py"
command = " uv run "
agent_command = "python"

[environment.snapshot]
gitignore = true
keep_globs = ["src/**"]
ignore_globs = []
compression = "XZ"
archive_save_dir = "archives"

[environment.ports]
"8080" = 80
"0" = 443

[environment.mounts]
"/data" = "data"
"/cache" = { host = "data", writable = true }

[environment.docker]
image = "python:3.12"
build = { args = ["a"], when = 2026-05-01 }

[environment.local]
requirements = "requirements.txt"
"#;

#[test]
fn every_key_of_a_file_is_understood() {
    let project = Project::new(WHOLE);
    fs::create_dir(project.path().join("data")).unwrap();
    let settings = project.resolve(&RunOverrides::default()).unwrap();
    let at = |path: &str| project.path().join(path);
    assert_eq!(settings.runtime, RuntimeChoice::Named("docker".parse().unwrap()));
    assert_eq!(settings.command, ["python3", "train.py", "--epochs", "3"]);
    assert_eq!(settings.extra_arguments, ["--epochs", "3"]);
    assert_eq!(settings.deadline, Deadline::After(Duration::from_mins(150)));
    assert_eq!((settings.grace, settings.log_limit), (Duration::ZERO, Bytes::mebi(64)));
    assert_eq!(settings.stdin, Stdin::File(at("data/in.txt")));
    assert_eq!(settings.output, at("results").join(settings.run_id.as_str()).join("x"));
    assert_eq!((settings.adapter.as_str(), settings.task.as_str(), settings.client_run_id.as_str()), ("pendulum", "train", "abc-1"));
    assert_eq!(settings.interpreter.unwrap().to_string(), "/workspace/.venv/bin/python");
    assert_eq!((settings.sandbox, settings.mode), (Profile::Strict, Mode::Agent));
    assert_eq!((settings.source, settings.workspace), (at("src"), at("work")));
    assert_eq!((settings.artifacts.len(), settings.commit.len()), (2, 1));
    let environment = &settings.environment;
    assert_eq!((environment.name.as_str(), environment.network.as_str(), environment.user.as_str()), ("py", "none", "1000:1000"));
    assert_eq!(environment.host_variables, HostVariables::LeftOut);
    assert_eq!(environment.variables, [("A", "file"), ("B", "file")].map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(environment.setup_commands, ["make"]);
    assert_eq!(environment.evaluation_commands, ["make check"]);
    assert_eq!(environment.resume_commands, ["make resume"]);
    assert!(environment.setup_disabled);
    assert_eq!((environment.entry_file.as_str(), environment.command.as_str()), ("{entry_file}.py", "uv run"));
    assert_eq!(environment.agent_command, "python");
    let archives = Some(at("archives"));
    let rules = SnapshotRules {
        enabled: false,
        gitignore: true,
        keep: vec!["src/**".into()],
        ignore: vec![],
        compression: Compression::Xz,
        archive_folder: archives,
    };
    assert_eq!(environment.snapshot, rules);
    assert_eq!(environment.ports, [Port { host: 0, inside: 443 }, Port { host: 8080, inside: 80 }]);
    let mount = |target: &str, writable| Mount { host: at("data"), target: target.into(), writable };
    assert_eq!(environment.mounts, [mount("/cache", true), mount("/data", false)]);
    assert_eq!(settings.files, [at("worldflux.toml")]);
}

#[test]
fn each_runtime_gets_its_own_part_and_what_was_typed_for_it() {
    let project = Project::new(WHOLE);
    fs::create_dir(project.path().join("data")).unwrap();
    let set = ["build.args=[\"b\"]", "gpus=2", "image=alpine", "fast=true", "text=a b", "when=2026-05-01", "inf=inf", "quoted='1'"];
    let overrides = RunOverrides { set: set.map(str::to_owned).to_vec(), ..RunOverrides::default() };
    let settings = project.resolve(&overrides).unwrap();
    let docker = json!({
        "image": "alpine", "build": { "args": ["b"], "when": "2026-05-01" }, "gpus": 2, "fast": true, "text": "a b", "when": "2026-05-01",
        "inf": "inf", "quoted": "1"
    });
    assert_eq!(settings.settings_of(&"docker".parse().unwrap()), docker);
    let untouched = project.resolve(&RunOverrides::default()).unwrap();
    assert_eq!(untouched.settings_of(&"local".parse().unwrap()), json!({ "requirements": "requirements.txt" }));
}

#[test]
fn what_is_typed_wins_over_the_spec_and_the_spec_over_the_project() {
    let project = Project::new(
        "command = 'project'\ntimeout = '1s'\ngrace = '1s'\nadapter = 'project'\nartifacts.include = ['p']\n[environment]\nname = 'project'\n[environment.env]\nA = 'p'\nB = 'p'\nC = 'p'\n[environment.local]\na = 1\nt = { x = 1, y = 1 }",
    );
    let spec = project.path().join("sub/spec.toml");
    fs::create_dir(project.path().join("sub")).unwrap();
    fs::write(
        &spec,
        "timeout = '2s'\ngrace = '2s'\nartifacts.include = ['s']\n[environment.env]\nB = 's'\nC = 's'\n[environment.local]\nt = { y = 2 }",
    )
    .unwrap();
    let overrides = RunOverrides {
        spec: Some("sub/spec.toml".into()),
        timeout: Some("3s".into()),
        env: vec!["C=t".into(), "TOKEN".into(), "EMPTY=".into(), "EQ=a=b".into()],
        set: vec!["t.z=3".into()],
        ..RunOverrides::default()
    };
    let settings = project.resolve(&overrides).unwrap();
    assert_eq!(settings.command, ["project"]);
    assert_eq!((settings.deadline, settings.grace), (Deadline::After(Duration::from_secs(3)), Duration::from_secs(2)));
    assert_eq!((settings.adapter.as_str(), settings.environment.name.as_str()), ("project", "project"));
    assert_eq!(settings.artifacts, ["s"]);
    let pairs = [("A", "p"), ("B", "s"), ("C", "t"), ("EMPTY", ""), ("EQ", "a=b"), ("TOKEN", "from host")];
    assert_eq!(settings.variables, pairs.map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(settings.environment.variables["C"], "s");
    assert_eq!(settings.settings_of(&"local".parse().unwrap()), json!({ "a": 1, "t": { "x": 1, "y": 2, "z": 3 } }));
    assert_eq!(settings.workspace, project.path().join("sub"));
    assert_eq!(settings.files, [project.path().join("worldflux.toml"), spec]);
}

#[test]
fn a_command_that_is_typed_runs_as_it_was_typed() {
    let project = Project::new("command = 'train'\nextra_args = ['--epochs', '3']");
    assert_eq!(project.resolve(&RunOverrides::default()).unwrap().command, ["train", "--epochs", "3"]);
    let settings = project.resolve(&typed(&["ls", "-l"])).unwrap();
    assert_eq!((settings.command.len(), settings.extra_arguments.len()), (2, 0));
}

#[test]
fn a_path_starts_where_it_was_written() {
    let project = Project::new("command = 'x'\nworkspace = '.'\noutput = 'out'");
    let below = project.path().join("below");
    fs::create_dir(&below).unwrap();
    let environment = Environment::default();
    let from_file = RunSettings::resolve(&RunOverrides::default(), &environment, &below).unwrap();
    assert_eq!((from_file.workspace, from_file.output), (project.path().to_owned(), project.path().join("out")));
    let overrides = RunOverrides {
        workspace: Some("./w".into()),
        output: Some("/o/{run_id}".into()),
        run_id: Some("r1".into()),
        ..RunOverrides::default()
    };
    let from_typed = RunSettings::resolve(&overrides, &environment, &below).unwrap();
    assert_eq!((from_typed.workspace, from_typed.output), (below.join("w"), PathBuf::from("/o/r1")));
}

#[test]
fn the_hosts_variables_come_with_the_profile_unless_the_user_says() {
    let environment = Environment::from_pairs([("PATH", "/bin"), ("SECRET", "x"), ("A", "host")]);
    for (line, profile, included) in [
        ("", Profile::Own, true),
        ("", Profile::Strict, false),
        ("include_os_env = true", Profile::Strict, false),
        ("include_os_env = true", Profile::Own, true),
        ("include_os_env = false", Profile::Own, false),
    ] {
        let project = Project::new(&format!("command = 'x'\n[environment]\n{line}\n[environment.env]\nA = 'file'"));
        let variables = project.resolve(&RunOverrides::default()).unwrap().command_variables(&environment, profile);
        assert_eq!(variables.contains_key(std::ffi::OsStr::new("SECRET")), included, "{line} {profile:?}");
        assert_eq!(variables[std::ffi::OsStr::new("A")], "file");
        assert_eq!(variables[std::ffi::OsStr::new("PATH")], "/bin");
    }
}

#[test]
fn settings_are_the_same_after_they_were_stored() {
    let project = Project::new(WHOLE);
    fs::create_dir(project.path().join("data")).unwrap();
    let settings = project.resolve(&RunOverrides::default()).unwrap();
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<RunSettings>(&text).unwrap(), settings);
}

#[test]
fn an_output_directory_that_cannot_be_written_is_named_before_anything_starts() {
    let project = Project::new("command = 'true'");
    fs::write(project.path().join("file"), "").unwrap();
    for (output, cause) in [("file", "File exists"), ("file/below", "Not a directory"), ("/proc/nothing/here", "No such file or directory")]
    {
        let settings = project.resolve(&RunOverrides { output: Some(output.into()), ..RunOverrides::default() }).unwrap();
        let message = settings.prepare_output().unwrap_err().to_string();
        let path = project.path().join(output);
        assert!(message.starts_with(&format!("cannot write the output directory `{}`: {cause}", path.display())), "{message}");
    }
    let settings = project.resolve(&RunOverrides::default()).unwrap();
    assert!(!settings.output.exists(), "resolving makes nothing");
    settings.prepare_output().unwrap();
    settings.prepare_output().unwrap();
    assert_eq!(fs::read_dir(&settings.output).unwrap().count(), 0, "the probe is gone");
}

#[test]
fn folders_that_do_not_exist_are_named_before_anything_starts() {
    let project = Project::new("command = 'true'");
    for (overrides, what) in [
        (RunOverrides { workspace: Some("none".into()), ..RunOverrides::default() }, "the workspace"),
        (RunOverrides { stdin: Some("none".into()), ..RunOverrides::default() }, "the standard input"),
        (RunOverrides { stdin: Some(".".into()), ..RunOverrides::default() }, "the standard input"),
    ] {
        let message = project.resolve(&overrides).unwrap().check_places().unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot read {what} `{}", project.path().display())), "{message}");
    }
    assert!(
        project.resolve(&RunOverrides { stdin: Some("worldflux.toml".into()), ..RunOverrides::default() }).unwrap().check_places().is_ok()
    );
    assert_eq!(project.resolve(&RunOverrides { stdin: Some("-".into()), ..RunOverrides::default() }).unwrap().stdin, Stdin::Own);
}
