//! The protocol is documented, and what it vendors is what the engine was built with.

use worldflux::names::Digest;

use crate::sources::{File, files, read};

/// What begins an item that needs a comment and the version of its birth.
const ITEMS: &[&str] = &["interface ", "world ", "record ", "variant ", "enum ", "flags ", "resource ", "type "];

#[test]
fn every_item_of_the_protocol_is_documented_and_says_since_when() {
    let mut wrong = Vec::new();
    for file in own() {
        let lines: Vec<_> = file.text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let function = line.split_once(": func(").is_some_and(|(name, _)| !name.contains(' '));
            if !function && !ITEMS.iter().any(|item| line.starts_with(item)) {
                continue;
            }
            // Comment, gate and item stand together.
            let above: Vec<_> = lines[..index].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with('@')).collect();
            if !above.iter().any(|line| line.starts_with("///")) {
                wrong.push(format!("{}:{}: no comment: {line}", file.path, index + 1));
            }
            if !above.iter().any(|line| line.starts_with("@since(version = ")) {
                wrong.push(format!("{}:{}: no @since: {line}", file.path, index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Records whose fields are closed for good, so that they need no place to grow.
const CLOSED: &[(&str, &str)] = &[
    ("variable", "a name and a value"),
    ("detail", "is the place where others grow"),
    ("denial", "travels inside `failure`, which grows"),
    ("invalid-value", "travels inside `failure`, which grows"),
    ("run-identity", "part of `context`, which grows"),
    ("folder", "part of `context`, which grows"),
    ("folders", "part of `context`, which grows"),
    ("snapshot-rules", "part of `context`, which grows"),
    ("port", "part of `context`, which grows"),
    ("mount", "part of `context`, which grows"),
    ("environment-specification", "part of `context`, which grows"),
    ("collection", "part of `context`, which grows"),
    ("ending", "the same in both directions, and in every version"),
    ("completion", "`ending` says what else there is to say"),
    ("progress", "one line for a person"),
    ("fixed-paths", "part of `description`, which grows"),
    ("planned-resource", "part of `outline`, which grows"),
    ("environment", "grows by `metadata`"),
    ("remote-execution", "a handle and a time"),
    ("output-chunk", "a channel and bytes"),
    ("observation", "asked often, so it is small"),
    ("artifact", "part of `outcome`, which grows"),
    ("metric", "a name and a number"),
    ("cost", "part of `outcome`, which grows"),
    ("phase-duration", "a name and a time"),
];

#[test]
fn a_record_has_a_place_to_grow_or_a_reason_to_be_closed() {
    let (mut closed, mut wrong) = (Vec::new(), Vec::new());
    for file in own() {
        for part in file.text.split("\n  record ").skip(1) {
            let (name, rest) = part.split_once(" {").unwrap();
            let body = rest.split_once("\n  }").unwrap().0;
            if body.contains("details: list<detail>") {
                continue;
            }
            closed.push(name.to_owned());
            if !CLOSED.iter().any(|(known, _)| *known == name) {
                wrong.push(name.to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} can never get another field: add `details: list<detail>`, or a reason to the table");
    for (name, _) in CLOSED {
        assert!(closed.iter().any(|closed| closed == name), "`{name}` grows, or is gone: take it out of the table");
    }
}

/// `wit/deps/README.md` lists the digest of every file and the version that it was taken from; the lock file has to name the same version.
#[test]
fn vendored_interfaces_are_those_of_the_engine_in_the_lock_file() {
    let listed = read("wit/deps/README.md");
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let version =
        packages.iter().find(|package| package["name"].as_str() == Some("wasmtime-wasi-http")).unwrap()["version"].as_str().unwrap();
    assert!(
        listed.contains(&format!("`wasmtime-wasi-http` {version}")),
        "the engine is {version} now: take its `wit/deps` and list them anew"
    );
    let mut count = 0;
    for file in files("wit/deps").iter().filter(|file| file.is("wit")) {
        let digest = Digest::of(file.text.as_bytes()).hex();
        let name = file.path.rsplit('/').next().unwrap();
        assert!(listed.contains(&format!("| `{name}` | `{digest}` |")), "`{}` is not as it was taken: {digest}", file.path);
        count += 1;
    }
    assert_eq!(listed.matches(".wit` | `").count(), count, "the list names a file that is not there");
}

fn own() -> Vec<File> {
    let own: Vec<_> = files("wit").into_iter().filter(|file| file.is("wit") && !file.path.contains("/deps/")).collect();
    assert_eq!(own.len(), 7, "world, types, plugin, process, secrets, transfer, log");
    own
}
