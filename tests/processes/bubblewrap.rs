//! What the host promises about strict commands, where only bubblewrap makes namespaces.
//!
//! Needs bubblewrap 0.12 or later as `/usr/bin/bwrap`, of root. All that confines a strict command elsewhere has to confine it here: the tests are the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test says by panicking what is wrong")]
#![allow(dead_code, reason = "the kit is for the other tests as well")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    process::{self, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};
use worldflux::{names::EndKind, policy::Level, sandbox::Launcher};

use kit::{helper, launcher, mark, marked, order, quiet, run, shell, until};

mod kit;
mod strict;
mod tidy;

/// The strongest level at which the strict commands of these tests are confined.
const MOST: Level = Level::FullBwrap;

/// The parent of a process.
fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn bubblewrap_that_is_killed_takes_everything_along() {
    let (mark, folder) = (mark(), tempfile::tempdir().unwrap());
    run(async {
        let child = shell("setsid sleep 1000 & sleep 1000").strict([folder.path()]).variable("MARK", &mark).start(quiet()).await;
        until("both run", || marked(&mark).len() == 3).await;
        let bubblewrap = parent(parent(child.pid()));
        let name = fs::read_to_string(format!("/proc/{bubblewrap}/comm")).unwrap();
        assert_eq!(name, "bwrap\n");
        kill_process(Pid::from_raw(bubblewrap.cast_signed()).unwrap(), Signal::KILL).unwrap();
        until("nobody is left", || marked(&mark).is_empty()).await;
        assert_eq!(child.wait().await.ending.kind, EndKind::Lost);
    });
}

#[test]
fn neither_the_view_nor_the_variables_are_told_on_a_command_line() {
    let (mark, folder) = (mark(), tempfile::tempdir().unwrap());
    let granted = folder.path().join(&mark);
    fs::create_dir(&granted).unwrap();
    run(async {
        let child = order(["sleep", "1000"]).strict([&granted]).variable("SECRET", &mark).start(quiet()).await;
        assert_eq!(marked(&mark).len(), 1, "the command alone has the variable");
        let told: Vec<_> =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok()).collect();
        assert!(told.iter().any(|words| words.starts_with(b"/usr/bin/bwrap\0--args\0")));
        assert!(!told.iter().any(|words| words.windows(mark.len()).any(|window| window == mark.as_bytes())));
        child.kill();
        child.wait().await;
    });
}

#[test]
fn the_program_that_starts_the_command_is_not_in_the_view() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(shell("tr '\\0' ' ' < /proc/1/cmdline; find / -xdev -iname '*worldflux*'; ls -A /tmp /dev/shm")
        .strict([folder.path()])
        .output(|_| ()))
    .stdout();
    assert!(said.starts_with("worldflux __child-") && said.contains(" within "), "{said}");
    assert_eq!(said.matches("worldflux").count(), 1, "{said}");
}

/// Tells the copy of this program that it may make no namespaces.
const REFUSED: &str = "WORLDFLUX_TEST_REFUSED";

#[test]
fn where_own_namespaces_are_refused_bubblewrap_is_chosen_and_is_as_good() {
    if env::var_os(REFUSED).is_some() {
        refuse_own_namespaces();
        let launcher = Launcher::with_helper(helper());
        let proof = launcher.proof();
        assert_eq!(proof.level, Level::FullBwrap, "{proof:#?}");
        assert!(proof.why.starts_with("`full`: cannot make namespaces: "), "{}", proof.why);
        let folder = tempfile::tempdir().unwrap();
        let needs_full = order(["true"]).strict([folder.path()]);
        let child = run(launcher.start(needs_full.permit(), quiet())).unwrap();
        assert_eq!((child.level(), run(child.wait()).ending.kind), (Level::FullBwrap, EndKind::Exited { code: 0 }));
        return;
    }
    let output = process::Command::new(env::current_exe().unwrap())
        .args(["where_own_namespaces_are_refused_bubblewrap_is_chosen_and_is_as_good", "--exact", "--nocapture"])
        .env(REFUSED, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// Stands for the rule of a system that lets bubblewrap alone make namespaces: what this program asks for is refused to it and all that it
/// starts. Bubblewrap asks in other words.
fn refuse_own_namespaces() {
    let both = u64::from((libc::CLONE_NEWUSER | libc::CLONE_NEWNS).cast_unsigned());
    let asks = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(both), both).unwrap();
    let rules = [(libc::SYS_unshare, vec![SeccompRule::new(vec![asks]).unwrap()])].into();
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, env::consts::ARCH.try_into().unwrap()).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// Tells the copy of this program that something else is in the place of bubblewrap.
const INSIDE: &str = "WORLDFLUX_TEST_OTHER_BUBBLEWRAP";

#[test]
fn a_bubblewrap_that_is_old_or_that_others_can_write_is_not_used_and_the_reason_is_said() {
    if let Some(expected) = env::var_os(INSIDE) {
        let proof = launcher().proof();
        assert_eq!(proof.level, Level::KernelFilter, "{proof:#?}");
        assert!(proof.why.contains(expected.to_str().unwrap()) && proof.fix.contains("install bubblewrap 0.12"), "{proof:#?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (version, mode, expected) in
        [("0.11.2", 0o755, "is too old: 0.12 is needed, and it is `bubblewrap 0.11.2`"), ("0.12.0", 0o775, "root alone can write")]
    {
        let other = folder.path().join("bwrap");
        fs::write(&other, format!("#!/bin/sh\necho bubblewrap {version}\n")).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(mode)).unwrap();
        let output = process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /usr/bin/bwrap && exec \"$@\""])
            .args([&other, &env::current_exe().unwrap()])
            .args(["a_bubblewrap_that_is_old_or_that_others_can_write_is_not_used_and_the_reason_is_said", "--exact", "--nocapture"])
            .env(INSIDE, expected)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
}
