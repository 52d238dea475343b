//! Starts what was not granted, and changes what was.

use worldflux::{names::Export, policy::Folder, store::Body};

use crate::lab::attack;

const NOTHING: &str = "";

/// PR01
#[test]
fn a_program_that_is_not_asked_for_is_denied_whatever_is_granted() {
    for name in ["sh", "python3", "TRUE", "true ", "-true"] {
        let report = attack(Export::Doctor, &format!("output:{name}")).granted("programs = ['true', 'sh', 'python3']").run();
        assert!(report.said().ends_with("its plugin.toml does not ask for it; "), "{name}: {}", report.said());
        assert_eq!(report.denials()[0].0, "process.output", "{name}");
        assert!(report.effects("process.output").is_empty(), "{name}");
    }
}

/// PR01
#[test]
fn a_program_without_a_grant_is_denied_with_the_line_that_grants_it() {
    let report = attack(Export::Doctor, "output:true").granted(NOTHING).run();
    let expected = "denied: start program `true`; it is not granted; worldflux plugin grant rogue --program true";
    assert_eq!(report.said(), expected);
    assert_eq!(report.denials(), [("process.output".to_owned(), "it is not granted".to_owned())]);
}

#[test]
fn a_granted_program_runs_only_in_the_exports_it_was_asked_for() {
    assert_eq!(attack(Export::Doctor, "output:true").run().said(), "ok: output of true");
    for export in [Export::Describe, Export::Plan, Export::Poll, Export::Collect, Export::Teardown] {
        let report = attack(export, "output:true").run();
        let expected = format!("denied: start program `true`; its plugin.toml asks for it, but not during `{export}`; ");
        assert_eq!(report.said(), expected);
    }
}

/// PR02
#[test]
fn a_program_by_path_is_only_one_below_the_environment() {
    for path in ["/bin/true", "./true", "../../bin/true", "/workspace/true", "/env/../bin/true", "/env", "/env/"] {
        let report = attack(Export::Doctor, &format!("output:{path}")).run();
        assert!(report.said().starts_with("failed: invalid: program is "), "{path}: {}", report.said());
        assert!(is_written_down(&report, "process.output"), "{path}");
    }
}

/// PR11
#[test]
fn variables_that_load_code_cannot_be_set_for_any_program() {
    for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "PYTHONPATH", "GIT_SSH_COMMAND", "PATH", "NODE_OPTIONS", "BASH_FUNC_x%%"] {
        for (export, behaviour) in [(Export::Doctor, "output-variable"), (Export::Start, "command-variable")] {
            let report = attack(export, &format!("{behaviour}:{name}")).run();
            let expected = format!("denied: set variable `{name}`; it can make a program run other code; ");
            assert!(report.lines().contains(&expected), "{export} {name}: {:?}", report.lines());
            assert!(!report.denials().is_empty(), "{export} {name}");
        }
    }
}

#[test]
fn a_working_directory_outside_is_no_working_directory() {
    for folder in ["/", "/etc", "/workspace/..", "/workspace/../..", "../..", "/workspace/link", "/workspace/none", "/workspace/a%00b"] {
        let attack = attack(Export::Doctor, &format!("output-folder:{folder}"));
        std::os::unix::fs::symlink("/etc", attack.folder(Folder::Workspace).join("link")).unwrap();
        let report = attack.run();
        assert!(report.said().starts_with("failed: invalid: working-directory is "), "{folder}: {}", report.said());
        assert!(is_written_down(&report, "process.output"), "{folder}");
    }
    for folder in ["/env", "/workspace-evil", "/etc", "/workspace/../etc"] {
        let report = attack(Export::Start, &format!("command-folder:{folder}")).run();
        assert!(report.lines()[0].starts_with("failed: invalid: working-directory is "), "{folder}: {:?}", report.lines());
        assert!(is_written_down(&report, "process.launch-command"), "{folder}");
    }
}

/// PR02
#[test]
fn only_folders_of_the_environment_come_in_front_of_path() {
    for folder in ["/workspace", "/environment", "/env/../workspace", "/tmp", ""] {
        let report = attack(Export::Start, &format!("command-path:{folder}")).run();
        assert!(report.lines()[0].starts_with("failed: invalid: path-prefix is "), "{folder}: {:?}", report.lines());
    }
    assert!(attack(Export::Start, "command-path:/env").run().lines()[0].starts_with("ok: "));
}

/// PR10
#[test]
fn nul_in_an_argument_is_refused() {
    let report = attack(Export::Doctor, "output-nul").run();
    assert!(report.said().starts_with("failed: invalid: arguments is "), "{}", report.said());
}

#[test]
fn more_programs_at_once_than_allowed_are_refused_one_by_one() {
    let report = attack(Export::Doctor, "output-many").run();
    assert_eq!(report.said(), "ok: 32 of 10000 answers");
}

#[test]
fn the_command_is_launched_once_and_in_start_only() {
    let report = attack(Export::Start, "twice").run();
    assert!(report.lines()[0].starts_with("failed: conflict: "), "{:?}", report.lines());
    let outcomes = report.effects("process.launch-command");
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes[0].1.as_ref().unwrap().get("ok").is_some() && outcomes[1].1.as_ref().unwrap().get("failed").is_some(), "{outcomes:?}");
    for export in Export::ALL.into_iter().filter(|export| !matches!(export, Export::Start | Export::Describe)) {
        let report = attack(export, "command").run();
        let expected = format!("denied: launch the command that you typed; that is possible in `start` only, not in `{export}`; ");
        assert!(report.lines().contains(&expected), "{export}: {:?}", report.lines());
    }
}

#[test]
fn the_command_without_a_grant_is_denied_with_the_line_that_grants_it() {
    let report = attack(Export::Start, "honest").granted(NOTHING).run();
    let error = report.answer.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "plugin `rogue` may not launch the command that you typed: it is not granted");
    let worldflux::engine::CallError::Refused(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.hint.as_deref(), Some("worldflux plugin grant rogue --command"));
    assert_eq!(report.denials(), [("process.launch-command".to_owned(), "it is not granted".to_owned())]);
}

#[test]
fn programs_are_launched_in_two_exports_only() {
    for export in [Export::Describe, Export::Doctor, Export::Plan, Export::Collect, Export::Teardown] {
        let report = attack(export, "launch:true").run();
        assert!(report.said().starts_with("failed: conflict: a program can be launched in `build-env` and `start` only"), "{export}");
    }
    assert_eq!(attack(Export::BuildEnv, "launch:true").run().said(), "ok: launch true");
}

/// PR25
#[test]
fn handles_of_other_runs_and_made_up_ones_lead_nowhere() {
    for handle in ["p1", "p999999", "", "../p1", "1", "p18446744073709551616"] {
        for behaviour in ["observe", "stop"] {
            let report = attack(Export::Doctor, &format!("{behaviour}:{handle}")).run();
            assert!(report.said().starts_with("failed: not-found: "), "{behaviour} {handle}: {}", report.said());
        }
    }
}

fn is_written_down(report: &crate::lab::Report, import: &str) -> bool {
    let entry = |body: &Body| matches!(body, Body::Intent(call) | Body::Denial { call, .. } if call.import == import);
    report.entries.iter().any(|entry_| entry(&entry_.body))
}
