//! What the record of a run tells about its plugin.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use serde_json::Value;

use crate::{
    guests::guest,
    kit::{Place, answer, text},
};

/// A run of `rogue` that is allowed to start `true`, starts it, and tries what it is not allowed.
fn run(place: &Place) -> String {
    let rogue = guest("rogue");
    let rogue = rogue.to_str().unwrap();
    let line = ["plugin", "add", rogue, "--command", "--program", "true", "--program", "echo", "--folder", "/output=read"];
    place.type_in(line).expect(0);
    let manifest = place.run(&["--runtime", "rogue", "--set", "doctor=output:sleep", "--json"], "true").json();
    text(&manifest, "/run_id").to_owned()
}

#[test]
fn a_person_reads_what_a_plugin_did_and_was_denied() {
    let place = Place::new();
    let run = run(&place);
    let told = place.type_in(["plugin", "audit", &run]).expect(0);
    for part in [
        &format!("run       {run}"),
        "plugin    rogue sha256:",
        "reached   no host",
        "secrets   none was used",
        "denied    to start program `sleep` during doctor",
        "worldflux plugin grant rogue --program sleep",
        "unused    --program true",
        "record    whole, ",
    ] {
        assert!(told.text().contains(part), "{part}:\n{}", told.text());
    }
    let json = place.type_in(["plugin", "audit", "--json"]).expect(0).json();
    assert_eq!(text(&json, "/did/denied/0/cure"), "worldflux plugin grant rogue --program sleep");
    assert_eq!(json.pointer("/record/whole"), Some(&Value::Bool(true)));
    assert!(json["never_used"].as_array().unwrap().contains(&"--program echo".into()));
}

/// PR03
#[test]
fn a_granted_program_that_was_replaced_is_not_started_until_it_is_granted_again() {
    let place = Place::new();
    let tool = place.write("tools/echo", "#!/bin/sh\necho granted\n");
    fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", tool.parent().unwrap().display());
    let type_in = |line: &[&str]| answer(place.command(line).env("PATH", &path));
    type_in(&["plugin", "add", guest("rogue").to_str().unwrap(), "--command", "--program", "echo"]).expect(0);
    let workspace = place.work().join("workspace");
    fs::create_dir(&workspace).unwrap();
    let line = ["run", "--runtime", "rogue", "--workspace", workspace.to_str().unwrap(), "--set", "doctor=output:echo", "--", "true"];
    let story = || {
        type_in(&line);
        type_in(&["plugin", "audit", "--json"]).expect(0).json()
    };
    let (granted, denied) = ("/did/ran/things/echo during doctor", "/did/denied/0");
    let told = story();
    assert!(told.pointer(granted).is_some() && told.pointer(denied).is_none(), "{told}");
    let shown = type_in(&["plugin", "grants"]).expect(0);
    assert!(shown.text().contains(&format!("which is {} with digest", tool.display())), "{}", shown.text());

    fs::write(&tool, "#!/bin/sh\necho another\n").unwrap();
    let told = story();
    assert_eq!(text(&told, "/did/denied/0/action"), "start program `echo`");
    assert_eq!(text(&told, "/did/denied/0/rule"), format!("`{}` is not what it was when it was granted", tool.display()));
    assert_eq!(text(&told, "/did/denied/0/cure"), "worldflux plugin grant rogue --program echo");

    type_in(&["plugin", "grant", "rogue", "--program", "echo"]).expect(0);
    let told = story();
    assert!(told.pointer(granted).is_some() && told.pointer(denied).is_none(), "{told}");
}

#[test]
fn a_record_that_was_changed_is_not_called_whole() {
    let place = Place::new();
    let run = run(&place);
    let record = place.state().join("runs").join(&run).join("record.jsonl");
    let good = fs::read_to_string(&record).unwrap();
    let lines: Vec<_> = good.lines().collect();
    let without_the_last = format!("{}\n", lines[..lines.len() - 1].join("\n"));
    let without_a_denial = lines.iter().filter(|line| !line.contains("\"denial\"")).fold(String::new(), |text, line| text + line + "\n");
    for bad in [good.replace("sleep", "slept"), without_the_last, without_a_denial] {
        fs::write(&record, bad).unwrap();
        let told = place.type_in(["plugin", "audit", &run]).expect(1);
        assert!(told.text().contains("record    NOT WHOLE") && told.stderr.contains("error: "), "{}{}", told.text(), told.stderr);
        assert_eq!(place.type_in(["plugin", "audit", &run, "--json"]).expect(1).json().pointer("/record/whole"), Some(&Value::Bool(false)));
    }
    fs::write(&record, good).unwrap();
    place.type_in(["plugin", "audit", &run]).expect(0);
    assert!(place.type_in(["plugin", "audit", "nosuch"]).expect(2).stderr.contains("nosuch"));
}
