//! What can be typed, and what comes of it.

use clap::error::ErrorKind;

use super::*;
use crate::{
    config::RunOverrides,
    policy::{Access, Asks, Folder},
};

const VERSION: &str = "1.2.3\nwasmtime 48\nprotocol worldflux:runtime@0.1.0";

fn read(typed: &str) -> Result<Arguments, clap::Error> {
    Arguments::read(std::iter::once("worldflux").chain(typed.split_whitespace()), VERSION)
}

fn verb(typed: &str) -> Verb {
    read(typed).unwrap_or_else(|error| panic!("{typed}: {error}")).verb.unwrap()
}

#[test]
fn the_definition_is_sound() {
    Arguments::definition(VERSION).debug_assert();
}

#[test]
fn no_arguments_are_no_mistake() {
    assert!(read("").unwrap().verb.is_none());
}

#[test]
fn the_long_version_names_engine_and_protocol() {
    let error = read("--version").unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::DisplayVersion, format!("worldflux {VERSION}\n")));
    let error = read("-V").unwrap_err();
    assert_eq!(error.to_string(), format!("worldflux {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn global_options_go_before_or_after_the_verb() {
    for typed in ["--json runs", "runs --json", "--json runtime list", "runtime --json list", "runtime list --json"] {
        assert!(read(typed).unwrap().global.json, "{typed}");
    }
    let global = read("--plugin a.wasm runtime list --plugin b.wasm").unwrap().global;
    assert_eq!(global.plugins.last().unwrap().to_str(), Some("b.wasm"));
    assert_eq!(read("runtime list --plugin a.wasm --plugin b.wasm").unwrap().global.plugins.len(), 2);
    let global = read("runs --state-dir /s --config-dir /c --color never --debug").unwrap().global;
    assert_eq!((global.state_dir.unwrap().to_str(), global.color, global.debug), (Some("/s"), ColorChoice::Never, true));
    assert_eq!(read("runs").unwrap().global.color, ColorChoice::Auto);
}

#[test]
fn everything_after_two_dashes_belongs_to_the_command() {
    let Verb::Run(run) = verb("run --timeout 5s -- python3 --json -- x --timeout 1s") else { panic!() };
    assert_eq!(run.command, ["python3", "--json", "--", "x", "--timeout", "1s"]);
    assert_eq!(run.timeout.as_deref(), Some("5s"));
    assert!(!read("run -- x --json").unwrap().global.json);
    let error = read("run python3 train.py").unwrap_err();
    assert!(error.to_string().contains("tip: the command comes after `--`: worldflux run -- python3 …"), "{error}");
}

#[test]
fn every_option_of_run_reaches_the_settings() {
    let typed = "run --runtime docker --spec s.toml --workspace w --stdin - -e A=1 --env B --set k=v --setup make --disable-setup --snapshot \
                 --timeout 1s --grace 2s --max-log 1MiB --sandbox strict --network a.test,b.test:80 --network c.test -o out --artifact *.svg --commit m.json --run-id r \
                 --client-run-id c --adapter a --task t --passthrough -- cmd";
    let Verb::Run(run) = verb(typed) else { panic!() };
    let text = |text: &str| Some(text.to_owned());
    let expected = RunOverrides {
        spec: Some("s.toml".into()),
        inline_spec: None,
        mode: None,
        runtime: text("docker"),
        command: vec!["cmd".into()],
        timeout: text("1s"),
        grace: text("2s"),
        max_log: text("1MiB"),
        stdin: text("-"),
        output: text("out"),
        workspace: text("w"),
        sandbox: text("strict"),
        network: vec!["a.test".into(), "b.test:80".into(), "c.test".into()],
        run_id: text("r"),
        client_run_id: text("c"),
        adapter: text("a"),
        task: text("t"),
        env: vec!["A=1".into(), "B".into()],
        artifacts: vec!["*.svg".into()],
        commit: vec!["m.json".into()],
        set: vec!["k=v".into()],
        setup: vec!["make".into()],
        disable_setup: true,
        snapshot: true,
    };
    assert_eq!(RunOverrides::from(&*run), expected);
    assert!(run.passthrough && !run.events && !run.detach && !run.dry_run);
}

#[test]
fn ways_to_show_a_run_that_exclude_each_other_are_refused() {
    for typed in ["run --events --json -- x", "--json run --events -- x", "run --events --detach -- x", "run --dry-run --detach -- x"] {
        assert_eq!(read(typed).unwrap_err().kind(), ErrorKind::ArgumentConflict, "{typed}");
    }
}

#[test]
fn a_manifest_is_printed_or_verified_and_the_run_can_be_left_out() {
    for (typed, run, verify) in [
        ("manifest", None, false),
        ("manifest r1", Some("r1"), false),
        ("manifest verify", None, true),
        ("manifest verify r1", Some("r1"), true),
        ("manifest r1 verify", Some("r1"), true),
        ("manifest --json verify r1", Some("r1"), true),
        ("manifest verify r1 --json", Some("r1"), true),
        ("manifest -- verify", Some("verify"), false),
    ] {
        let Verb::Manifest(manifest) = verb(typed) else { panic!() };
        assert_eq!((manifest.run().map(crate::names::RunId::as_str), manifest.verify()), (run, verify), "{typed}");
    }
}

#[test]
fn a_run_id_that_could_be_a_path_is_refused_where_it_is_typed() {
    for typed in ["status ../x", "logs a/b", "kill .hidden", "manifest ..", "manifest verify a/b"] {
        let error = read(typed).unwrap_err();
        assert!(error.to_string().contains("is not a run id"), "{error}");
    }
    assert_eq!(read("kill").unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    let Verb::Logs(logs) = verb("logs -f") else { panic!() };
    assert!(logs.follow && logs.run.is_none());
}

#[test]
fn a_grant_is_typed_right_by_right_or_as_all_that_was_asked() {
    let Verb::Plugin(PluginArgs { verb: PluginVerb::Grant(grant) }) = verb(
        "plugin grant bare --command --program git --program uv --folder /workspace=read --folder /workspace=write --variable X --variable Y",
    ) else {
        panic!()
    };
    let grants = grant.rights.grants(&Asks::default());
    assert!(grants.command && !grant.all_asked);
    assert_eq!((grants.programs.len(), grants.variables.len()), (2, 2));
    assert_eq!(grants.folders[&Folder::Workspace.into()], Access::Write);
    assert!(read("plugin grant bare --all-asked").is_ok());
    // Without a right each is put as a question.
    assert!(read("plugin grant bare").is_ok());
    for typed in ["--all-asked --command", "--all-asked --program git", "--all-asked --variable X"] {
        assert_eq!(read(&format!("plugin grant bare {typed}")).unwrap_err().kind(), ErrorKind::ArgumentConflict, "{typed}");
    }
    for (typed, complaint) in [
        ("--folder /data", "expected /workspace, /source, /env, /output, /state, /assets or an absolute path, and `=read` or `=write`"),
        ("--folder /etc=read", "`/etc` cannot be asked for or granted: `/etc`: it decides how the system works"),
        ("--folder /usr/lib=write", "`/usr/lib` can only be read"),
        ("--folder /workspace", "and `=read` or `=write`"),
        ("--folder /source=write", "`/source` can only be read"),
        ("--folder /data/../etc=read", "it has `..` in it"),
        ("--program /bin/sh", "is not a program name"),
        ("--program *", "is not a program name"),
        ("--variable LD_PRELOAD", "can make a program run other code"),
        ("--device kvm", "expected one of gpu"),
        ("--resource memory=8", "is no amount of memory: expected a size with its unit"),
        ("--resource cpus=0", "`0` is no number of processors: expected 0.01 to 4096, with at most three digits behind the point"),
        ("--resource disk=1GiB", "expected `memory=8GiB`, `cpus=1.5`, `processes=64` or `file=10GiB`"),
        ("--level none", "if you mean it, say --unconfined"),
        ("--level full --unconfined", "cannot be used with"),
        ("--http *", "is no target"),
        ("--http https://*.com", "anybody can have a host below `com`"),
        ("--secret ../key", "is not the name of a secret"),
    ] {
        let error = read(&format!("plugin grant bare {typed}")).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn every_verb_is_understood() {
    for typed in [
        "runs",
        "status",
        "status r1",
        "logs r1",
        "kill r1 --force",
        "reap",
        "env list",
        "env prune",
        "env prune a b",
        "runtime list",
        "runtime doctor",
        "runtime doctor local docker",
        "runtime info local",
        "doctor",
        "plugin pack a.wasm plugin.toml -o b.wasm",
        "plugin inspect a.wasm",
        "plugin revoke bare",
        "plugin grants",
        "completions bash",
        "man",
        "man --out doc",
    ] {
        assert!(read(typed).is_ok(), "{typed}");
    }
    for typed in ["rnu", "runtime", "env", "plugin", "completions", "runtime info", "--nope"] {
        assert!(read(typed).is_err(), "{typed}");
    }
    assert!(read("rums").unwrap_err().to_string().contains("'runs'"));
}

/// Every option and every verb says in one line what it does.
#[test]
fn every_help_text_is_one_line_without_a_full_stop() {
    fn walk(command: &clap::Command) {
        for argument in command.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str())) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let one_line = !help.is_empty() && !help.contains('\n') && !help.ends_with('.');
            assert!(one_line, "{} {}: {help:?}", command.get_name(), argument.get_id());
        }
        for below in command.get_subcommands() {
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.contains('\n') && !about.ends_with('.'), "{}: {about:?}", below.get_name());
            walk(below);
        }
    }
    walk(&Arguments::definition(VERSION));
}

#[test]
fn manual_pages_and_completions_can_be_made() {
    let mut definition = Arguments::definition(VERSION);
    let mut page = Vec::new();
    clap_mangen::Man::new(definition.clone()).render(&mut page).unwrap();
    assert!(String::from_utf8(page).unwrap().contains("worldflux"));
    let mut script = Vec::new();
    clap_complete::generate(clap_complete::Shell::Bash, &mut definition, "worldflux", &mut script);
    assert!(String::from_utf8(script).unwrap().contains("--client-run-id"));
}
