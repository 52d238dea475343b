//! Everything that can be typed wrongly: its own message, its own exit code, and nothing was started.

use std::fs;

use crate::{
    guests::guest,
    kit::{Answer, Place, answer, mark, marked},
};

/// Type a run that is wrong. Nothing may come of it.
#[track_caller]
fn refused(place: &Place, options: &[&str], code: i32, says: &[&str]) -> Answer {
    let mark = mark();
    let line = ["run"].iter().chain(options).chain(&["--", "touch", "started"]);
    let answer = answer(place.command(line).env("MARK", &mark));
    assert_eq!(answer.code, Some(code), "{options:?}: {}", answer.stderr);
    for part in says {
        assert!(answer.stderr.contains(part), "{options:?}: `{part}` is not in: {}", answer.stderr);
    }
    assert_eq!(answer.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", answer.stderr);
    assert_eq!(answer.text(), "", "stdout is data");
    assert!(place.runs().is_empty(), "a run was written down: {}", answer.stderr);
    assert!(!place.work().join("started").exists() && marked(&mark, &[]).is_empty());
    answer
}

// N22.
#[test]
fn an_unknown_runtime_is_told_with_those_that_exist() {
    refused(&Place::new(), &["--runtime", "nope"], 2, &["`nope`", "there are: docker, local", "hint: "]);
    refused(&Place::new(), &["--runtime", "../x y"], 2, &["../x y"]);
    refused(&Place::new(), &["--runtime", "Local"], 2, &["Local"]);
}

// N14: by run id.
#[test]
fn a_run_id_that_leads_elsewhere_is_refused() {
    let place = Place::new();
    for id in ["../x", "a/b", "/abs", "..", ".hidden", "", "a b", "a\nb", "ü", &"x".repeat(65)] {
        let shown = id.escape_debug().to_string();
        refused(&place, &["--run-id", id], 2, &["--run-id", &shown, "expected letters, digits"]);
    }
    for verb in [["status", "../x"], ["logs", "../x"], ["kill", "../x"], ["manifest", "../x"]] {
        let answer = place.type_in(verb).expect(2);
        assert!(answer.stderr.contains("../x"), "{}", answer.stderr);
    }
    assert_eq!(fs::read_dir(place.work()).unwrap().count(), 0);
}

#[test]
fn a_missing_program_is_named_with_the_path_that_was_searched() {
    let place = Place::new();
    let answer = place.type_in(["run", "--json", "--", "no-such-program", "--flag"]).expect(21);
    let manifest = answer.json();
    assert_eq!(manifest.pointer("/reason/code"), Some(&"launch-failed".into()));
    assert_eq!(manifest["ending"], serde_json::Value::Null);
    assert!(answer.stderr.contains("`no-such-program`") && answer.stderr.contains("`/usr/bin:/bin`"), "{}", answer.stderr);
    place.write("not-executable", "#!/bin/sh\n");
    let answer = place.type_in(["run", "--", "./not-executable"]).expect(21);
    assert!(answer.stderr.contains("not-executable"), "{}", answer.stderr);
    let nothing = place.type_in(["run"]).expect(2);
    assert!(nothing.stderr.contains("there is no command to run"), "{}", nothing.stderr);
    let dashes = place.type_in(["run", "python3", "x.py"]).expect(2);
    assert!(dashes.stderr.contains("worldflux run -- python3"), "{}", dashes.stderr);
}

#[test]
fn a_mistake_in_a_run_file_is_shown_with_file_line_and_what_was_expected() {
    for (text, says) in [
        ("comand = 'true'\n", &[":1:1: unknown key `comand`", "did you mean `command`?"][..]),
        ("command = 'true'\n\ntimeout = 5\n", &[":3:11: `timeout` is the number 5", "expected a duration"]),
        ("command = 'true'\n[environment]\nnetwork = ['x']\n", &[":3:", "`environment.network`", "expected"]),
        ("[artifacts]\ninclude = 'x'\n", &[":2:", "`artifacts.include`", "expected"]),
        ("runtime = 7\n", &[":1:11: `runtime`", "expected"]),
        ("command = [\n", &["worldflux.toml:", "TOML"]),
        ("[environment.local]\nrequirement = 'x'\n", &["`environment.local.requirement`", "did you mean"]),
        ("[environment.local]\nrequirements = 5\n", &["`environment.local.requirements`", "expected"]),
        ("[environment.locl]\nx = 5\n", &[":1:", "`environment.locl`", "did you mean"]),
        ("max_log = 'much'\n", &[":1:11: `max_log` is `much`", "expected"]),
        ("task = 'x'\nstdin = ''\n", &[":2:9: `stdin` is ``", "expected a path"]),
    ] {
        let place = Place::new();
        place.write("worldflux.toml", text);
        refused(&place, &[], 2, says);
        fs::rename(place.work().join("worldflux.toml"), place.work().join("my.toml")).unwrap();
        let says: Vec<_> = says.iter().map(|part| part.replace("worldflux.toml", "my.toml")).collect();
        refused(&place, &["--spec", "my.toml"], 2, &says.iter().map(String::as_str).collect::<Vec<_>>());
    }
    refused(&Place::new(), &["--spec", "missing.toml"], 2, &["the run file", "missing.toml", "No such file"]);
}

#[test]
fn a_place_that_cannot_be_used_is_named() {
    let place = Place::new();
    place.write("file", "not a folder");
    // As root nothing is forbidden, but a file is no folder for anybody.
    let below = place.work().join("file/below");
    refused(&place, &["--output", "file/below"], 2, &["the output directory", below.to_str().unwrap(), "Not a directory"]);
    refused(&place, &["--output", "file"], 2, &["the output directory"]);
    refused(&place, &["--workspace", "missing"], 2, &["the workspace", "missing"]);
    refused(&place, &["--stdin", "missing"], 2, &["missing", "hint: "]);
    refused(&place, &["--stdin", "."], 2, &["work"]);
    let state = place.work().join("file/state");
    let answer = answer(place.command(["runs"]).env("WORLDFLUX_STATE_DIR", &state)).expect(22);
    assert!(answer.stderr.contains("file"), "{}", answer.stderr);
}

#[test]
fn a_value_that_cannot_be_meant_is_refused() {
    let place = Place::new();
    for timeout in ["0", "abc", "-1s", "0s", "5", "1e9h", "nan"] {
        refused(&place, &[&format!("--timeout={timeout}")], 2, &["--timeout", &format!("`{timeout}`"), "expected "]);
    }
    refused(&place, &["--grace", "soon"], 2, &["`--grace` is `soon`"]);
    refused(&place, &["--max-log", "much"], 2, &["`--max-log` is `much`"]);
    refused(&place, &["--set", "x"], 2, &["--set", "`x`"]);
    refused(&place, &["--set", "requirments=x"], 2, &["requirments"]);
    refused(&place, &["--env", "=x"], 2, &["--env"]);
    refused(&place, &["--artifact", "../*"], 2, &["`../*`"]);
    refused(&place, &["--sandbox", "none"], 2, &["--sandbox", "`none`"]);
}

// T-W08: missing exports; and everything else that a file can be instead of a plugin.
#[test]
fn a_file_that_is_no_plugin_is_refused_for_what_it_is() {
    let place = Place::new();
    let whole = fs::read(guest("rogue")).unwrap();
    let component = |text: &str| wat::parse_str(text).unwrap();
    let packed = |bytes: &[u8]| {
        let toml = "[plugin]\nname = 'odd'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 'odd'\nlicense = 'MIT'\n";
        worldflux::plugin::pack(bytes, toml).unwrap()
    };
    for (name, content, code, says) in [
        ("text.wasm", b"just text\n".to_vec(), 13, &["this is not WebAssembly"][..]),
        ("empty.wasm", vec![], 13, &["this is not WebAssembly"]),
        ("module.wasm", component("(module)"), 13, &["this is a core module, not a component", "hint: "]),
        ("bare.wasm", component("(component)"), 13, &["without a plugin.toml", "worldflux plugin pack"]),
        ("exportless.wasm", packed(&component("(component)")), 13, &["does not export"]),
        ("alien.wasm", packed(&component("(component (import \"alien:thing/power\" (func)))")), 13, &["`alien:thing/power`"]),
        ("half.wasm", whole[..whole.len() / 2].to_vec(), 13, &[]),
        ("short.wasm", whole[..whole.len() - 1].to_vec(), 13, &[]),
    ] {
        place.write(name, content);
        refused(&place, &["--runtime", &format!("./{name}")], code, &[&[name], says].concat());
        let doctor = place.type_in(["--plugin", name, "runtime", "doctor"]).expect(2);
        assert!(doctor.text().lines().any(|line| line.starts_with("error: ") && line.contains(name)), "{}", doctor.text());
        assert!(doctor.text().contains("ok: local: "), "it spoils only its own lines: {}", doctor.text());
        fs::remove_file(place.work().join(name)).unwrap();
    }
    refused(&place, &["--runtime", "./missing.wasm"], 2, &["missing.wasm", "No such file"]);
    refused(&place, &["--runtime", "."], 2, &["`.`"]);
}

#[test]
fn a_refusal_in_json_is_one_document() {
    let place = Place::new();
    let answer = place.type_in(["run", "--json", "--timeout", "abc", "--", "true"]).expect(2);
    let error = &answer.json()["error"];
    assert_eq!(error["exit_code"], 2);
    assert!(error["message"].as_str().unwrap().contains("`abc`"), "{error}");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let place = Place::new();
    for line in [
        &["run", "--json", "--events", "--", "true"][..],
        &["--json", "run", "--events", "--", "true"],
        &["run", "--detach", "--events", "--", "true"],
        &["run", "--dry-run", "--detach", "--", "true"],
        &["run", "--no-such-option", "--", "true"],
        &["no-such-verb"],
        &["runtime"],
    ] {
        let answer = place.type_in(line).expect(2);
        assert!(!answer.stderr.is_empty() && answer.stdout.is_empty(), "{line:?}: {answer:?}");
    }
    assert!(place.runs().is_empty());
}
