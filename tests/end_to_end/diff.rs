//! What a run changed in its workspace.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::kit::{Place, text};

/// F111, F187, F188
#[test]
fn a_person_sees_what_a_run_changed() {
    let place = Place::new();
    place.write("kept.txt", "kept\n");
    place.write("edited.txt", "one\ntwo\n");
    place.write("gone.txt", "gone\n");
    let script =
        "echo three >> edited.txt; rm gone.txt; printf '\\033[31mred\\n' > new.txt; chmod +x kept.txt; mkdir .git; echo x > .git/x";
    place.run(&["--snapshot", "--run-id", "one"], script).expect(0);
    let shown = place.type_in(["diff"]).expect(0);
    let expected = "modified  edited.txt (file, 8 B -> file, 14 B)\n@@ -1,2 +1,3 @@\n one\n two\n+three\n\
                    deleted   gone.txt\n@@ -1 +0,0 @@\n-gone\n\
                    mode      kept.txt (file, 5 B -> executable file, 5 B)\n\
                    created   new.txt\n@@ -0,0 +1 @@\n+\\u{1b}[31mred\n\
                    1 created, 1 deleted, 2 modified; lines: 2 added, 1 removed\n";
    assert_eq!(shown.text(), expected);
    assert_eq!(place.type_in(["diff", "one", "--name-only"]).expect(0).text(), "edited.txt\ngone.txt\nkept.txt\nnew.txt\n");
    let counted = place.type_in(["diff", "one", "--stat"]).expect(0);
    assert!(counted.text().starts_with(" edited.txt |     1 +\n gone.txt   |     1 -\n kept.txt   |     0\n"), "{}", counted.text());
    let coloured = place.type_in(["diff", "--color", "always"]).expect(0);
    assert!(coloured.text().contains("\x1b[32m+three\x1b[0m\n"), "{}", coloured.text());

    let document = place.type_in(["diff", "--json"]).expect(0).json();
    assert_eq!(document["stats"]["modified"], 2);
    assert_eq!(text(&document, "/changes/0/path"), "edited.txt");
    let manifest = place.manifest("one");
    assert_eq!((&manifest["snapshots"]["before"], &manifest["snapshots"]["after"]), (&document["from"], &document["to"]));
}

/// F187, X62
#[test]
fn the_patch_of_a_run_makes_its_changes_elsewhere() {
    let place = Place::new();
    place.write("a b.txt", "one\n");
    place.write("data", b"\0\x01\x02");
    place
        .run(&["--snapshot"], "echo two > 'a b.txt'; head -c 3000 /dev/urandom > data; ln -s data link; echo x > new; chmod +x new")
        .expect(0);
    let patch = place.write("../the.patch", place.type_in(["diff", "--patch"]).expect(0).stdout);
    let other = place.work().join("../other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a b.txt"), "one\n").unwrap();
    fs::write(other.join("data"), b"\0\x01\x02").unwrap();
    let mut git = Command::new("git");
    git.args(["apply"]).arg(patch).current_dir(&other).env("GIT_CEILING_DIRECTORIES", other.parent().unwrap());
    assert!(git.status().unwrap().success());
    for name in ["a b.txt", "data", "link", "new"] {
        assert_eq!(fs::read(other.join(name)).unwrap(), fs::read(place.work().join(name)).unwrap(), "{name}");
    }
    assert_eq!(fs::read_link(other.join("link")).unwrap().to_str(), Some("data"));
    assert_ne!(fs::metadata(other.join("new")).unwrap().permissions().mode() & 0o100, 0);
}

/// F111
#[test]
fn a_run_file_says_what_is_remembered() {
    let place = Place::new();
    place.write("worldflux.toml", "[environment.snapshot]\nenabled = true\ngitignore = true\nignore_globs = [\"*.tmp\"]\n");
    place.write(".gitignore", "build/\n");
    place.run(&["--run-id", "one"], "mkdir build; echo x > build/x; echo x > a.tmp; echo x > kept").expect(0);
    assert_eq!(place.type_in(["diff", "--name-only"]).expect(0).text(), "kept\n");
    place.run(&["--run-id", "two"], "echo y > kept; exit 3").expect(1);
    assert_eq!(place.type_in(["diff", "--name-only"]).expect(0).text(), "kept\n", "a run that fails changes things, too");
    let between = place.type_in(["diff", "one", "two", "--json"]).expect(0).json();
    assert_eq!((&between["stats"]["modified"], &between["stats"]["lines_added"]), (&1.into(), &1.into()));
}

#[test]
fn a_run_without_snapshots_says_how_to_get_them() {
    let place = Place::new();
    place.run(&["--run-id", "plain"], "echo x > new").expect(0);
    let answer = place.type_in(["diff"]).expect(2);
    assert_eq!(
        answer.stderr,
        "error: nothing is known of what the workspace of run `plain` held before its command\nhint: let the command run with `--snapshot`\n"
    );
    assert!(!place.state().join("snapshots").exists());
    assert!(place.manifest("plain")["snapshots"].is_null());
}

/// F191, F193, N20, N25
#[test]
fn snapshots_hold_no_variable_and_go_with_their_run() {
    let place = Place::new();
    place.run(&["--snapshot", "--run-id", "one", "--env", "TOKEN=very-secret-value"], "echo content > file").expect(0);
    place.run(&["--snapshot", "--run-id", "two"], "echo other > file").expect(0);
    let kept = |what: &str| fs::read_dir(place.state().join("snapshots").join(what)).unwrap().count();
    assert_eq!(kept("trees"), 3);
    let mut folders = vec![place.state().join("snapshots")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).unwrap();
                assert!(!content.windows(17).any(|part| part == b"very-secret-value"), "{}", path.display());
            }
        }
    }
    fs::remove_dir_all(place.state().join("runs/two")).unwrap();
    assert_eq!(place.type_in(["reap"]).expect(0).text(), "snapshots of no run: 1 removed\n");
    assert_eq!(kept("trees"), 2);
    place.type_in(["diff", "one"]).expect(0);
    assert_eq!(place.type_in(["reap"]).expect(0).text(), "nothing was left behind\n");
}

#[test]
fn a_workspace_that_is_too_large_to_be_remembered_is_named_before_anything_runs() {
    let place = Place::new();
    let mut deep = place.work();
    for _ in 0..260 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    let answer = place.run(&["--snapshot", "--run-id", "deep"], "echo ran > ran").expect(2);
    assert!(answer.stderr.contains("has more than 250 folders in folders"), "{}", answer.stderr);
    assert!(!place.work().join("ran").exists());
    assert_eq!(text(&place.manifest("deep"), "/status"), "blocked");
}
