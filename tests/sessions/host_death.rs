//! A program that is killed while its sessions are open.

use std::{fs, process::Command};

use rustix::process::{Pid, Signal, kill_process};
use worldflux::{run::Host, store::RunStatus};

use crate::kit::{Place, fresh, lives, sh, until};

/// Set for the program that is killed: where its user is.
const PLACE: &str = "WORLDFLUX_TEST_SESSIONS_AT";

const SESSIONS: usize = 20;

/// F201, F241
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_leaves_nothing_running_and_what_lies_there_is_reaped() {
    if let Some(path) = std::env::var_os(PLACE) {
        return be_killed(Place::at(path.into())).await;
    }
    let place = Place::new();
    let name = "host_death::a_program_that_is_killed_leaves_nothing_running_and_what_lies_there_is_reaped";
    let mut program = Command::new(std::env::current_exe().unwrap()).args([name, "--exact"]).env(PLACE, place.path()).spawn().unwrap();
    let file = |number: usize| place.path().join(format!("pid-{number}"));
    until("all sessions are open", || (0..SESSIONS).all(|number| file(number).exists())).await;
    let pids: Vec<_> = (0..SESSIONS).map(|number| fs::read_to_string(file(number)).unwrap()).collect();
    assert!(pids.iter().all(|pid| lives(pid)));
    kill_process(Pid::from_child(&program), Signal::KILL).unwrap();
    program.wait().unwrap();
    until("no process survives", || pids.iter().all(|pid| !lives(pid))).await;
    place.write("precious.txt", "mine");
    let host = place.host();
    let rows = host.state().runs(&worldflux::store::RunFilter::default(), 100).unwrap();
    assert_eq!(rows.len(), SESSIONS);
    let reaped = host.reap().await.unwrap();
    assert!(reaped.problems.is_empty(), "{reaped:?}");
    assert_eq!((reaped.runs.len(), reaped.released.len()), (SESSIONS, SESSIONS));
    for (run, status) in reaped.runs {
        assert_eq!(status, RunStatus::Interrupted);
        let layout = host.state().layout();
        assert!(!layout.workspace_of(&run).exists() && !layout.archives_of(&run).exists(), "{run}");
    }
    assert!(host.state().environments().unwrap().is_empty());
    assert!(place.project().join("precious.txt").exists(), "nothing else is touched");
    assert_eq!(host.reap().await.unwrap().runs, []);
}

async fn be_killed(place: Place) {
    let host: std::sync::Arc<Host> = place.host();
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let session = host.open_session(place.settings(), fresh()).await.unwrap();
        let file = place.path().join(format!("pid-{number}"));
        let script = format!("touch left; setsid sh -c 'echo $$ > {0}.part; mv {0}.part {0}; sleep 600' & wait", file.display());
        session.start(sh(&script)).await.unwrap();
        sessions.push(session);
    }
    std::future::pending::<()>().await;
}
