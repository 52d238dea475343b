//! Looks for the host's environment.

use worldflux::{imports::Talk, names::Export, store::Body};

use crate::lab::attack;

#[test]
fn no_variable_and_no_argument_of_the_host_reaches_a_guest() {
    for export in Export::ALL.into_iter().filter(|export| !matches!(export, Export::Start | Export::Kill)) {
        assert_eq!(attack(export, "environment").run().said(), "denied: no variables and no arguments", "{export}");
    }
}

#[test]
fn standard_input_is_at_its_end() {
    assert_eq!(attack(Export::Doctor, "stdin").run().said(), "denied: standard input is at its end");
}

/// LO01
#[test]
fn control_characters_in_a_log_line_stay_one_entry_of_a_whole_record() {
    let report = attack(Export::Doctor, "log-control").run();
    assert_eq!(report.said(), "ok: control characters in the log");
    assert!(report.lines().iter().any(|line| line.contains("forged")));
    let text = std::fs::read_to_string(report.place.path().join("record.jsonl")).unwrap();
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.starts_with("{\"seq\":")), "{text}");
}

/// LO04
#[test]
fn who_says_a_line_is_the_hosts_word_and_not_the_lines() {
    let report = attack(Export::Doctor, "log-control").run();
    for entry in &report.entries {
        if let Body::Log { fields, .. } = &entry.body {
            assert_eq!((fields["export"].as_str(), fields["source"].as_str()), (Some("doctor"), Some("log")), "{fields}");
        }
    }
    assert!(report.talk.iter().all(|talk| matches!(talk, Talk::Line { .. })));
}
