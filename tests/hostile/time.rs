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

/// How much slower another plugin may become, as the middle of many answers. Its share of a machine with two processors is a half, and it
/// begins in the middle of a turn of somebody else.
const CEILING: u32 = 8;

/// How long a healthy plugin takes to start a program and to hear its end: the middle of many times.
async fn usual() -> Duration {
    let mut times = Vec::new();
    for _ in 0..25 {
        let begin = Instant::now();
        let report = tokio::spawn(attack(Export::Doctor, "output:true").go()).await.unwrap();
        times.push(begin.elapsed());
        assert_eq!(report.said(), "ok: output of true");
    }
    times.sort();
    times[times.len() / 2]
}

/// RE01
#[test]
fn a_healthy_plugin_answers_beside_64_that_spin() {
    run(async {
        tokio::spawn(is_healthy(lab())).await.unwrap();
        let alone = usual().await;
        let spinning: Vec<_> = (0..64).map(|_| attack(Export::Doctor, "hang").within(Duration::from_secs(5))).collect();
        let spinning: Vec<_> = spinning.into_iter().map(|attack| tokio::spawn(attack.go())).collect();
        // All of them have had their first turns by then, and count as guests that compute for long.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let beside = usual().await;
        for attack in spinning {
            let report = attack.await.unwrap();
            assert!(matches!(report.fault(), PluginFault::Deadline(_)));
        }
        println!("alone {alone:?}, beside 64 that spin {beside:?}");
        assert!(beside < alone * CEILING, "alone {alone:?}, beside 64 that spin {beside:?}");
    });
}

#[test]
fn a_plugin_that_waits_inside_an_import_holds_nobody_up() {
    run(async {
        tokio::spawn(is_healthy(lab())).await.unwrap();
        let alone = usual().await;
        // More than there are threads of any kind, each in an import that does not come back.
        let waiting: Vec<_> = ["output-with:sleep 3600", "endless-wait", "sleep:3600"].into_iter().cycle().take(48).collect();
        let waiting: Vec<_> = waiting.into_iter().map(|behaviour| tokio::spawn(attack(Export::Doctor, behaviour).go())).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let beside = usual().await;
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        println!("alone {alone:?}, beside 48 that wait {beside:?}");
        assert!(beside < alone * CEILING, "alone {alone:?}, beside 48 that wait {beside:?}");
    });
}
