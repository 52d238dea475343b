//! The start: exactly what was permitted, or an error that says why not.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, os::unix::fs::PermissionsExt, path::PathBuf};

use worldflux::{
    names::EndKind,
    sandbox::{Launcher, SpawnError},
};

use crate::kit::{Order, order, python, quiet, run, shell};

fn refusal(order: Order) -> SpawnError {
    run(order.try_start(quiet())).unwrap_err()
}

#[test]
fn the_environment_is_exactly_what_was_given() {
    let mut order = order(["/usr/bin/env", "-0"]);
    order.variables.clear();
    assert_eq!(run(order.clone().output(|_| ())).stdout(), "");
    let odd = (OsString::from_vec(b"odd \xc3\xa9\n".to_vec()), OsString::from("a=b\n"));
    order.variables.insert(odd.0, odd.1);
    order.variables.insert("EMPTY".into(), "".into());
    assert_eq!(run(order.output(|_| ())).stdout(), "EMPTY=\0odd é\n=a=b\n\0");
}

#[test]
fn the_arguments_are_exactly_what_was_given() {
    let mut order = order(["printf", "[%s]", "", " ", "-n", "a\nb", "*", "$HOME", "é"]);
    order.argv.push(OsString::from_vec(vec![0xff, 0xfe]));
    let output = run(order.output(|_| ()));
    assert_eq!(output.bytes(worldflux::names::Channel::Stdout), b"[][ ][-n][a\nb][*][$HOME][\xc3\xa9][\xff\xfe]");
}

#[test]
fn the_name_of_the_program_is_passed_on_as_it_was_given() {
    assert_eq!(run(order(["sh", "-c", "echo $0"]).output(|_| ())).stdout(), "sh\n");
}

#[test]
fn a_command_runs_in_its_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let mut order = order(["pwd", "-P"]);
    order.working_directory = folder.path().into();
    assert_eq!(run(order.output(|_| ())).stdout(), format!("{}\n", folder.path().canonicalize().unwrap().display()));
}

#[test]
fn a_command_sees_three_descriptors_and_no_more() {
    // One that the host itself inherited, without the flag that would close it.
    let folder = tempfile::tempfile().unwrap();
    rustix::io::fcntl_setfd(&folder, rustix::io::FdFlags::empty()).unwrap();
    let script = "
import os
print([fd for fd in range(1024) if os.path.exists('/proc/self/fd/%d' % fd)])
";
    assert_eq!(run(python(script).output(|_| ())).stdout(), "[0, 1, 2]\n");
}

#[test]
fn a_command_has_no_terminal_and_writes_no_core_file() {
    let script = "
import os, resource
print(resource.getrlimit(resource.RLIMIT_CORE), os.getpgrp() == os.getpid())
try:
    print(os.open('/dev/tty', os.O_RDWR))
except OSError as error:
    print(error.errno)
";
    assert_eq!(run(python(script).output(|_| ())).stdout(), "(0, 0) True\n6\n");
}

#[test]
fn the_supervisor_tells_nobody_what_it_starts() {
    let order = shell("cat /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline").variable("TOKEN", "hunter2");
    let shown = run(order.output(|_| ())).stdout();
    let argument = shown.rsplit_once("worldflux __child-").map(|(_, rest)| rest.trim_end());
    assert!(argument.is_some_and(|build| build.len() == 12 && build.bytes().all(|byte| byte.is_ascii_hexdigit())), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("PATH"), "{shown}");
}

#[test]
fn a_program_is_looked_up_in_the_path_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    for (name, mode) in [("first/tool", 0o644), ("second/tool", 0o755), ("third/tool", 0o755)] {
        let file = folder.path().join(name);
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        std::fs::write(&file, format!("#!/bin/sh\necho {name}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut order = order(["tool"]);
    order.working_directory = folder.path().into();
    for (path, expected) in [("/nowhere:first:second:third", "second/tool\n"), ("third:second", "third/tool\n")] {
        order.variables.insert("PATH".into(), path.into());
        assert_eq!(run(order.clone().output(|_| ())).stdout(), expected);
    }
    order.working_directory = folder.path().join("third");
    order.variables.insert("PATH".into(), "/nowhere:".into());
    assert_eq!(run(order.clone().output(|_| ())).stdout(), "third/tool\n", "an empty entry is the working directory");

    order.working_directory = folder.path().into();
    order.variables.insert("PATH".into(), "first".into());
    let error = refusal(order);
    assert!(matches!(&error, SpawnError::NotExecutable { file } if file.as_path() == "first/tool"), "{error}");
}

#[test]
fn a_missing_program_is_named_with_the_path() {
    let error = refusal(order(["no-such-program"]));
    assert_eq!(error.to_string(), "program `no-such-program` was not found in PATH `/usr/local/bin:/usr/bin:/bin`");
    assert!(error.hint().is_some());
    assert_eq!(refusal(order(["./no/such"])).to_string(), "program `./no/such` was not found");
    assert_eq!(refusal(order([""])).to_string(), "program `` was not found in PATH `/usr/local/bin:/usr/bin:/bin`");
    let mut without_path = order(["no-such-program"]);
    without_path.variables.clear();
    assert_eq!(refusal(without_path).to_string(), "program `no-such-program` was not found in PATH `/bin:/usr/bin`");
}

#[test]
fn what_cannot_be_executed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    std::fs::write(&file, "echo never\n").unwrap();
    assert!(matches!(refusal(order([&file])), SpawnError::NotExecutable { .. }));
    assert!(matches!(refusal(order([folder.path()])), SpawnError::NotExecutable { .. }));

    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = refusal(order([&file]));
    assert!(matches!(&error, SpawnError::Execute { .. }), "{error}");
    assert!(error.hint().unwrap().contains("interpreter"));
}

#[test]
fn a_working_directory_that_cannot_be_entered_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for directory in [PathBuf::from("/no/such/directory"), file.path().into()] {
        let mut order = order(["true"]);
        order.working_directory = directory.clone();
        let error = refusal(order);
        assert!(matches!(&error, SpawnError::WorkingDirectory { directory: named, .. } if *named == directory), "{error}");
    }
}

#[test]
fn values_that_no_process_can_have_are_refused_before_anything_starts() {
    let mut name_with_equals = order(["true"]);
    name_with_equals.variables.insert("A=B".into(), "".into());
    let mut directory_with_nul = order(["true"]);
    directory_with_nul.working_directory = "/a\0b".into();
    for order in [
        order(["true", "a\0b"]),
        order(Vec::<OsString>::new()),
        order(["true"]).variable("", "x"),
        order(["true"]).variable("A", "x\0"),
        order(["true"]).variable("A\0", "x"),
        name_with_equals,
        directory_with_nul,
    ] {
        let error = refusal(order);
        assert!(matches!(error, SpawnError::Invalid { .. }), "{error}");
    }
}

#[test]
fn arguments_that_are_too_long_are_said_to_be_so() {
    let error = refusal(order(["true".to_owned(), "x".repeat(4 << 20)]));
    assert!(matches!(error, SpawnError::TooLong { .. }), "{error}");
}

#[test]
fn a_large_environment_arrives_whole() {
    let mut order = shell("echo ${#V0} ${#V9}");
    for i in 0..10 {
        order = order.variable(&format!("V{i}"), &"v".repeat(100_000 + i));
    }
    assert_eq!(run(order.output(|_| ())).stdout(), "100000 100009\n");
}

#[test]
fn a_helper_that_is_no_supervisor_is_noticed() {
    for helper in ["/bin/true", "/no/such/helper"] {
        let launcher = Launcher::with_helper(helper.into());
        let error = run(launcher.start(order(["true"]).permit(), quiet())).unwrap_err();
        assert!(matches!(error, SpawnError::Supervisor { .. }), "{error}");
    }
}

#[test]
fn exit_codes_and_signals_arrive_as_they_were() {
    run(async {
        for code in [0, 1, 2, 77, 255] {
            let exit = shell(&format!("exit {code}")).output(|_| ()).await.exit;
            assert_eq!((exit.ending.kind, exit.ending.evidence.as_str()), (EndKind::Exited { code }, "wait status"));
        }
        // Not SIGHUP or SIGINT: whoever started the tests may have had them ignored, and so would the command.
        for signal in [6, 9, 10, 11, 15] {
            let exit = shell(&format!("kill -{signal} $$")).output(|_| ()).await.exit;
            assert_eq!(exit.ending.kind, EndKind::Signalled { signal });
        }
    });
}

#[test]
fn a_signal_that_the_host_ignores_is_not_ignored_by_the_command() {
    let output = run(shell("kill -PIPE $$").output(|_| ()));
    assert_eq!(output.exit.ending.kind, EndKind::Signalled { signal: 13 });
}

#[test]
fn exit_codes_arrive_also_where_the_host_was_started_with_the_ends_of_children_ignored() {
    const HOST: &str = "WORLDFLUX_TEST_IGNORES_CHILDREN";
    const NAME: &str = "start::exit_codes_arrive_also_where_the_host_was_started_with_the_ends_of_children_ignored";
    if std::env::var_os(HOST).is_some() {
        let exit = run(shell("(exit 3); exit $(($? + 1))").output(|_| ())).exit;
        assert_eq!(exit.ending.kind, EndKind::Exited { code: 4 });
        return;
    }
    let script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let status = std::process::Command::new("python3")
        .args(["-S", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact"])
        .env(HOST, "1")
        .status()
        .unwrap();
    assert!(status.success());
}
