//! Granted programs that are asked to run something else. They do; what they run is as confined as they are.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use worldflux::{names::Export, policy::Folder};

use crate::lab::{Attack, Report, attack};

/// What the attacker wants a granted program to execute: takes a secret, leaves a mark outside, and reaches out.
const EVIL: &str = "#!/bin/sh
cat SECRET > STOLEN 2>/dev/null
echo owned > MARK
ls OUTSIDE > LISTED 2>/dev/null
(echo hello > /dev/udp/127.0.0.1/53) 2>/dev/null
echo ran > RAN
exit 1
";

/// A folder that was not granted, with a secret in it, and a script in the output folder that wants it.
struct Trap {
    outside: tempfile::TempDir,
    script: PathBuf,
    output: PathBuf,
}

impl Trap {
    fn set(attack: &Attack) -> Self {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "hunter2").unwrap();
        let output = attack.folder(Folder::Output);
        let script = output.join("evil");
        let text = [
            ("SECRET", outside.path().join("secret")),
            ("STOLEN", output.join("stolen")),
            ("MARK", outside.path().join("mark")),
            ("OUTSIDE", outside.path().to_owned()),
            ("LISTED", output.join("listed")),
            ("RAN", output.join("ran")),
        ]
        .into_iter()
        .fold(EVIL.to_owned(), |text, (word, path)| text.replace(word, path.to_str().unwrap()));
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self { outside, script, output }
    }

    /// The script was executed, and had nothing of it.
    fn caught(&self, report: &Report) {
        let found = |name: &str| fs::read_to_string(self.output.join(name)).unwrap_or_default();
        assert_eq!(found("ran"), "ran\n", "the attack was not made: {:?}", report.answer);
        assert_eq!((found("stolen"), found("listed")), (String::new(), String::new()));
        let left: Vec<_> = fs::read_dir(self.outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["secret"]);
    }
}

/// `tool` with `arguments`, in which `EVIL` stands for the script and `WORKSPACE` for the folder that it may read.
fn tool(tool: &str, arguments: &str) {
    let mut attack = attack(Export::Doctor, "");
    let trap = Trap::set(&attack);
    let workspace = attack.folder(Folder::Workspace);
    let made = Command::new("git").args(["init", "--quiet"]).arg(&workspace).status().unwrap();
    assert!(made.success());
    let arguments = arguments.replace("EVIL", trap.script.to_str().unwrap()).replace("WORKSPACE", workspace.to_str().unwrap());
    attack.behaves(&format!("output-with:{tool} {arguments}"));
    let attack = attack.granted(&format!("programs = ['{tool}']\nfolders = {{ '/workspace' = 'read', '/output' = 'write' }}"));
    let report = attack.run();
    trap.caught(&report);
}

/// PR05
#[test]
fn git_that_is_told_to_start_a_program_by_a_setting_starts_it_inside() {
    tool("git", "-c safe.directory=* -c core.fsmonitor=EVIL status");
}

/// PR06
#[test]
fn git_that_is_told_to_start_a_program_by_an_argument_starts_it_inside() {
    tool("git", "-c safe.directory=* ls-remote --upload-pack=EVIL WORKSPACE");
}

/// PR07
#[test]
fn tar_that_is_told_to_start_a_program_starts_it_inside() {
    tool("tar", "--create --file /dev/null --checkpoint=1 --checkpoint-action=exec=EVIL WORKSPACE");
}

/// PR08
#[test]
fn find_that_is_told_to_start_a_program_starts_it_inside() {
    tool("find", "WORKSPACE -maxdepth 0 -exec EVIL ;");
}
