//! Begins much and ends nothing.

use std::time::Duration;

use worldflux::{
    names::Export,
    policy::{Limits, Rate},
};

use crate::lab::{attack, census, run, until};

/// Descriptors and threads that other tests of this process may have at the same moment, more than before.
const OTHERS: usize = 200;

/// PT08
#[test]
fn a_storm_of_calls_that_are_given_up_leaves_nothing() {
    run(async {
        let before = census();
        for round in 0..4 {
            // Each has descriptors of its folders, and a quarter of them a program.
            let behaviour = if round == 0 { "output-with:sleep 3600" } else { "sleep:3600" };
            let calls: Vec<_> =
                (0..if round == 0 { 40 } else { 200 }).map(|_| tokio::spawn(attack(Export::Doctor, behaviour).go())).collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
            calls.iter().for_each(tokio::task::JoinHandle::abort);
            for call in calls {
                assert!(call.await.is_err(), "it was given up");
            }
        }
        until("descriptors or threads are left", || {
            let now = census();
            now.0 < before.0 + OTHERS && now.1 < before.1 + OTHERS
        })
        .await;
    });
    assert_eq!(attack(Export::Doctor, "sleep:0").run().said(), "ok: slept");
}

/// RE09
#[test]
fn a_plugin_whose_call_was_given_up_inside_an_import_answers_the_next_one() {
    run(async {
        for behaviour in ["sleep:3600", "endless-wait", "output-with:sleep 3600"] {
            let call = tokio::spawn(attack(Export::Doctor, behaviour).go());
            tokio::time::sleep(Duration::from_millis(100)).await;
            call.abort();
            assert!(call.await.is_err(), "{behaviour}");
            assert_eq!(attack(Export::Doctor, "sleep:0").go().await.said(), "ok: slept", "{behaviour}");
        }
    });
}

/// PT09
#[test]
fn what_a_guest_holds_when_it_traps_is_released() {
    run(async {
        let before = census();
        for _ in 0..100 {
            let report = attack(Export::Doctor, "hold-and-trap:true").go().await;
            assert!(report.trap().contains("unreachable"), "{}", report.trap());
        }
        let report = attack(Export::BuildEnv, "hold-and-trap:sleep 3600").go().await;
        assert!(report.lines()[0].starts_with("ok: launch "), "{:?}", report.lines());
        drop(report);
        until("descriptors are left", || census().0 < before.0 + OTHERS / 2).await;
    });
}

/// PR32
#[test]
fn ten_thousand_starts_are_slowed_down_and_leave_nothing() {
    let before = census();
    // So few that none is due where each takes long.
    let limits = Limits { start_rate: Rate { burst: 128, per_second: 2 }, ..Limits::default() };
    let report = attack(Export::Doctor, "storm-of-starts").limits(limits).run();
    let said: Vec<u64> = report.said().split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let [started, late, refused] = said[..] else { panic!("{}", report.said()) };
    assert!((100..=600).contains(&started) && late > 9_000 && refused == 0, "{}", report.said());
    assert_eq!(report.effects("process.output").len(), 10_000, "each is in the record");
    drop(report);
    run(until("descriptors are left", || census().0 < before.0 + OTHERS / 2));
}

#[test]
fn only_so_many_programs_of_a_run_live_at_once_and_all_end_with_it() {
    run(async {
        let report = attack(Export::BuildEnv, "launch-many:sleep 3600").go().await;
        let expected = "denied: after 64: failed: quota: 64 processes of this run live already, which is the most at once";
        assert_eq!(report.said(), expected);
    });
}
