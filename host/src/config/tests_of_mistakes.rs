//! Mistakes, and the words for them.

use std::fs;

use super::{
    tests::{Project, typed},
    *,
};

#[test]
fn a_mistake_in_a_file_is_named_with_its_place_and_its_cure() {
    for (text, expected) in [
        ("timout = '1h'", "worldflux.toml:1:1: unknown key `timout` | did you mean `timeout`?"),
        ("command = 'x'\n[artifacts]\n  kind = 1", "worldflux.toml:3:3: unknown key `artifacts.kind` | known here: `include`, `commit`"),
        ("[artifact]", "worldflux.toml:1:2: unknown key `artifact` | did you mean `artifacts`?"),
        ("[environment]\nnam = 'x'", "worldflux.toml:2:1: unknown key `environment.nam` | did you mean `environment.name`?"),
        ("[environment.setpu]\ncommands = []", "worldflux.toml:1:14: unknown key `environment.setpu` | did you mean `environment.setup`?"),
        ("[environment.lcoal]\na = 1", "worldflux.toml:1:14: unknown key `environment.lcoal` | did you mean `environment.local`?"),
        (
            "[environment.setup]\ncomands = []",
            "worldflux.toml:2:1: unknown key `environment.setup.comands` | did you mean `environment.setup.commands`?",
        ),
        (
            "timeout = 90",
            "worldflux.toml:1:11: `timeout` is the number 90: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit",
        ),
        ("timeout = '0s'", "worldflux.toml:1:11: `timeout` is `0s`: expected at least `1ms`, or `none` for no limit"),
        (
            "timeout = 'abc'",
            "worldflux.toml:1:11: `timeout` is `abc`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit",
        ),
        (
            "timeout = '-1s'",
            "worldflux.toml:1:11: `timeout` is `-1s`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit",
        ),
        ("timeout = '99999d'", "worldflux.toml:1:11: `timeout` is `99999d`: expected at most `3650d`"),
        ("grace = '2h'", "worldflux.toml:1:9: `grace` is `2h`: expected at most `1h`"),
        ("grace = '5'", "worldflux.toml:1:9: `grace` is `5`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`"),
        ("max_log = '64'", "worldflux.toml:1:11: `max_log` is `64`: expected a size with its unit, such as `512KiB`, `64MiB` or `10GB`"),
        ("command = 5", "worldflux.toml:1:11: `command` is the number 5: expected a list of words, or a text that splits into words"),
        ("command = ['a', 5]", "worldflux.toml:1:17: `command[1]` is the number 5: expected a string"),
        ("command = []", "worldflux.toml:1:11: `command` is empty: expected a program and its arguments"),
        ("command = ''", "worldflux.toml:1:11: `command` is empty: expected a program and its arguments"),
        ("command = ['', 'a']", "worldflux.toml:1:11: `command` is empty: expected a program and its arguments"),
        ("command = \"a 'b\"", "worldflux.toml:1:11: `command` is `a \\'b`: expected a closing `'`"),
        ("command = [\"a\\u0000\"]", "worldflux.toml:1:11: `command` is `a\\0`: expected an argument without NUL, at most 128 KiB"),
        (
            "runtime = 'Local'",
            "worldflux.toml:1:11: `runtime` is `Local`: expected the name of a runtime (lower-case letters, digits and `-`), or the path of a `.wasm` file",
        ),
        ("runtime = ['local']", "worldflux.toml:1:11: `runtime` is a list: expected the name of a runtime, or the path of a `.wasm` file"),
        ("sandbox = 'none'", "worldflux.toml:1:11: `sandbox` is `none`: expected `own` or `strict`"),
        ("mode = true", "worldflux.toml:1:8: `mode` is true: expected `agent` or `evaluation`"),
        ("mode = 'eval'", "worldflux.toml:1:8: `mode` is `eval`: expected `agent` or `evaluation`"),
        ("output = 'x/{run}'", "worldflux.toml:1:10: `output` is `x/{run}`: expected a path in which only `{run_id}` stands in braces"),
        ("output = ''", "worldflux.toml:1:10: `output` is ``: expected a path"),
        (
            "client_run_id = 'a b'",
            "worldflux.toml:1:17: `client_run_id` is `a b`: expected 1 to 64 visible ASCII characters without spaces",
        ),
        ("adapter = \"a\\nb\"", "worldflux.toml:1:11: `adapter` is `a\\nb`: expected at most 128 characters without control characters"),
        (
            "interpreter = '/usr/bin/python3'",
            "worldflux.toml:1:15: `interpreter` is `/usr/bin/python3`: expected a file in the workspace such as `.venv/bin/python`, or below `/env`",
        ),
        (
            "interpreter = '../python'",
            "worldflux.toml:1:15: `interpreter` is `../python`: expected a file in the workspace such as `.venv/bin/python`, or below `/env`",
        ),
        (
            "artifacts.include = ['../x']",
            "worldflux.toml:1:22: `artifacts.include[0]` is `../x`: expected a relative pattern such as `plots/*.svg`, without `.`, `..` and empty names",
        ),
        ("artifacts.commit = 'x'", "worldflux.toml:1:20: `artifacts.commit` is `x`: expected a list of strings"),
        ("extra_args = [1]", "worldflux.toml:1:15: `extra_args[0]` is the number 1: expected a string"),
        ("environment = 'local'", "worldflux.toml:1:15: `environment` is `local`: expected a table"),
        ("[environment]\ninclude_os_env = 'yes'", "worldflux.toml:2:18: `environment.include_os_env` is `yes`: expected a boolean"),
        ("[environment.env]\nA = 1", "worldflux.toml:2:5: `environment.env.A` is the number 1: expected a string"),
        (
            "[environment.env]\n'A=B' = 'x'",
            "worldflux.toml:2:1: `environment.env.\"A=B\"` is named so: expected the name of a variable: not empty, at most 256 bytes, without `=` and NUL",
        ),
        (
            "[environment.setup]\ncommands = ['make', ' ']",
            "worldflux.toml:2:21: `environment.setup.commands[1]` is ` `: expected a line for the shell",
        ),
        (
            "[environment.commands]\nentry_file = '{file}'",
            "worldflux.toml:2:14: `environment.commands.entry_file` is `{file}`: expected a name in which only `{entry_file}` stands in braces",
        ),
        (
            "[environment.snapshot]\ncompression = 'zip'",
            "worldflux.toml:2:15: `environment.snapshot.compression` is `zip`: expected `none`, `gz`, `bz2`, `xz` or `zstd`",
        ),
        (
            "[environment.ports]\n'http' = 80",
            "worldflux.toml:2:1: `environment.ports.http` is `http`: expected the number of a port on this machine, from 1 to 65535, or 0 to let the backend choose",
        ),
        (
            "[environment.ports]\n'8080' = 0",
            "worldflux.toml:2:10: `environment.ports.8080` is the number 0: expected the number of a port in the environment, from 1 to 65535",
        ),
        (
            "[environment.ports]\n'8080' = '80'",
            "worldflux.toml:2:10: `environment.ports.8080` is `80`: expected the number of a port in the environment, from 1 to 65535",
        ),
        (
            "[environment.mounts]\n'data' = '.'",
            "worldflux.toml:2:1: `environment.mounts.data` is `data`: expected an absolute path in the environment without `.`, `..` and empty names, such as `/data`",
        ),
        (
            "[environment.mounts]\n'/d' = 1",
            "worldflux.toml:2:8: `environment.mounts.\"/d\"` is the number 1: expected a path on this machine, or a table such as `{ host = \"data\", writable = true }`",
        ),
        (
            "[environment.mounts]\n'/d' = { hots = 'x' }",
            "worldflux.toml:2:10: unknown key `environment.mounts.\"/d\".hots` | did you mean `environment.mounts.\"/d\".host`?",
        ),
        ("[environment.mounts]\n'/d' = {}", "worldflux.toml:2:8: `environment.mounts.\"/d\".host` is missing"),
        (
            "[environment.local]\nx = nan",
            "worldflux.toml:1:14: `environment.local` is a table that does not fit into JSON: expected finite numbers",
        ),
        ("a = ", "worldflux.toml:1:5: this is not TOML 1.1: string values must be quoted, expected literal string"),
        ("task = 'a'\ntask = 'b'", "worldflux.toml:2:1: this is not TOML 1.1: duplicate key"),
        ("ä = 1", "worldflux.toml:1:1: this is not TOML 1.1: invalid unquoted key, expected letters, numbers, `-`, `_`"),
    ] {
        assert_eq!(Project::new(text).message(&typed_unless_in(text)), expected, "\n{text}");
    }
}

/// A command, for the mistakes that are not about the command.
fn typed_unless_in(text: &str) -> RunOverrides {
    if text.starts_with("command") { RunOverrides::default() } else { typed(&["true"]) }
}

#[test]
fn a_mistake_on_the_command_line_is_named_with_its_option() {
    let some = |text: &str| Some(text.to_owned());
    let list = |text: &str| vec![text.to_owned()];
    let none = RunOverrides { command: vec!["true".into()], ..RunOverrides::default() };
    for (overrides, expected) in [
        (
            RunOverrides { timeout: some("0"), ..none.clone() },
            "`--timeout` is `0`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit",
        ),
        (RunOverrides { timeout: some("0s"), ..none.clone() }, "`--timeout` is `0s`: expected at least `1ms`, or `none` for no limit"),
        (
            RunOverrides { timeout: some("abc"), ..none.clone() },
            "`--timeout` is `abc`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit",
        ),
        (
            RunOverrides { grace: some("x"), ..none.clone() },
            "`--grace` is `x`: expected a duration with its unit, such as `90s`, `2h 30m` or `1d`",
        ),
        (
            RunOverrides { max_log: some("1X"), ..none.clone() },
            "`--max-log` is `1X`: expected a size with its unit, such as `512KiB`, `64MiB` or `10GB`",
        ),
        (
            RunOverrides { run_id: some("../x"), ..none.clone() },
            "`--run-id` is `../x`: expected letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit",
        ),
        (
            RunOverrides { client_run_id: some(""), ..none.clone() },
            "`--client-run-id` is ``: expected 1 to 64 visible ASCII characters without spaces",
        ),
        (
            RunOverrides { runtime: some("Aws EC2"), ..none.clone() },
            "`--runtime` is `Aws EC2`: expected the name of a runtime (lower-case letters, digits and `-`), or the path of a `.wasm` file",
        ),
        (RunOverrides { sandbox: some("off"), ..none.clone() }, "`--sandbox` is `off`: expected `own` or `strict`"),
        (
            RunOverrides { output: some("{x}"), ..none.clone() },
            "`--output` is `{x}`: expected a path in which only `{run_id}` stands in braces",
        ),
        (RunOverrides { workspace: some(""), ..none.clone() }, "`--workspace` is ``: expected a path"),
        (
            RunOverrides { env: list("=x"), ..none.clone() },
            "`--env` is ``: expected the name of a variable: not empty, at most 256 bytes, without `=` and NUL",
        ),
        (
            RunOverrides { env: list("MISSING"), ..none.clone() },
            "`--env MISSING` takes `MISSING` from your environment, and it is not set there | give its value, as in `--env MISSING=VALUE`",
        ),
        (RunOverrides { set: list("x"), ..none.clone() }, "`--set` is `x`: expected KEY=VALUE"),
        (
            RunOverrides { set: list("a..b=1"), ..none.clone() },
            "`--set` is `a..b=1`: expected KEY=VALUE with a key of letters, digits, `_` and `-`, and `.` between the keys of tables",
        ),
        (
            RunOverrides { artifacts: list("/x"), ..none.clone() },
            "`--artifact` is `/x`: expected a relative pattern such as `plots/*.svg`, without `.`, `..` and empty names",
        ),
        (
            RunOverrides { commit: list("a["), ..none.clone() },
            "`--commit` is `a[`: expected a pattern in which every `[` and `{` is closed",
        ),
        (RunOverrides { setup: list(""), ..none.clone() }, "`--setup` is ``: expected a line for the shell"),
        (
            RunOverrides { spec: Some("none.toml".into()), ..none.clone() },
            "cannot read the run file `none.toml`: No such file or directory (os error 2)",
        ),
        (RunOverrides { spec: Some(".".into()), ..none.clone() }, "cannot read the run file `.`: it is not a regular file"),
        (RunOverrides { command: vec![String::new()], ..none.clone() }, "`-- COMMAND` is empty: expected a program and its arguments"),
        (
            RunOverrides::default(),
            "there is no command to run | write it after `--`, as in `worldflux run -- python3 train.py`, or as `command` in worldflux.toml",
        ),
    ] {
        assert_eq!(Project::new("").message(&overrides), expected);
    }
}

#[test]
fn a_file_that_is_no_file_does_not_hang_or_fill_the_memory() {
    let project = Project::new("");
    for (spec, problem) in [
        ("/dev/zero", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
        ("big", "it is larger than 1 MiB"),
        ("latin", "it is not UTF-8, in line 2"),
    ] {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            project.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .ok();
        fs::write(project.path().join("big"), "#".repeat((1 << 20) + 1)).unwrap();
        fs::write(project.path().join("latin"), b"# a\n# \xff\n").unwrap();
        let message = project.message(&RunOverrides { spec: Some(spec.into()), ..typed(&["true"]) });
        assert!(message.ends_with(problem), "{spec}: {message}");
    }
}

#[test]
fn a_secret_value_is_not_in_the_message() {
    let secret = format!("s3cr3t{}", "x".repeat(140_000));
    let project = Project::new("");
    let message = project.message(&RunOverrides { env: vec![format!("K={secret}")], ..typed(&["true"]) });
    assert_eq!(message, "`--env` is `K`: expected a value without NUL, at most 128 KiB");
    let project = Project::new(&format!("[environment.env]\nK = '{secret}'"));
    assert!(!project.message(&typed(&["true"])).contains("s3cr3t"));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,60}", near in "[a-z\\[\\]=\"'{}.0-9\n ]{0,60}") {
        for text in [text, near] {
            if let Err(error) = file::LoadedFile::of(document::Document::of_text("f", &text)) {
                let message = error.to_string();
                proptest::prop_assert!(message.starts_with("f:") && !message.contains('\n'), "{}", message);
            }
        }
    }
}
