//! Rights while a run goes on: folders of this machine, and rights that are taken back.

use std::{fs, os::unix::fs::symlink};

use crate::{
    guests::guest,
    kit::{Going, Place, run_line, text, until},
};

/// `rogue`, added with the command and these rights.
fn add(place: &Place, rights: &[&str]) {
    let rogue = guest("rogue");
    let mut line = vec!["plugin", "add", rogue.to_str().unwrap(), "--command", "--folder", "/output=read"];
    line.extend(rights);
    place.type_in(line).expect(0);
}

/// What the plugin says came of `behaviour`, which it does while it collects.
fn said(place: &Place, behaviour: &str) -> String {
    let behaviour = format!("collect={behaviour}");
    let manifest = place.run(&["--runtime", "rogue", "--json", "--set", &behaviour], "true").json();
    text(&manifest, "/runtime/rogue").to_owned()
}

// FS07.
/// FS07
#[test]
fn a_folder_of_the_machine_is_open_as_granted_and_its_neighbours_are_not() {
    let place = Place::new();
    for folder in ["data/out", "data/out-evil"] {
        place.write(&format!("{folder}/x"), "12345");
    }
    let data = place.work().join("data").canonicalize().unwrap();
    let path = |name: &str| data.join(name).display().to_string();
    add(&place, &["--folder", &format!("{}=read", path("out"))]);
    assert_eq!(said(&place, "preopens"), format!("ok: /output {}", path("out")));
    assert!(said(&place, &format!("read:{}", path("out/x"))).starts_with("ok: "));
    for outside in [path("out-evil/x"), path("out/../out-evil/x"), path("x"), "/etc/passwd".into()] {
        assert!(said(&place, &format!("read:{outside}")).starts_with("denied: "), "{outside}");
    }
    assert!(said(&place, &format!("write:{}", path("out/y"))).starts_with("denied: "));
    place.type_in(["plugin", "grant", "rogue", "--folder", &format!("{}=write", path("out"))]).expect(0);
    assert!(said(&place, &format!("write:{}", path("out/y"))).starts_with("ok: "));
    assert!(data.join("out/y").exists());

    // What was granted is the folder, not whatever has its name.
    fs::rename(data.join("out"), data.join("away")).unwrap();
    symlink("/etc", data.join("out")).unwrap();
    assert_eq!(said(&place, "preopens"), "ok: /output");
    assert!(said(&place, &format!("read:{}", path("out/passwd"))).starts_with("denied: "));
}

// FS15.
/// FS15
#[test]
fn a_right_that_is_taken_back_is_denied_at_the_next_call_of_a_run_that_goes_on() {
    let place = Place::new();
    add(&place, &[]);
    let options = ["--runtime", "rogue", "--run-id", "going", "--set", "collect=preopens"];
    let mut going = Going::start(&mut place.command(run_line(&options, "echo ready; while ! test -e go; do sleep 0.02; done")));
    assert_eq!(going.line(), "ready\n");
    place.type_in(["plugin", "revoke", "rogue", "--folder", "/output=read"]).expect(0);
    place.write("go", "");
    going.end();
    assert_eq!(text(&place.manifest("going"), "/runtime/rogue"), "ok: ");
}

#[test]
fn a_plugin_from_which_everything_is_taken_back_stops_running() {
    for verb in ["revoke", "remove"] {
        let place = Place::new();
        add(&place, &[]);
        let line = run_line(&["--runtime", "rogue", "--run-id", "going"], "echo ready; sleep 1000");
        let mut going = Going::start(&mut place.command(line));
        assert_eq!(going.line(), "ready\n");
        let answer = place.type_in(["plugin", verb, "rogue"]).expect(0);
        assert!(answer.stderr.contains("run going was asked to end"), "{}", answer.stderr);
        going.end();
        until("the run has ended", || place.runs()[0]["status"] == "cancelled");
    }
}

#[test]
fn a_bundled_plugin_is_given_folders_and_has_the_rest() {
    let place = Place::new();
    place.write("data/x", "");
    let folder = format!("{}=read", place.work().join("data").canonicalize().unwrap().display());
    place.type_in(["plugin", "grant", "local", "--folder", &folder, "--resource", "processes=512"]).expect(0);
    let info = place.type_in(["runtime", "info", "local"]).expect(0);
    assert!(info.text().contains("granted   to read your folder /") && info.text().contains("granted   to use up to processes=512"));
    assert!(place.type_in(["plugin", "grant", "local", "--command"]).expect(0).stderr.contains("has all it asks for"));
    assert!(place.type_in(["plugin", "grant", "local", "--unconfined"]).expect(2).stderr.contains("unless you say --sandbox strict"));
    place.type_in(["plugin", "grant", "local", "--resource", "cpus=1.5"]).expect(0);
    assert!(place.type_in(["runtime", "info", "local"]).expect(0).text().contains("granted   to use up to cpus=1.5"));
    let more = place.type_in(["plugin", "grant", "local", "--resource", "processes=5000"]).expect(2);
    assert!(more.stderr.contains("processes=5000 cannot be granted to `local`"), "{}", more.stderr);
    place.run(&[], "true").expect(0);
}
