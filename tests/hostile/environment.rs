//! Looks for the host's environment.

use worldflux::names::Export;

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

#[test]
fn control_characters_in_a_log_line_stay_one_entry_of_a_whole_record() {
    let report = attack(Export::Doctor, "log-control").run();
    assert_eq!(report.said(), "ok: control characters in the log");
    assert!(report.lines().iter().any(|line| line.contains("forged")));
    let text = std::fs::read_to_string(report.place.path().join("record.jsonl")).unwrap();
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.starts_with("{\"seq\":")), "{text}");
}
