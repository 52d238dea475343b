//! What the record promises, tried against changes of every kind.

use std::{fs, sync::Arc};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    names::Export,
    policy::Denial,
    store::{
        Hide,
        record::{Call, Record, entry::LINE, read_record},
    },
};

fn call(text: &str) -> Call {
    Call { export: Some(Export::Start), import: "process.launch-command".into(), action: json!({ "argv": [text] }) }
}

fn denial() -> Denial {
    Denial { plugin: "local".into(), action: "start program `git`".into(), rule: "no grant".into(), cure: "grant it".into() }
}

fn written(folder: &Path) -> (PathBuf, RecordHead) {
    let path = folder.join("record.jsonl");
    let record = Record::create(&path, &"run-1".parse().unwrap()).unwrap();
    record.phase("start").unwrap();
    let ticket = record.intent(call("true")).unwrap();
    record.result(ticket, json!({ "pid": 7, "ratio": 0.1 })).unwrap();
    record.denied(call("git"), denial()).unwrap();
    record.log("info", "grüße\n\u{0}", json!({})).unwrap();
    record.note("end", json!(null)).unwrap();
    record.flush().unwrap();
    (path, record.head())
}

fn line_of(error: &StoreError) -> u64 {
    match error {
        StoreError::Record(RecordError::Line { line, .. }) => *line,
        other => panic!("{other}"),
    }
}

#[test]
fn a_record_is_read_back_entry_by_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head) = written(folder.path());
    let summary = verify_record(&path).unwrap();
    assert_eq!((summary.run.as_str(), summary.head, &summary.torn, summary.full), ("run-1", head, &None, false));
    let entries: Vec<_> = read_record(&path).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (0..head.count).collect::<Vec<_>>());
    assert_eq!(entries[2].body, Body::Intent(call("true")));
    assert_eq!(entries[3].body, Body::Result { of: 2, outcome: json!({ "pid": 7, "ratio": 0.1 }) });
    assert_eq!(entries[4].body, Body::Denial { call: call("git"), denial: denial() });
}

#[test]
fn a_line_has_the_documented_form() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path());
    let text = fs::read_to_string(path).unwrap();
    let first = text.lines().next().unwrap();
    let value: serde_json::Value = serde_json::from_str(first).unwrap();
    let bare = first.replace(&format!(",\"hash\":{}", value["hash"]), "");
    let genesis = Digest::of(b"worldflux.record.v1\nrun-1");
    assert_eq!(value["prev"], genesis.hex());
    let expected = Digest::of(&[genesis.bytes().as_slice(), bare.as_bytes()].concat());
    assert_eq!(value["hash"], expected.hex());
    assert_eq!((&value["seq"], &value["kind"], &value["run"]), (&json!(0), &json!("begin"), &json!("run-1")));
}

#[test]
fn an_entry_is_the_same_whether_or_not_there_is_something_to_hide() {
    #[derive(serde::Serialize)]
    struct Told {
        bytes: u64,
        name: &'static str,
    }
    let folder = tempfile::tempdir().unwrap();
    let written = |file: &str, hide: Hide| {
        let path = folder.path().join(file);
        let record = Record::create(&path, &"run-1".parse().unwrap()).unwrap().hiding(hide);
        let told = || Told { bytes: 7, name: "a \"name\"\n" };
        let ticket = record.intent(Call { export: None, import: "x".into(), action: told() }).unwrap();
        record.result(ticket, told()).unwrap();
        verify_record(&path).unwrap();
        let plain = |line: &str| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            for name in ["at", "prev", "hash"] {
                line.as_object_mut().unwrap().remove(name).unwrap();
            }
            line
        };
        fs::read_to_string(path).unwrap().lines().map(plain).collect::<Vec<_>>()
    };
    let plain = written("plain", Hide::default());
    assert_eq!(plain, written("hidden", Hide::with(|text| *text = text.replace("secret", "***"))));
    assert_eq!((&plain[1]["action"], &plain[2]["outcome"]), (&json!({ "bytes": 7, "name": "a \"name\"\n" }), &plain[1]["action"]));
    assert_eq!(plain[1]["export"], json!(null));
}

#[test]
fn a_removed_moved_repeated_or_invented_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head) = written(folder.path());
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let check = |lines: &[&str]| {
        fs::write(&path, lines.join("\n") + if lines.is_empty() { "" } else { "\n" }).unwrap();
        verify_record(&path)
    };
    let removed = [&lines[..3], &lines[4..]].concat();
    assert_eq!(line_of(&check(&removed).unwrap_err()), 4);
    let mut moved = lines.clone();
    moved.swap(2, 5);
    assert_eq!(line_of(&check(&moved).unwrap_err()), 3);
    let repeated = [&lines[..3], &lines[2..]].concat();
    assert_eq!(line_of(&check(&repeated).unwrap_err()), 4);
    let invented = lines[2].replace("true", "rm");
    let mut changed = lines.clone();
    changed[2] = &invented;
    assert_eq!(line_of(&check(&changed).unwrap_err()), 3);
    assert_eq!(line_of(&check(&lines[1..]).unwrap_err()), 1);
    let cut = check(&lines[..4]).unwrap();
    assert_ne!(cut.head, head, "lines that were cut off at the end are told by the head in the manifest");
    assert!(matches!(check(&[]), Err(StoreError::Record(RecordError::Empty { .. }))));
}

#[test]
fn a_record_of_another_run_does_not_pass_for_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path());
    let text = fs::read_to_string(&path).unwrap().replace("run-1", "run-2");
    fs::write(&path, text).unwrap();
    assert_eq!(line_of(&verify_record(&path).unwrap_err()), 1);
}

#[test]
fn a_torn_last_line_is_not_tampering_and_is_repaired_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head) = written(folder.path());
    let whole = fs::read(&path).unwrap();
    let torn = [whole.as_slice(), b"{\"seq\":7,\"at\":\"20"].concat();
    fs::write(&path, &torn).unwrap();
    let summary = verify_record(&path).unwrap();
    assert_eq!(summary.torn, Some(Torn { line: head.count + 1, offset: whole.len() as u64, bytes: 17 }));
    assert_eq!(summary.head, head);
    assert_eq!(read_record(&path).unwrap().filter_map(Result::ok).count() as u64, head.count);
    let record = Record::open_for_append(&path).unwrap();
    record.phase("reap").unwrap();
    let summary = verify_record(&path).unwrap();
    assert_eq!((summary.torn, summary.head), (None, record.head()));
    assert_eq!(summary.head.count, head.count + 2, "a note about the torn line, and the step");
}

#[test]
fn a_changed_record_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path());
    let text = fs::read_to_string(&path).unwrap().replace("true", "evil");
    fs::write(&path, &text).unwrap();
    assert_eq!(line_of(&Record::open_for_append(&path).unwrap_err()), 3);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_record_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path());
    assert!(Record::create(&path, &"run-1".parse().unwrap()).is_err());
}

#[test]
fn long_values_are_shortened_and_marked_and_every_line_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let record = Record::create(&path, &"run".parse().unwrap()).unwrap();
    let big = "ä\n".repeat(100_000);
    record.note(&big, json!({ "small": "kept", "big": [big.clone()] })).unwrap();
    let many: Vec<_> = (0..50_000).collect();
    let ticket = record.intent(Call { action: json!(many), ..call("x") }).unwrap();
    let keys: serde_json::Map<_, _> = (0..3_000).map(|n| (format!("{n}-{}", "k".repeat(50)), json!("v".repeat(100)))).collect();
    record.result(ticket, keys).unwrap();
    record
        .denied(
            Call { import: big.clone(), ..call(&big) },
            Denial { plugin: big.clone(), action: big.clone(), rule: big.clone(), cure: big },
        )
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| line.len() < LINE));
    assert!(text.contains("[shortened from 300000 bytes]") && text.contains("\"small\":\"kept\""));
    assert!(text.contains("\"shortened\":\"[0,1,2"));
    assert_eq!(verify_record(&path).unwrap().head, record.head());
}

/// A record of 16 KiB, in which effects were asked for until one was refused.
fn full(path: &Path) -> Record {
    let record = Record::create_with(path, &"run".parse().unwrap(), 16 << 10).unwrap();
    for n in 0..1_000 {
        match record.intent(call(&n.to_string())) {
            Ok(ticket) => record.result(ticket, json!({})).unwrap(),
            Err(error) => {
                assert!(matches!(error, StoreError::RecordFull { .. }), "{error}");
                return record;
            }
        }
    }
    panic!("it is never full");
}

#[test]
fn what_cannot_be_written_down_is_refused_and_the_record_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let record = full(&path);
    for n in 0..100 {
        assert!(record.intent(call(&n.to_string())).is_err());
    }
    let summary = verify_record(&path).unwrap();
    assert!(summary.full);
    assert_eq!((summary.head, record.dropped()), (record.head(), 101));
    let marks = fs::read_to_string(&path).unwrap().matches("\"kind\":\"dropped\"").count();
    assert_eq!(marks, 1);
    assert!(fs::metadata(&path).unwrap().len() <= 16 << 10);
}

#[test]
fn a_full_record_still_takes_what_ends_and_releases_and_the_steps_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let record = full(&path);
    let release = Call { export: Some(Export::Teardown), ..call("release") };
    let ticket = record.intent(release.clone()).unwrap();
    // The plugin asks on until that share is full too.
    while let Ok(ticket) = record.intent(release.clone()) {
        record.result(ticket, json!({})).unwrap();
    }
    record.result(ticket, json!({ "ok": "released" })).unwrap();
    record.phase("finish").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("released") && text.contains("finish"));
    assert!(verify_record(&path).unwrap().full);
}

#[test]
fn log_lines_leave_half_of_the_record_to_effects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let record = Record::create_with(&path, &"run".parse().unwrap(), 16 << 10).unwrap();
    for _ in 0..1_000 {
        record.log("info", "x", json!({})).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() <= 8 << 10);
    assert!(record.dropped() > 900 && record.intent(call("1")).is_ok());
}

#[test]
fn many_threads_write_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let record = Arc::new(Record::create(&path, &"run".parse().unwrap()).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let record = &record;
            scope.spawn(move || {
                for n in 0..200 {
                    let ticket = record.intent(call(&format!("{thread}-{n}"))).unwrap();
                    record.result(ticket, json!({})).unwrap();
                }
            });
        }
    });
    let summary = verify_record(&path).unwrap();
    assert_eq!((summary.head, summary.head.count), (record.head(), 1601));
}

#[test]
fn a_disk_that_is_full_stops_the_effect() {
    let record = Record::at_device(Path::new("/dev/full"));
    let error = record.intent(call("true")).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(record.head().count, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whichever_byte_is_changed_it_is_found(place in any::<prop::sample::Index>(), flip in 1u8..) {
        let folder = tempfile::tempdir().unwrap();
        let (path, head) = written(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        fs::write(&path, &bytes).unwrap();
        match verify_record(&path) {
            Err(StoreError::Record(_)) => {}
            // The last line feed is what makes the last line whole.
            Ok(summary) => prop_assert!(place == last && summary.torn.is_some() && summary.head != head),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn wherever_a_record_is_cut_its_head_differs(place in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let (path, head) = written(folder.path());
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..place.index(bytes.len())]).unwrap();
        match verify_record(&path) {
            Err(StoreError::Record(RecordError::Empty { .. })) => {}
            Ok(summary) => prop_assert!(summary.head != head),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn whatever_is_recorded_is_read_back(text in any::<String>(), number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let record = Record::create(&path, &"run".parse().unwrap()).unwrap();
        let ticket = record.intent(Call { action: json!({ text.clone(): text, "number": number }), ..call("x") }).unwrap();
        record.result(ticket, json!(text)).unwrap();
        prop_assert_eq!(verify_record(&path).unwrap().head, record.head());
        let entries: Vec<_> = read_record(&path).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(&entries[2].body, &Body::Result { of: 1, outcome: json!(text) });
    }
}
