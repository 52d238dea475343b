//! What the manifest promises.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::{
    names::{EndKind, Ending, Moment, Usd},
    policy::Profile,
    store::{
        ExecutionKind, Record,
        manifest::{
            Artifact, Capabilities, Cost, EnvironmentUsed, ExecutionSummary, LogFile, PluginIdentity, Provenance, Reason, RecordFile,
            RuntimeSection, SandboxSection, SchemaName, manifest_schema, path_in_manifest,
        },
        status::{ReasonCode, RunStatus},
    },
};

/// A finished run in a folder of its own, with everything that a manifest can name.
struct Finished {
    _folder: tempfile::TempDir,
    output: PathBuf,
    path: PathBuf,
    manifest: Manifest,
}

fn finished() -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    fs::create_dir_all(output.join("logs")).unwrap();
    fs::write(output.join("logs/run-1.log"), "hello\n").unwrap();
    fs::write(output.join("model.json"), "{}").unwrap();
    let record_path = folder.path().join("record.jsonl");
    let record = Record::create(&record_path, &"run-1".parse().unwrap()).unwrap();
    record.phase("start").unwrap();
    let plugin = PluginIdentity {
        name: "local".into(),
        version: "0.1.0".into(),
        digest: Digest::of(b"plugin"),
        protocol: "worldflux:runtime@0.1.0".into(),
    };
    let mut runtime = RuntimeSection::new("local", Some(plugin));
    runtime.add("python", json!("3.12.1")).unwrap();
    runtime.add("gpus", json!([{ "name": "x", "memory": 8 }])).unwrap();
    let at = Moment::from_unix_millis(1_700_000_000_123);
    let ending = Ending {
        kind: EndKind::Exited { code: 0 },
        evidence: "wait status".into(),
        started_at: Some(at),
        ended_at: None,
        stdout_bytes: Bytes(6),
        stderr_bytes: Bytes(0),
        truncated: false,
    };
    let manifest = Manifest {
        schema: SchemaName::V1,
        run_id: "run-1".parse().unwrap(),
        client_run_id: "client-1".into(),
        adapter_id: String::new(),
        task: "train".into(),
        command: vec!["python".into(), "train.py".into()],
        spec: BTreeMap::from([("variables".into(), json!(["TOKEN"]))]),
        created_at: at,
        started_at: Some(at),
        ended_at: at,
        durations: BTreeMap::from([("command".into(), 1.5), ("build-env".into(), 0.0)]),
        status: RunStatus::Succeeded,
        reason: Reason { code: ReasonCode::None, message: String::new(), next_action: ReasonCode::None.next_action().into() },
        ending: Some(ending.clone()),
        runtime,
        metrics: BTreeMap::from([("eval.rmse".into(), 0.1), ("steps".into(), 100.0)]),
        logs: vec![LogFile {
            name: "command".into(),
            path: path_in_manifest(&output, &output.join("logs/run-1.log")),
            bytes: Bytes(6),
            sha256: Digest::of(b"hello\n"),
            truncated: false,
        }],
        artifacts: vec![Artifact {
            name: "model".into(),
            path: "model.json".into(),
            bytes: Bytes(2),
            sha256: Digest::of(b"{}"),
            commit: true,
            media_type: Some("application/json".into()),
        }],
        cost: Some(Cost::new(Usd::from_micros(17), "billed seconds", true)),
        capabilities: Capabilities {
            asked: BTreeMap::from([("command".into(), json!("to run it"))]),
            granted: BTreeMap::from([("command".into(), json!(true))]),
            used: BTreeMap::from([("process.launch-command".into(), 1)]),
        },
        sandbox: SandboxSection { profile: Profile::Own, level: "process-group".into(), network: Some(vec!["full".into()]) },
        executions: vec![ExecutionSummary {
            kind: ExecutionKind::Command,
            index: 0,
            argv: vec!["python".into(), "train.py".into()],
            ending: Some(ending),
            log: Some("command".into()),
        }],
        environment: Some(EnvironmentUsed {
            id: "env-0123456789abcdef".parse().unwrap(),
            reuse_key: Some(Digest::of(b"requirements")),
            reused: false,
            metadata: BTreeMap::new(),
        }),
        snapshots: None,
        record: RecordFile::new(path_in_manifest(&output, &record_path), record.head()),
        provenance: Provenance {
            git_commit: Some("0123456789012345678901234567890123456789".into()),
            git_dirty: Some(false),
            host_version: "0.1.0".into(),
            platform: "linux-x86_64".into(),
        },
        output_dir: "output".into(),
    };
    let path = folder.path().join("manifest.json");
    manifest.write(&path).unwrap();
    Finished { _folder: folder, output, path, manifest }
}

fn problems(path: &Path) -> Vec<String> {
    verify_manifest(path).unwrap().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_manifest_is_read_back_as_it_was_written_and_verifies() {
    let run = finished();
    assert_eq!(Manifest::read(&run.path).unwrap(), run.manifest);
    let report = verify_manifest(&run.path).unwrap();
    assert_eq!((report.files, report.bytes, report.problems), (3, Bytes(8), vec![]));
    assert_eq!(run.manifest.logs[0].path, "logs/run-1.log");
    assert!(Path::new(&run.manifest.record.path).is_absolute(), "the record is outside the output directory");
}

#[test]
fn the_text_has_sorted_keys_two_spaces_and_a_final_line_feed() {
    let text = fs::read_to_string(finished().path).unwrap();
    assert!(text.starts_with("{\n  \"adapter_id\": \"\",\n") && text.ends_with("}\n") && !text.ends_with("\n\n"));
    let mut keys: Vec<_> = text.lines().filter(|line| line.starts_with("  \"")).collect();
    let before = keys.clone();
    keys.sort_by_key(|line| line.split('"').nth(1).unwrap().to_owned());
    assert_eq!(before, keys);
    assert!(text.contains("\n    \"gpus\": [\n") && text.contains("\"amount_usd\": 0.000017") && text.contains("\"eval.rmse\": 0.1"));
}

#[test]
fn a_number_that_json_cannot_hold_is_refused_by_name() {
    let run = finished();
    let before = fs::read(&run.path).unwrap();
    for (field, value) in [("metrics.loss", f64::INFINITY), ("metrics.loss", f64::NAN), ("durations.command", f64::NEG_INFINITY)] {
        let mut manifest = run.manifest.clone();
        let (list, name) = field.split_once('.').unwrap();
        let list = if list == "metrics" { &mut manifest.metrics } else { &mut manifest.durations };
        list.insert(name.into(), value);
        let error = manifest.write(&run.path).unwrap_err();
        assert!(matches!(&error, StoreError::NotFinite { field: named, .. } if named == field), "{error}");
    }
    assert_eq!(fs::read(&run.path).unwrap(), before, "the manifest that was there stays");
}

#[test]
fn a_metadata_key_cannot_hide_what_the_host_says() {
    let mut runtime = RuntimeSection::new("local", None);
    for key in ["name", "plugin"] {
        assert!(matches!(runtime.add(key, json!("evil")), Err(StoreError::ReservedKey(named)) if named == key));
    }
    runtime.add("digest", json!(1)).unwrap();
    assert_eq!(serde_json::to_value(&runtime).unwrap(), json!({ "name": "local", "plugin": null, "digest": 1 }));
}

#[test]
fn writing_leaves_nothing_beside_the_manifest_and_replaces_it_whole() {
    let run = finished();
    run.manifest.write(&run.path).unwrap();
    let folder = run.path.parent().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["manifest.json", "output", "record.jsonl"]);
    assert_eq!(fs::metadata(&run.path).unwrap().permissions().mode() & 0o777, 0o644);
    let error = run.manifest.write(&folder.join("missing/manifest.json")).unwrap_err();
    assert!(error.to_string().contains("missing/manifest.json"), "{error}");
    fs::create_dir(folder.join("taken")).unwrap();
    assert!(run.manifest.write(&folder.join("taken")).is_err());
    assert_eq!(fs::read_dir(folder).unwrap().count(), 4, "a failed write leaves no draft");
}

#[test]
fn what_changed_afterwards_is_named() {
    let run = finished();
    let log = run.output.join("logs/run-1.log");
    fs::write(&log, "HELLO\n").unwrap();
    assert!(problems(&run.path)[0].starts_with("`logs/run-1.log`: its digest is sha256:"));
    fs::write(&log, "hello").unwrap();
    assert_eq!(problems(&run.path), ["`logs/run-1.log`: it has 5 bytes, the manifest says 6"]);
    fs::write(&log, "hello\nmore").unwrap();
    assert_eq!(problems(&run.path), ["`logs/run-1.log`: it is longer than the 6 bytes of the manifest"]);
    fs::remove_file(&log).unwrap();
    assert_eq!(problems(&run.path), ["`logs/run-1.log`: it is missing"]);
    rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert_eq!(problems(&run.path), ["`logs/run-1.log`: it cannot be read: it is not a regular file"]);
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &log).unwrap();
    assert!(problems(&run.path)[0].starts_with("`logs/run-1.log`: it cannot be read"));
}

#[test]
fn a_record_that_was_cut_changed_or_exchanged_is_named() {
    let run = finished();
    let record = PathBuf::from(&run.manifest.record.path);
    let text = fs::read_to_string(&record).unwrap();
    let first = text.lines().next().unwrap().len() + 1;
    fs::write(&record, &text[..first]).unwrap();
    assert!(problems(&run.path)[0].ends_with("it has 1 entries, the manifest says 2"));
    fs::write(&record, text.replace("\"step\":\"start\"", "\"step\":\"other\"")).unwrap();
    assert!(problems(&run.path)[0].contains("line 2: its hash does not fit"));
    fs::remove_file(&record).unwrap();
    Record::create(&record, &"run-2".parse().unwrap()).unwrap().phase("start").unwrap();
    let found = problems(&run.path);
    assert!(found[0].contains("it is the record of run `run-2`") && found[1].contains("its last hash is"), "{found:?}");
}

#[test]
fn a_moved_output_directory_is_verified_where_the_manifest_is() {
    let mut run = finished();
    run.manifest.output_dir = ".".into();
    let inside = run.output.join("manifest.json");
    run.manifest.write(&inside).unwrap();
    let moved = run.output.with_file_name("moved");
    fs::rename(&run.output, &moved).unwrap();
    assert_eq!(problems(&moved.join("manifest.json")), Vec::<String>::new());
}

#[test]
fn a_path_that_leaves_the_output_directory_is_not_opened() {
    let mut run = finished();
    run.manifest.artifacts[0].path = "../manifest.json".into();
    run.manifest.write(&run.path).unwrap();
    assert_eq!(problems(&run.path), ["`../manifest.json`: the path leads out of the output directory"]);
}

#[test]
fn what_is_no_manifest_says_so_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    for (text, why) in [("", "line 1"), ("{}", "schema"), ("{\n  \"schema\": \"other\"", "line 2"), ("[1]", "line 1")] {
        fs::write(&path, text).unwrap();
        let error = Manifest::read(&path).unwrap_err();
        assert!(matches!(error, StoreError::Malformed { .. }) && error.to_string().contains(why), "{error}");
    }
    assert!(matches!(Manifest::read(folder.path()), Err(StoreError::Io { .. })));
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/manifest/run_manifest.v1.schema.json");
    if std::env::var_os("WORLDFLUX_BLESS").is_some() {
        fs::write(&path, manifest_schema()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == manifest_schema(), "run this test with WORLDFLUX_BLESS=1 to write {} anew", path.display());
}

#[test]
fn a_manifest_fits_its_schema_and_a_changed_one_does_not() {
    let schema: Value = serde_json::from_str(&manifest_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let good: Value = serde_json::from_str(&fs::read_to_string(finished().path).unwrap()).unwrap();
    assert_eq!(validator.iter_errors(&good).map(|error| error.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    for (pointer, wrong) in [
        ("/schema", json!("worldflux.run_manifest.v2")),
        ("/status", json!("done")),
        ("/reason/code", json!("because")),
        ("/metrics/steps", json!("100")),
        ("/logs/0/sha256", json!("abc")),
        ("/runtime/plugin/digest", json!(7)),
        ("/artifacts/0/bytes", json!(-1)),
        ("/ending/how", json!("melted")),
        ("/ending/code", json!(null)),
        ("/record/count", json!(null)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
    for key in good.as_object().unwrap().keys() {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(key);
        let may_be_null = ["started_at", "ending", "cost", "environment", "snapshots"].contains(&key.as_str());
        assert_eq!(validator.is_valid(&bad), may_be_null, "{key}");
    }
}
