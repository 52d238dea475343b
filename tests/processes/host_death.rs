//! When the host is killed, the tree dies with it.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::kit::{mark, marked, python, quiet, run, until};

/// Tells the copy of this program that it is the host, and which mark its command carries.
const HOST: &str = "WORLDFLUX_TEST_HOST";

const NAME: &str = "host_death::a_host_that_is_killed_takes_its_trees_along";

#[test]
fn a_host_that_is_killed_takes_its_trees_along() {
    if let Ok(mark) = env::var(HOST) {
        be_the_host(&mark);
    }
    let mark = mark();
    let mut host = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(HOST, &mark)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("both run")));
    // Per command the first process and the daemon; the supervisors have no environment.
    assert_eq!(marked(&format!("MARK={mark}")).len(), 4);
    host.kill().unwrap();
    host.wait().unwrap();
    run(until("nobody is left", || marked(&mark).is_empty()));
}

fn be_the_host(mark: &str) -> ! {
    let script = "
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
time.sleep(1000)
";
    run(async {
        let order = || python(script).variable("MARK", mark);
        let _children = (order().start(quiet()).await, order().start(quiet()).await);
        until("the daemons run", || marked(&format!("MARK={mark}")).len() == 4).await;
        println!("both run");
        loop {
            std::thread::park();
        }
    })
}
