//! Leaves processes behind.

use std::{
    fs,
    time::{Duration, Instant},
};

use worldflux::{
    engine::PluginFault,
    names::{Channel, Export},
};

use crate::lab::{attack, run, until};

/// A time to sleep for, like no other: the process is found again by it.
fn seconds() -> String {
    let mut random = [0; 4];
    getrandom::fill(&mut random).unwrap();
    format!("3600.{:010}", u32::from_ne_bytes(random))
}

/// Whether a process with this argument lives.
fn lives(argument: &str) -> bool {
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    let has = |command: Vec<u8>| command.split(|byte| *byte == 0).any(|part| part == argument.as_bytes());
    pids.into_iter().any(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(has))
}

#[test]
fn a_program_dies_with_the_call_that_waited_for_it() {
    run(async {
        let seconds = seconds();
        let attack = attack(Export::Doctor, &format!("output-with:sleep {seconds}")).within(Duration::from_secs(2));
        let attack = tokio::spawn(attack.go());
        until("it was never started", || lives(&seconds)).await;
        let report = attack.await.unwrap();
        assert!(matches!(report.fault(), PluginFault::Deadline(_)), "{:?}", report.fault());
        until("it outlives its call", || !lives(&seconds)).await;
        let effects = report.effects("process.output");
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert!(effects[0].1.is_some(), "the record says what became of it: {effects:?}");
    });
}

/// RE09
#[test]
fn a_call_that_is_given_up_ends_its_program() {
    run(async {
        let seconds = seconds();
        let attack = tokio::spawn(attack(Export::Doctor, &format!("output-with:sleep {seconds}")).go());
        until("it was never started", || lives(&seconds)).await;
        attack.abort();
        until("it outlives its call", || !lives(&seconds)).await;
    });
}

#[test]
fn a_launched_program_outlives_its_call_and_not_its_run() {
    run(async {
        let seconds = seconds();
        let patience = Duration::from_secs(3);
        let begin = Instant::now();
        let report = attack(Export::BuildEnv, &format!("launch-with:sleep {seconds}")).within(patience).go().await;
        assert!(report.said().starts_with("ok: launch "), "{}", report.said());
        until("time stands still", || begin.elapsed() > patience * 2).await;
        assert!(lives(&seconds), "it ended with the time of the export that launched it");
        drop(report);
        until("it outlives its run", || !lives(&seconds)).await;
    });
}

/// PT09
#[test]
fn what_a_faulty_start_launched_is_the_runs_to_end() {
    run(async {
        let seconds = seconds();
        let report = attack(Export::Start, &format!("launch-and-hang:sleep {seconds}")).within(Duration::from_secs(5)).go().await;
        assert!(matches!(report.fault(), PluginFault::Deadline(_)), "{:?}", report.fault());
        assert!(lives(&seconds), "the run ends it, not the call");
        report.children.end_all().await;
        until("it outlives its run", || !lives(&seconds)).await;
    });
}

#[test]
fn the_output_of_a_program_that_start_launched_is_that_of_the_command() {
    run(async {
        let report = attack(Export::Start, "launch-with:echo hello").go().await;
        until("nothing was said", || report.output.bytes(Channel::Stdout) == b"hello\n").await;
    });
}
