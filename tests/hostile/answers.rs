//! Answers what no host must use.

use worldflux::{engine::PluginFault, names::Export};

use crate::lab::attack;

/// Each lie, with the beginning of the reason for which it is refused.
const LIES: &[(Export, &str, &str)] = &[
    (Export::Describe, "bad-name", "name: `../../x` is not a "),
    (Export::Describe, "bad-schema", "settings-schema: not JSON: "),
    (Export::Describe, "huge-summary", "summary: 10485760 characters, at most 200 are taken"),
    (Export::Describe, "duplicate-key", "details: the key `a` stands there twice"),
    (Export::Doctor, "lie-names", "check: a name is not empty and has no control characters"),
    (Export::Doctor, "empty-name", "check: a name is not empty"),
    (Export::Doctor, "nul", "message: it has a NUL character"),
    (Export::Doctor, "huge-text", "message: 10485760 characters, at most 4096 are taken"),
    (Export::Doctor, "duplicate", "check: `rogue` stands there twice"),
    (Export::Doctor, "bad-json", "details.a: not JSON: "),
    (Export::Doctor, "nan-json", "details.a: not JSON: "),
    (Export::Doctor, "deep-json", "details.a: not JSON: "),
    (Export::Doctor, "deep-closed-json", "details.a: not JSON: "),
    (Export::Doctor, "huge-json", "details.a: 10485762 bytes of JSON, at most 262144 are taken"),
    (Export::Doctor, "empty-key", "details: a name is not empty"),
    (Export::Doctor, "control-key", "details: a name is not empty and has no control characters"),
    (Export::Plan, "huge-failure", "failure.message: "),
    (Export::BuildEnv, "huge-handle", "handle: 1048576 bytes, at most 4096 are kept"),
    (Export::BuildEnv, "nul-handle", "handle: it has a NUL character"),
    (Export::BuildEnv, "interpreter-outside", "interpreter: "),
    (Export::BuildEnv, "interpreter-escape", "interpreter: "),
    (Export::Start, "huge-handle", "handle: 1048576 bytes, at most 4096 are kept"),
    (Export::Start, "nul-handle", "handle: it has a NUL character"),
    (Export::Start, "fake-process", "host-process: "),
    (Export::Poll, "backwards", "ending: it ended at "),
    (Export::Poll, "huge-output", "output: 10"),
    (Export::Poll, "huge-cursor", "next: 1048576 bytes, at most 4096 are kept"),
    (Export::Poll, "nul-cursor", "next: it has a NUL character"),
    (Export::Collect, "nan", "metric.value: `a` is NaN, which is not a finite number"),
    (Export::Collect, "infinite", "metric.value: `a` is -inf, which is not a finite number"),
    (Export::Collect, "duplicate-metric", "metrics: `a` stands there twice"),
    (Export::Collect, "empty-metric", "metric.name: a name is not empty"),
    (Export::Collect, "escape", "artifact.path: "),
    (Export::Collect, "absolute", "artifact.path: "),
    (Export::Collect, "relative", "artifact.path: "),
    (Export::Collect, "nul-path", "artifact.path: "),
    (Export::Collect, "folder", "artifact.path: `/output` is a folder of the run, not a file"),
    (Export::Collect, "control-name", "artifact.name: a name is not empty and has no control characters"),
    (Export::Collect, "duplicate-artifact", "artifacts: `a` stands there twice"),
    (Export::Collect, "log-outside", "log: "),
    (Export::Teardown, "huge-text", "evidence: 10485760 characters, at most 4096 are taken"),
];

/// PT07
#[test]
fn a_lie_is_refused_with_the_field_and_the_rule() {
    for (export, behaviour, reason) in LIES {
        let report = attack(*export, behaviour).run();
        let said = report.bad_answer();
        assert!(said.starts_with(reason), "{export} {behaviour}: {said}");
        assert!(said.len() < 400 && !said.contains(char::is_control), "{export} {behaviour}: {said:?}");
    }
}

/// RE07
#[test]
fn an_answer_of_a_million_elements_is_refused_before_it_is_copied() {
    for (export, behaviour) in [
        (Export::Doctor, "huge-list"),
        (Export::Doctor, "many-keys"),
        (Export::Collect, "huge-list"),
        (Export::Collect, "many-metrics"),
        (Export::Poll, "many-chunks"),
    ] {
        let report = attack(export, behaviour).run();
        let fault = report.fault();
        assert!(matches!(fault, PluginFault::Trap(_) | PluginFault::BadAnswer(_)), "{export} {behaviour}: {fault:?}");
    }
}

/// PT07
#[test]
fn numbers_at_the_end_of_their_range_are_kept_in_range() {
    assert!(attack(Export::Collect, "overflow").run().answer.is_ok());
    for behaviour in ["forever", "at-once", "unknown"] {
        assert!(attack(Export::Poll, behaviour).run().answer.is_ok(), "{behaviour}");
    }
}

#[test]
fn text_for_a_person_may_hold_control_characters_and_is_kept_as_it_came() {
    let report = attack(Export::Doctor, "control").run();
    assert!(report.said().contains("\u{1b}[2J"), "escaped where it is printed, not here");
}
