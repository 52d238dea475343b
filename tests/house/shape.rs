//! The top of the repository, and the skeleton of a plugin.

use std::fs;

use crate::sources::root;

/// What may lie at the top. Settings of tools hide in dot files.
const TOP: &[&str] = &["Cargo.lock", "Cargo.toml", "Justfile", "LICENSE", "README.md", "host", "plugins", "tests", "wit"];

/// What builds and runs make there, in nobody's commit.
const MADE: &[&str] = &["outputs", "target"];

/// What every plugin has.
const SKELETON: &[&str] = &["Cargo.toml", "README.md", "plugin.toml", "src/dialect.rs", "src/lib.rs", "src/translate.rs"];

#[test]
fn the_top_of_the_repository_can_be_taken_in_at_a_glance() {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let shown: Vec<_> = entries.filter(|name| !name.starts_with('.') && !MADE.contains(&name.as_str())).collect();
    let mut strange: Vec<_> = shown.iter().filter(|name| !TOP.contains(&name.as_str())).collect();
    strange.sort_unstable();
    assert!(strange.is_empty(), "{strange:?} do not belong at the top");
    for name in TOP {
        assert!(shown.iter().any(|shown| shown == name), "`{name}` is missing");
    }
}

#[test]
fn every_plugin_has_the_same_skeleton() {
    let mut plugins = 0;
    for entry in fs::read_dir(root().join("plugins")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("plugin.toml").is_file() {
            continue;
        }
        plugins += 1;
        for file in SKELETON {
            assert!(folder.join(file).is_file(), "`{}` has no `{file}`", folder.display());
        }
        let text = fs::read_to_string(folder.join("README.md")).unwrap();
        for chapter in ["## Settings", "## What it asks for"] {
            assert!(text.contains(chapter), "`{}/README.md` has no `{chapter}`", folder.display());
        }
        let asks: toml::Table = fs::read_to_string(folder.join("plugin.toml")).unwrap().parse().unwrap();
        assert_eq!(asks["plugin"]["name"].as_str(), folder.file_name().unwrap().to_str(), "a plugin is called like its folder");
    }
    assert!(plugins > 0, "no plugin was found");
}
