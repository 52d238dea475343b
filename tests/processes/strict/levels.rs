//! The level is what was proven, and nothing starts below the one that is needed.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use worldflux::{
    names::{Bytes, EndKind},
    policy::{self, ChildNetwork, Level},
    sandbox::{Launcher, Outcome, SpawnError},
};

use crate::kit::{Order, helper, launcher, order, quiet, run, shell};

const NOTHING: [&Path; 0] = [];

/// Tells the copy of this program where it runs.
const INSIDE: &str = "WORLDFLUX_TEST_WITHOUT_NAMESPACES";

#[test]
fn every_attack_failed_at_the_level_that_is_claimed_and_everything_granted_worked() {
    let proof = launcher().proof();
    assert_eq!((proof.level, proof.why.as_str()), (crate::MOST, ""), "{proof:#?}");
    assert!(proof.canaries.iter().all(|canary| canary.was == canary.must), "{:#?}", proof.canaries);
    let tried = |must| proof.canaries.iter().filter(|canary| canary.must == must).count();
    assert!(tried(Outcome::Allowed) >= 4 && tried(Outcome::Blocked) >= 25);
}

#[test]
fn a_child_says_at_which_level_it_runs() {
    run(async {
        assert_eq!(order(["true"]).start(quiet()).await.level(), Level::None);
        assert_eq!(order(["true"]).strict(NOTHING).start(quiet()).await.level(), launcher().proof().level);
    });
}

#[test]
fn a_proof_is_remembered_where_only_its_user_can_have_written_it() {
    let folder = tempfile::tempdir().unwrap();
    let proof = Launcher::with_helper(helper()).remembering(folder.path().into()).proof();
    let file = folder.path().join("sandbox-proof.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the bait is gone");

    // Another text in the file shows where the next answer comes from.
    let text = fs::read_to_string(&file).unwrap().replace("read a file that is not granted", "remembered");
    fs::write(&file, &text).unwrap();
    let is_remembered = || {
        let proof = Launcher::with_helper(helper()).remembering(folder.path().into()).proof();
        proof.canaries.iter().any(|canary| canary.tried == "remembered")
    };
    assert!(is_remembered());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o622)).unwrap();
    assert!(!is_remembered(), "somebody else could have written it");
    assert_eq!(*Launcher::with_helper(helper()).remembering(folder.path().into()).proof(), *proof, "what was found out since is kept");

    fs::write(&file, text.replace(env!("CARGO_PKG_VERSION"), "x").replace("\"of\": \"", "\"of\": \"other ")).unwrap();
    assert!(!is_remembered(), "it is of another machine");
}

#[test]
fn without_user_namespaces_the_level_is_lower_and_what_needs_more_is_refused_with_the_reason() {
    if env::var_os(INSIDE).is_some() {
        return without_namespaces();
    }
    // A user namespace in which no other can be made: the refusal is the kernel's own.
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args(["strict::levels::without_user_namespaces_the_level_is_lower_and_what_needs_more_is_refused_with_the_reason", "--exact"])
        .args(["--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

fn without_namespaces() {
    let proof = launcher().proof();
    assert_eq!(proof.level, Level::KernelFilter, "{proof:#?}");
    assert!(proof.why.contains("cannot make namespaces") || crate::MOST < Level::Full, "{proof:#?}");
    assert!(proof.why.contains("`full-bwrap`: "), "{proof:#?}");
    assert!(proof.fix.contains("max_user_namespaces") && proof.fix.contains("bubblewrap"), "{proof:#?}");
    assert!(proof.canaries.iter().all(|canary| canary.was == canary.must), "{:#?}", proof.canaries);

    let error = run(order(["true"]).strict(NOTHING).try_start(quiet())).unwrap_err();
    let SpawnError::SandboxUnavailable { needed: Level::Full, have: Level::KernelFilter, why, .. } = &error else { panic!("{error}") };
    assert_eq!((why, error.hint().as_ref()), (&proof.why, Some(&proof.fix)));

    let folder = tempfile::tempdir().unwrap();
    let mut order = shell("echo x > made && cat made").strict([folder.path()]);
    order.working_directory = folder.path().into();
    order.least = Level::KernelFilter;
    run(async {
        let child = order.clone().start(quiet()).await;
        assert_eq!(child.level(), Level::KernelFilter);
        assert_eq!(order.clone().output(|_| ()).await.stdout(), "x\n");
    });

    for network in [ChildNetwork::Hosts(["example.test".parse().unwrap()].into()), ChildNetwork::Machine] {
        let error = run(Order { network, ..order.clone() }.try_start(quiet())).unwrap_err();
        assert!(matches!(&error, SpawnError::NoNetwork { have: Level::KernelFilter, .. }), "{error}");
        assert_eq!(error.hint().as_ref(), Some(&proof.fix));
    }
}

#[test]
fn no_level_is_claimed_above_the_one_that_is_asked_for() {
    for most in [Level::KernelFilter, Level::None] {
        let proof = Launcher::with_helper(helper()).at_most(most).proof();
        assert_eq!(proof.level, most, "{proof:#?}");
    }
}

#[test]
fn a_machine_where_nothing_can_be_tried_has_no_level() {
    let launcher = Launcher::with_helper("/bin/true".into());
    let proof = launcher.proof();
    assert_eq!(proof.level, Level::None);
    assert!(!proof.why.is_empty() && !proof.fix.is_empty());
    let error = run(launcher.start(order(["true"]).strict(NOTHING).permit(), quiet())).unwrap_err();
    assert!(matches!(&error, SpawnError::SandboxUnavailable { have: Level::None, .. }), "{error}");
}

#[test]
fn a_part_of_this_program_that_needs_no_sandbox_runs_in_the_best_there_is() {
    run(async {
        let permit = policy::compiler(Path::new("/usr/bin/true"), &[], Bytes::gibi(1));
        let child = launcher().start(permit, quiet()).await.unwrap();
        assert_eq!(child.level(), launcher().proof().level);
        assert_eq!(child.wait().await.ending.kind, EndKind::Exited { code: 0 });
        let nothing_proven = Launcher::with_helper("/bin/true".into());
        let permit = policy::compiler(Path::new("/usr/bin/true"), &[], Bytes::gibi(1));
        let error = nothing_proven.start(permit, quiet()).await.unwrap_err();
        assert!(matches!(error, SpawnError::Supervisor { .. }), "not refused for the sandbox, but for the helper: {error}");
    });
}
