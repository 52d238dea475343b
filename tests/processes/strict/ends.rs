//! Everything ends with the command, however it tries not to.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use worldflux::{names::EndKind, sandbox::StartOptions};

use super::world::world;
use crate::kit::{Events, mark, marked, quiet, run, shell, until};

/// Leaves a process in a session of its own that hears no signal, and holds the output open.
const DAEMON: &str = "
for number in [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]:
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
";

/// PR19, PR20
#[test]
fn a_daemon_does_not_outlive_the_command_and_does_not_hold_up_its_end() {
    let (world, mark) = (world(), mark());
    let output = run(world.python(&format!("{DAEMON}os.wait(); print('done')")).variable("MARK", &mark).output(|_| ()));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("done\n", EndKind::Exited { code: 0 }));
    assert!(output.took < Duration::from_secs(10), "{:?}", output.took);
    assert_eq!(marked(&mark), Vec::<String>::new());
}

#[test]
fn a_dropped_child_takes_everything_along() {
    let (world, mark) = (world(), mark());
    run(async {
        let events = Arc::new(Events::default());
        let script = format!("{DAEMON}print('runs', flush=True); time.sleep(1000)");
        let child = world.python(&script).variable("MARK", &mark).start(StartOptions::new(events.clone())).await;
        until("it runs", || events.text() == "runs\n" && marked(&mark).len() == 2).await;
        drop(child);
        until("nobody is left", || marked(&mark).is_empty()).await;
    });
}

/// PR24
#[test]
fn a_command_that_blocks_every_signal_is_ended_after_the_grace() {
    let world = world();
    run(async {
        let events = Arc::new(Events::default());
        let script = "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); print('blocked', flush=True); time.sleep(1000)";
        let options = StartOptions { grace: Duration::from_millis(50), ..StartOptions::new(events.clone()) };
        let child = world.python(script).start(options).await;
        until("it blocks", || events.text() == "blocked\n").await;
        child.stop();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}

#[test]
fn a_stop_reaches_every_process_inside_and_a_command_that_ends_by_itself_says_so() {
    let world = world();
    run(async {
        let events = Arc::new(Events::default());
        let script = "trap 'echo command; wait; exit 3' TERM; sh -c 'trap \"echo daemon; exit\" TERM; echo ready; while :; do sleep 0.01; done' & wait";
        let child = shell(script).strict([&world.work]).start(StartOptions::new(events.clone())).await;
        until("both run", || events.text() == "ready\n").await;
        child.stop();
        let exit = child.wait().await;
        assert_eq!(exit.ending.kind, EndKind::Killed);
        assert!(exit.ending.evidence.ends_with("exit code 3"), "{}", exit.ending.evidence);
        assert!(events.text().contains("command\n") && events.text().contains("daemon\n"), "{}", events.text());
    });
}

#[test]
fn a_deadline_bounds_the_time() {
    let world = world();
    let output = run(shell("trap '' TERM; while :; do :; done").strict([&world.work]).output(|options| {
        options.deadline = Some(Duration::from_millis(200));
    }));
    assert_eq!(output.exit.ending.kind, EndKind::TimedOut);
    assert!(output.exit.duration < Duration::from_secs(5), "{:?}", output.exit.duration);
}

/// PR28
#[test]
fn a_supervisor_that_is_killed_takes_the_command_along() {
    let (world, mark) = (world(), mark());
    run(async {
        let child = world.python(&format!("{DAEMON}time.sleep(1000)")).variable("MARK", &mark).start(quiet()).await;
        until("both run", || marked(&mark).len() == 2).await;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid())).unwrap();
        let supervisor: i32 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(supervisor).unwrap(), rustix::process::Signal::KILL).unwrap();
        until("nobody is left", || marked(&mark).is_empty()).await;
        assert_eq!(child.wait().await.ending.kind, EndKind::Lost);
    });
}

/// Tells the copy of this program that it is the host, and which mark its command carries.
const HOST: &str = "WORLDFLUX_TEST_STRICT_HOST";

/// PR28
#[test]
fn a_host_that_is_killed_takes_everything_along() {
    if let Ok(mark) = env::var(HOST) {
        be_the_host(&mark);
    }
    let mark = mark();
    let mut host = Command::new(env::current_exe().unwrap())
        .args(["strict::ends::a_host_that_is_killed_takes_everything_along", "--exact", "--nocapture"])
        .env(HOST, &mark)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("both run")));
    host.kill().unwrap();
    host.wait().unwrap();
    run(until("nobody is left", || marked(&mark).is_empty()));
}

fn be_the_host(mark: &str) -> ! {
    let world = world();
    run(async {
        let _child = world.python(&format!("{DAEMON}time.sleep(1000)")).variable("MARK", mark).start(quiet()).await;
        until("both run", || marked(&format!("MARK={mark}")).len() == 2).await;
        println!("both run");
        loop {
            std::thread::park();
        }
    })
}
