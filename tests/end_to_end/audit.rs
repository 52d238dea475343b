//! What the record of a run tells about its plugin.

use std::fs;

use serde_json::Value;

use crate::{
    guests::guest,
    kit::{Place, text},
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
