//! A plugin whose code says something else than its `plugin.toml`.

use std::fs;

use crate::{guests::rogue_that_describes, program::User};

/// What is typed about a plugin whose `describe` does `behaviour`, and how it ends.
fn refused(behaviour: &str) -> (i32, String) {
    let user = User::new();
    fs::write(user.project().join("rogue.wasm"), rogue_that_describes(behaviour)).unwrap();
    let said = user.types("run --runtime ./rogue.wasm -- touch marker");
    assert!(!user.project().join("marker").exists());
    let listed = user.types("runtime doctor --plugin ./rogue.wasm");
    let line = listed.stdout.lines().find(|line| line.contains("rogue")).unwrap().to_owned();
    assert!(line.starts_with("error: rogue: plugin: "), "{line}");
    assert!(listed.stdout.lines().any(|line| line.contains("local: ")), "the others are examined: {}", listed.stdout);
    assert!(!said.stderr.contains('\u{1b}') && !listed.stdout.contains('\u{1b}'));
    (said.code, said.stderr)
}

#[test]
fn another_name_or_version_is_refused_and_both_are_named() {
    for (behaviour, said) in [("wrong-name", "`local 0.1.0`"), ("wrong-version", "`rogue 9.9.9`")] {
        let (code, stderr) = refused(behaviour);
        assert_eq!(code, 13, "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("`rogue 0.1.0` in its plugin.toml"), "{stderr}");
    }
}

#[test]
fn a_description_that_cannot_be_used_is_a_fault_of_the_plugin() {
    for (behaviour, code, said) in [
        ("bad-name", 11, "its answer cannot be used: name: "),
        ("bad-schema", 11, "its answer cannot be used: settings-schema: "),
        ("trap", 11, "it trapped: "),
        ("exit:0", 11, "it exited with code 0 instead of answering"),
        ("allocate", 12, "it needs more than 256"),
    ] {
        let (found, stderr) = refused(behaviour);
        assert_eq!(found, code, "{behaviour}: {stderr}");
        assert!(stderr.contains(said), "{behaviour}: {stderr}");
    }
}
