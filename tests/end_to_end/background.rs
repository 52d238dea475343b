//! Runs that go on by themselves, side by side, or not at all.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::kit::{Place, answer, mark, marked, run_line, text, until};

#[test]
fn a_detached_run_gives_its_id_at_once_and_finishes_by_itself() {
    let place = Place::new();
    let said = place.run(&["--detach"], "echo begun; until [ -e go ]; do sleep 0.02; done; echo done").expect(0);
    let run = said.text().trim_end().to_owned();
    assert_eq!(said.text().lines().count(), 1, "{}", said.text());
    until("the command runs", || {
        std::fs::read(place.output(&run).join("logs").join(format!("{run}.log"))).is_ok_and(|log| log == b"begun\n")
    });
    assert_eq!(place.runs()[0]["status"], "running");
    place.write("go", "");
    until("the run is over", || place.runs()[0]["status"] == "succeeded");
    assert_eq!(place.log(&run), b"begun\ndone\n");
    assert_eq!(text(&place.manifest(&run), "/run_id"), run);
}

#[test]
fn a_detached_run_that_cannot_begin_says_why() {
    let place = Place::new();
    let blocked = place.write("file", "not a folder");
    let line = ["run", "--detach", "--output", blocked.join("below").to_str().unwrap(), "--", "true"].map(str::to_owned);
    let answer = place.type_in(line).expect(2);
    assert!(answer.stderr.contains("file/below"), "{}", answer.stderr);
    assert_eq!(answer.text(), "");
    assert!(place.runs().is_empty());
}

#[test]
fn a_dry_run_starts_nothing() {
    let place = Place::new();
    let mark = mark();
    let line = run_line(&["--dry-run", "--setup", "touch setup"], "touch command");
    let said = answer(place.command(line).env("MARK", &mark)).expect(0);
    assert!(said.text().contains("would run: sh -c touch command\n"), "{}", said.text());
    assert!(said.text().contains("price in all: $0.00\n"), "{}", said.text());
    let plan = place.run(&["--dry-run", "--json"], "touch command").expect(0).json();
    assert_eq!((&plan["runtime"], &plan["price_in_all_usd"]), (&"local".into(), &Value::from(0.0)));
    assert!(place.runs().is_empty());
    assert_eq!(std::fs::read_dir(place.work()).unwrap().count(), 0);
    assert!(marked(&mark, &[]).is_empty());
}

#[test]
fn many_hosts_share_one_state_directory() {
    let place = Place::new();
    thread::scope(|scope| {
        for number in 0..8 {
            let place = &place;
            scope.spawn(move || {
                let run = format!("side-{number}");
                let answer = place.run(&["--run-id", &run], &format!("echo {number}; sleep 0.2; echo {number}")).expect(0);
                assert_eq!(answer.text(), format!("{number}\n{number}\n"));
            });
        }
    });
    let rows = place.runs();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["status"] == "succeeded"));
}

#[test]
fn two_runs_with_one_id_do_not_both_begin() {
    let place = Place::new();
    let answers: Vec<_> = thread::scope(|scope| {
        let both = [(), ()].map(|()| scope.spawn(|| place.run(&["--run-id", "same"], "echo x >> count; sleep 0.1")));
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut codes: Vec<_> = answers.iter().map(|answer| answer.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)], "{answers:#?}");
    assert_eq!(std::fs::read_to_string(place.work().join("count")).unwrap(), "x\n");
    assert!(answers.iter().any(|answer| answer.stderr.contains("`same`")), "{answers:#?}");
    assert!(answers.iter().all(|answer| answer.took < Duration::from_secs(20)));
}

#[test]
fn a_detached_run_can_be_followed_and_killed() {
    let place = Place::new();
    let mark = mark();
    let line = run_line(&["--detach", "--json"], "echo begun; exec sleep 1000");
    let run = text(&answer(place.command(line).env("MARK", &mark)).expect(0).json(), "/run_id").to_owned();
    let mut follower = crate::kit::Going::start(&mut place.command(["logs", "-f", &run]));
    assert_eq!(follower.line(), "begun\n");
    place.type_in(["kill", &run]).expect(0);
    follower.end().expect(0);
    assert_eq!(place.runs()[0]["status"], "cancelled");
    until("nothing is left", || marked(&mark, &[]).is_empty());
}
