//! Takes time that is not its own.

use std::time::{Duration, Instant};

use worldflux::{engine::PluginFault, names::Export};

use crate::lab::{attack, is_healthy, lab, run};

const SHORT: Duration = Duration::from_millis(200);

/// RE01
#[test]
fn a_loop_without_end_is_stopped_at_the_deadline_in_every_export() {
    for export in Export::ALL {
        let report = attack(export, "hang").within(SHORT).run();
        let PluginFault::Deadline(patience) = report.fault() else { panic!("{export}: {:?}", report.fault()) };
        assert!(*patience <= SHORT, "{export}");
    }
}

/// PT06
#[test]
fn a_guest_that_sleeps_is_stopped_at_the_deadline() {
    for export in [Export::Doctor, Export::Kill, Export::Teardown] {
        let begin = Instant::now();
        let report = attack(export, "sleep:3600").within(SHORT).run();
        assert!(matches!(report.fault(), PluginFault::Deadline(_)), "{export}: {:?}", report.fault());
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_guest_that_sleeps_within_its_time_answers() {
    assert_eq!(attack(Export::Doctor, "sleep:0").run().said(), "ok: slept");
}

#[test]
fn a_healthy_plugin_answers_beside_64_that_spin() {
    run(async {
        let healthy = async || {
            let begin = Instant::now();
            tokio::spawn(is_healthy(lab())).await.unwrap();
            begin.elapsed()
        };
        healthy().await;
        let alone = healthy().await;
        let spinning: Vec<_> = (0..64).map(|_| attack(Export::Doctor, "hang").within(Duration::from_secs(3))).collect();
        let spinning: Vec<_> = spinning.into_iter().map(|attack| tokio::spawn(attack.go())).collect();
        // All of them have had their first turns by then, and count as guests that compute for long.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            slowest = slowest.max(healthy().await);
        }
        for attack in spinning {
            let report = attack.await.unwrap();
            assert!(matches!(report.fault(), PluginFault::Deadline(_)));
        }
        // A turn is a hundredth of a second, and the bound leaves room for a machine that does other things too.
        println!("alone {alone:?}, beside 64 that spin {slowest:?}");
        assert!(slowest < alone * 2 + Duration::from_secs(1), "alone {alone:?}, beside 64 that spin {slowest:?}");
    });
}
