//! Breaks the rules of the component model itself.

use std::time::Duration;

use worldflux::{engine::PluginFault, names::Export};

use crate::lab::{attack, run};

/// PT01
#[test]
fn a_handle_that_is_made_up_given_back_or_given_back_twice_is_a_trap() {
    for behaviour in ["forged-handle:pollable", "forged-handle:descriptor", "dropped-handle", "dropped-twice"] {
        for export in [Export::Doctor, Export::Collect] {
            let report = attack(export, behaviour).run();
            assert!(report.trap().contains("handle") || report.trap().contains("resource"), "{behaviour}: {}", report.trap());
        }
    }
}

/// FS15
#[test]
fn a_folder_is_gone_with_its_grant_and_no_handle_of_another_call_leads_to_it() {
    let report = attack(Export::Doctor, "open-at:.").run();
    assert_eq!(report.said(), "ok: opened .");
    for behaviour in ["open-at:.", "list:/workspace", "write:/output/a"] {
        let report = attack(Export::Doctor, behaviour).granted("").run();
        assert!(report.said().starts_with("denied: "), "{behaviour}: {}", report.said());
    }
    assert!(attack(Export::Doctor, "forged-handle:descriptor").granted("").run().trap().contains("handle"));
}

/// PT05
#[test]
fn a_text_that_is_no_text_is_a_trap_and_reaches_nobody() {
    for kind in ["surrogate", "overlong", "cut", "bytes"] {
        let report = attack(Export::Plan, &format!("bad-text:{kind}")).run();
        assert!(report.trap().contains("utf-8") || report.trap().contains("utf8"), "{kind}: {}", report.trap());
        assert!(report.lines().is_empty() && report.talk.is_empty(), "{kind}: {:?}", report.lines());
    }
}

/// RE06
#[test]
fn a_line_of_a_hundred_megabytes_is_a_trap_before_it_is_copied() {
    let report = attack(Export::Doctor, "huge-line").run();
    assert!(report.trap().contains("fuel"), "{}", report.trap());
    assert!(report.lines().is_empty());
}

/// RE07
#[test]
fn a_list_that_is_longer_than_the_memory_of_the_guest_is_a_trap() {
    let report = attack(Export::Poll, "false-length").run();
    assert!(!report.trap().is_empty());
}

/// RE15
#[test]
fn a_gigabyte_of_random_bytes_is_a_trap_and_a_few_are_not() {
    let report = attack(Export::Doctor, "random:1073741824").run();
    assert!(!report.trap().is_empty());
    assert_eq!(attack(Export::Doctor, "random:65536").run().said(), "ok: 65536 random bytes");
}

/// RE16
#[test]
fn a_trap_after_the_answer_was_given_is_a_fault_like_any_other() {
    let report = attack(Export::Doctor, "trap-after").run();
    assert!(report.trap().contains("unreachable"), "{}", report.trap());
    assert_eq!(attack(Export::Doctor, "sleep:0").run().said(), "ok: slept");
}

/// RE13
#[test]
fn a_storm_of_sleeps_of_no_length_is_a_trap() {
    let report = attack(Export::Doctor, "storm-of-sleeps").run();
    assert!(report.trap().contains("it waited more often than one call may"), "{}", report.trap());
}

/// PT06
#[test]
fn what_never_comes_ends_the_call_at_its_deadline_and_small_writes_do_not() {
    let report = attack(Export::Collect, "endless-wait").within(Duration::from_millis(300)).run();
    assert!(matches!(report.fault(), PluginFault::Deadline(_)), "{:?}", report.fault());
    let report = attack(Export::Doctor, "many-writes").run();
    assert!(matches!(&report.answer, Ok(said) if said.starts_with("ok: 1000000")) || report.answer.is_err(), "{:?}", report.answer);
    assert!(report.lines().len() <= 1_000 && report.entries.len() < 10_000);
}

/// PT10
#[test]
fn calls_at_once_are_calls_of_instances_of_their_own() {
    run(async {
        let names: Vec<_> = (0..16).map(|number| format!("read:/output/{number}")).collect();
        let calls: Vec<_> = names.iter().map(|name| tokio::spawn(attack(Export::Doctor, name).go())).collect();
        for (call, name) in calls.into_iter().zip(&names) {
            let report = call.await.unwrap();
            let path = name.trim_start_matches("read:");
            assert!(report.said().starts_with(&format!("denied: {path}: ")), "{}", report.said());
            assert_eq!(report.effects("wasi:filesystem/types.open-at").len(), 1, "its record is its own");
        }
    });
}
