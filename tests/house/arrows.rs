//! A room uses lower floors only.

use std::collections::BTreeSet;

use crate::sources::{File, rust};

/// Every room, the rooms it may use, and why it may use what is not below it in the picture of `host/README.md`.
///
/// The ground is `names`. 0: policy. 1: sandbox, workspace, store, egress, secrets, which do not know each other. 2: imports and config, which do not know each
/// other. 3: plugin and engine, which do not know each other. 4: run and check, which do not know each other. 5: serve. 6: cli.
const FLOORS: &[(&str, &[&str])] = &[
    ("names", &[]),
    ("policy", &["names"]),
    ("sandbox", &["names", "policy"]),
    ("workspace", &["names", "policy"]),
    ("store", &["names", "policy"]),
    ("egress", &["names", "policy"]),
    ("secrets", &["names", "policy"]),
    ("config", &["names", "policy", "workspace"]),
    ("imports", &["names", "policy", "sandbox", "workspace", "store", "egress", "secrets"]),
    ("plugin", &["names", "policy", "workspace", "store"]),
    // `sandbox` for the compiler of strangers' components, which is a child.
    ("engine", &["names", "policy", "sandbox", "workspace", "store", "config", "imports"]),
    ("run", &["names", "policy", "sandbox", "workspace", "store", "egress", "secrets", "config", "imports", "plugin", "engine"]),
    ("check", &["names", "policy", "sandbox", "workspace", "store", "egress", "imports", "plugin", "engine"]),
    // `engine` for how bad a finding is, `imports` for how much a line of talk matters.
    ("serve", &["names", "workspace", "store", "config", "imports", "engine", "run"]),
    (
        "cli",
        &[
            "check",
            "serve",
            "names",
            "policy",
            "sandbox",
            "workspace",
            "store",
            "egress",
            "secrets",
            "config",
            "imports",
            "plugin",
            "engine",
            "run",
        ],
    ),
];

#[test]
fn a_room_uses_lower_floors_only() {
    let mut wrong = Vec::new();
    for file in rust("host/src").iter().filter(|file| !file.is_test()) {
        let Some(room) = file.room() else { continue };
        let (_, allowed) = FLOORS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("`{room}` has no line in the table"));
        let used = rooms_used(file);
        wrong.extend(
            used.iter().filter(|used| *used != room && !allowed.contains(&used.as_str())).map(|used| format!("{}: {used}", file.path)),
        );
    }
    assert!(wrong.is_empty(), "arrows that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn every_arrow_of_the_table_points_down_and_every_room_has_its_line() {
    let names: Vec<_> = FLOORS.iter().map(|(room, _)| *room).collect();
    for (index, (room, allowed)) in FLOORS.iter().enumerate() {
        assert!(allowed.iter().all(|below| names[..index].contains(below)), "`{room}` uses a room that stands below it in the table");
    }
    let rooms: BTreeSet<_> = rust("host/src").iter().filter_map(|file| file.room().map(str::to_owned)).collect();
    assert_eq!(rooms, names.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn an_arrow_is_seen_however_it_is_written() {
    let text = "use crate::{\n    config::Folders,\n    names::{Bytes, Digest},\n};\nuse crate::store;\nfn f() { crate::policy::decide(); }\n\
                // crate::run\n#[cfg(test)]\nmod tests {\n    use crate::cli::main;\n}\n";
    let file = File { path: "host/src/imports/x.rs".into(), text: text.into() };
    assert_eq!(rooms_used(&file).into_iter().collect::<Vec<_>>(), ["config", "names", "policy", "store"]);
}

/// The first name after every `crate::`, also in braces.
pub(crate) fn rooms_used(file: &File) -> BTreeSet<String> {
    let code: String = file.code().flat_map(|(_, line)| [line, "\n"]).collect();
    let mut used = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        // `$crate::` and `some_crate::` are not ours.
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let rest = &code[at + found.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            used.extend(heads(group));
        } else {
            used.insert(word(rest));
        }
    }
    used
}

/// The first word of every item of a group, up to the brace that ends it.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut expects) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            c if expects && !c.is_whitespace() => {
                heads.push(word(&group[at..]));
                expects = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
