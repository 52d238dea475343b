//! The manifest: what is in it, and that it notices when something is changed.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    guests::guest,
    kit::{Place, sha256, text},
};

// T-W05.
#[test]
fn the_log_holds_stdout_and_stderr_and_the_manifest_names_it() {
    let place = Place::new();
    let manifest = place.run(&["--json", "--run-id", "logged"], "echo out; echo err >&2").expect(0).json();
    let mut lines: Vec<_> = String::from_utf8(place.log("logged")).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
    // T-W06: a log is a path, never a text.
    assert_eq!(text(&manifest, "/logs/0/path"), "logs/logged.log");
    assert_eq!(text(&manifest, "/logs/0/sha256"), sha256(&place.log("logged")));
    assert!(!manifest.to_string().contains("\"err\\n"), "{manifest:#}");
}

// T-W09: what nobody said.
#[test]
fn defaults_are_written_down() {
    let place = Place::new();
    let manifest = place.run(&["--json"], "true").expect(0).json();
    assert_eq!(manifest.pointer("/spec/extra_arguments"), Some(&Value::Array(vec![])));
    assert_eq!(manifest["artifacts"], Value::Array(vec![]));
    assert_eq!(manifest["metrics"], serde_json::json!({}));
    assert_eq!(manifest["client_run_id"], manifest["run_id"]);
    assert!(!text(&manifest, "/run_id").is_empty());
    assert_eq!(manifest.pointer("/cost/amount_usd"), Some(&Value::from(0.0)));
    assert_eq!(manifest.pointer("/runtime/name"), Some(&"local".into()));
}

// T-W06: metrics under `metrics`; JSON and JSON lines.
#[test]
fn metrics_are_read_and_bad_ones_make_the_run_incomplete() {
    let place = Place::new();
    let whole = place.run(&["--json"], "echo '{\"loss\": 0.25, \"steps\": 3}' > $WORLDFLUX_METRICS").expect(0).json();
    assert_eq!(whole["metrics"], serde_json::json!({ "loss": 0.25, "steps": 3.0 }));
    let lines = place.run(&["--json"], "printf '{\"loss\": 2}\\n{\"loss\": 1, \"x\": 5}\\n' > $WORLDFLUX_METRICS").expect(0).json();
    assert_eq!(lines["metrics"], serde_json::json!({ "loss": 1.0, "x": 5.0 }));
    for bad in ["{\"loss\": NaN}", "{\"loss\": 1e999}", "not json"] {
        let answer = place.run(&["--json"], &format!("echo '{bad}' > $WORLDFLUX_METRICS"));
        let manifest = answer.json();
        assert_eq!(answer.code, Some(3), "{bad}: {}", answer.stderr);
        assert_eq!(text(&manifest, "/status"), "incomplete");
        assert!(!text(&manifest, "/reason/message").is_empty());
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

// T-W06, T-W07: a stranger's plugin gives a manifest of the same shape, and what it tells stands below `runtime`.
#[test]
fn two_plugins_produce_manifests_with_the_same_keys() {
    let place = Place::new();
    let rogue = guest("rogue");
    let rogue = rogue.to_str().unwrap();
    place.type_in(["plugin", "grant", rogue, "--all-asked"]).expect(0);
    let local = place.run(&["--json"], "echo hi").expect(0).json();
    let other = place.run(&["--json", "--runtime", rogue, "--set", "collect=environment"], "echo hi");
    let other = other.expect(0).json();
    assert_eq!(keys(&local), keys(&other));
    for part in ["spec", "reason", "ending", "capabilities", "record", "provenance", "sandbox"] {
        assert_eq!(keys(&local[part]), keys(&other[part]), "{part}");
    }
    assert_eq!(text(&other, "/runtime/name"), "rogue");
    let own: BTreeSet<_> = keys(&other["runtime"]).difference(&keys(&local["runtime"])).cloned().collect();
    assert!(own.is_subset(&["rogue".to_owned()].into()), "{own:?}");
}

#[test]
fn verify_names_the_file_that_was_changed() {
    let place = Place::new();
    let script = "echo one; echo content > $WORLDFLUX_OUTPUT_DIR/kept.txt";
    place.run(&["--run-id", "whole"], script).expect(0);
    let clean = place.type_in(["manifest", "verify", "whole"]).expect(0);
    assert!(clean.text().starts_with("ok: "), "{}", clean.text());
    let record = place.state().join("runs/whole/record.jsonl");
    for path in [place.output("whole").join("logs/whole.log"), place.output("whole").join("kept.txt"), record] {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let before = fs::read(&path).unwrap();
        let mut changed = before.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for (what, content) in [("changed", Some(changed)), ("cut", Some(before[..before.len() - 1].to_vec())), ("gone", None)] {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let found = place.type_in(["manifest", "verify", "whole"]).expect(1);
            assert!(found.stderr.starts_with("error: ") && found.stderr.contains(&name), "{name} {what}: {}", found.stderr);
            let report = place.type_in(["manifest", "whole", "verify", "--json"]).expect(1).json();
            assert!(report["problems"].as_array().unwrap().iter().all(|problem| text(problem, "/file").ends_with(&name)), "{report}");
        }
        fs::write(&path, before).unwrap();
        place.type_in(["manifest", "verify", "whole"]).expect(0);
    }
}

// T-W11: trying again keeps the caller's name for the run; a manifest, once written, stays as it is.
#[test]
fn a_manifest_never_changes_once_it_is_written() {
    let place = Place::new();
    place.run(&["--run-id", "first", "--client-run-id", "mine"], "echo 1").expect(0);
    let both = [place.output("first").join("manifest.json"), place.state().join("runs/first/manifest.json")];
    let before = both.clone().map(|path| fs::read(path).unwrap());
    place.run(&["--run-id", "again", "--client-run-id", "mine"], "echo 2").expect(0);
    let refused = place.run(&["--run-id", "first"], "echo 3").expect(2);
    assert!(refused.stderr.contains("`first`"), "{}", refused.stderr);
    for line in [&["runs"][..], &["reap"], &["status", "first"], &["manifest", "verify", "first"], &["kill", "first"], &["logs", "first"]] {
        place.type_in(line).expect(0);
    }
    assert!(both.map(|path| fs::read(path).unwrap()) == before);
    assert_eq!(place.manifest("again")["client_run_id"], "mine");
    assert_eq!(place.log("first"), b"1\n");
}

// T-W12.
#[test]
fn only_what_was_marked_is_marked() {
    let place = Place::new();
    let script =
        "mkdir $WORLDFLUX_OUTPUT_DIR/sub; for f in a.svg b.txt sub/c.svg; do echo $f > $WORLDFLUX_OUTPUT_DIR/$f; done; echo w > loose.txt";
    let options =
        ["--json", "--run-id", "marks", "--artifact", "**/*.svg", "--artifact", "*.txt", "--commit", "a.svg", "--commit", "loose.*"];
    let manifest = place.run(&options, script).expect(0).json();
    let marks: Vec<_> = manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| (artifact["name"].as_str().unwrap(), artifact["commit"].as_bool().unwrap()))
        .collect();
    // Those of the output directory, then those of the workspace: each once, though the one lies in the other.
    assert_eq!(marks, [("a.svg", true), ("b.txt", false), ("sub/c.svg", false), ("loose.txt", true)]);
    place.type_in(["manifest", "verify", "marks"]).expect(0);
}

#[test]
fn the_document_is_in_its_one_form() {
    let place = Place::new();
    place.run(&["--run-id", "form"], "true").expect(0);
    let bytes = fs::read(place.output("form").join("manifest.json")).unwrap();
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    // A map of serde_json is sorted.
    let mut expected = serde_json::to_vec_pretty(&value).unwrap();
    expected.push(b'\n');
    assert!(bytes == expected, "sorted keys, two spaces, a final line feed");
    let schema: Value = serde_json::from_slice(include_bytes!("../../host/src/store/manifest/run_manifest.v1.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mistakes: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn sources_under_git_are_named_by_commit() {
    let place = Place::new();
    place.write("code.py", "1\n");
    let git = |line: &str| {
        let script = format!("git -c init.defaultBranch=main -c user.name=x -c user.email=x@y {line}");
        let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(place.work()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    git("init");
    place.write(".gitignore", "outputs\n");
    git("add .");
    git("commit -qm one");
    let commit = git("rev-parse HEAD");
    let clean = place.run(&["--json"], "true").expect(0).json();
    assert_eq!(clean["provenance"]["git_commit"], commit.as_str());
    assert_eq!(clean["provenance"]["git_dirty"], false);
    place.write("code.py", "2\n");
    let dirty = place.run(&["--json"], "true").expect(0).json();
    assert_eq!(dirty["provenance"]["git_dirty"], true);
}
