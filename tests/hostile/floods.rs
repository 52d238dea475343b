//! Says more than anybody can hear.

use std::time::{Duration, Instant};

use worldflux::{engine::PluginFault, imports::Talk, names::Export, store::Body};

use crate::lab::{Report, attack};

/// The lines that were dropped, as the record tells.
fn dropped(report: &Report) -> u64 {
    let note = report.entries.iter().find_map(|entry| match &entry.body {
        Body::Note { text, details } if text == "lines of the plugin were dropped" => details["lines"].as_u64(),
        _ => None,
    });
    note.unwrap_or(0)
}

fn size(report: &Report) -> u64 {
    std::fs::metadata(report.place.path().join("record.jsonl")).unwrap().len()
}

/// LO03
#[test]
fn a_hundred_megabytes_on_either_stream_become_a_bounded_record() {
    for behaviour in ["flood-stdout", "flood-stderr"] {
        let begin = Instant::now();
        let report = attack(Export::Doctor, behaviour).run();
        assert!(report.said().starts_with("ok: 100 MB"), "{}", report.said());
        assert!(dropped(&report) > 100 && size(&report) < 64 << 20, "{behaviour}: {} dropped, {} bytes", dropped(&report), size(&report));
        assert!(report.lines().iter().all(|line| line.chars().count() <= 8 * 1024));
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

/// LO01, LO03
#[test]
fn a_hundred_megabytes_for_the_log_become_a_bounded_record() {
    let report = attack(Export::Plan, "flood-log").run();
    assert_eq!(report.said(), "ok: 100 MB in the log");
    assert!(report.lines().iter().all(|line| line.chars().count() <= 8 * 1024));
    assert!(size(&report) < 8 << 20, "{}", size(&report));
}

/// LO03
#[test]
fn a_million_lines_are_counted_and_a_thousand_kept() {
    let report = attack(Export::Teardown, "flood-lines").run();
    assert_eq!(report.said(), "ok: 1000000 lines in the log");
    assert_eq!(report.lines().len(), 1_000);
    // The last line is the plugin's own report of what it did.
    assert_eq!(dropped(&report), 1_000_001 - 1_000);
}

#[test]
fn a_million_progress_reports_reach_nobody_as_a_million() {
    let report = attack(Export::BuildEnv, "flood-progress").run();
    assert_eq!(report.said(), "ok: 1000000 bars");
    let bars = report.talk.iter().filter(|talk| matches!(talk, Talk::Progress { .. })).count();
    assert_eq!(bars, 10_000);
    for talk in &report.talk {
        if let Talk::Progress { done, total, .. } = talk {
            assert!(total.is_some_and(|total| *done <= total), "{talk:?}");
        }
    }
}

/// RE07
#[test]
fn one_message_beyond_what_a_call_may_copy_is_a_trap() {
    // 10 MiB of failure are within the limit of a call and beyond what an answer may have.
    let report = attack(Export::Doctor, "huge-failure").run();
    assert!(report.bad_answer().starts_with("failure.message: "), "{}", report.bad_answer());
    let report = attack(Export::Doctor, "huge-list").run();
    assert!(matches!(report.fault(), PluginFault::Trap(_) | PluginFault::BadAnswer(_)), "{:?}", report.fault());
}
