//! What the tools that everybody has make of our patches.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    process::Command,
};

use proptest::prelude::*;

use super::tests::Pair;
use crate::workspace::{Node, RelativePath, Root, Selection, Tree, WorkspaceError};

/// What is in a folder but for empty folders, which git does not know.
fn files(folder: &Path) -> BTreeMap<RelativePath, Node> {
    let tree = Tree::of(&Root::open(folder).unwrap(), &Selection::everything()).unwrap();
    let known = tree.entries().iter().filter(|entry| entry.node != Node::Folder);
    known.map(|entry| (entry.path.clone(), entry.node.clone())).collect()
}

/// Have `program` apply the patch in `old`.
fn apply(pair: &Pair, program: &str, arguments: &[&str], patch: &[u8]) {
    let file = pair.path("the.patch");
    fs::write(&file, patch).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(&file).current_dir(pair.path("old"));
    command.env("GIT_CEILING_DIRECTORIES", pair.path("")).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program}: {}\n{}", String::from_utf8_lossy(&said), String::from_utf8_lossy(patch));
}

fn git_makes_the_new_of_the_old(pair: &Pair) {
    let (before, after) = (files(&pair.path("old")), files(&pair.path("new")));
    let patch = pair.patch();
    if before == after {
        assert!(patch.is_empty());
        return;
    }
    apply(pair, "git", &["apply", "--whitespace=nowarn"], &patch);
    assert_eq!(files(&pair.path("old")), after, "{}", String::from_utf8_lossy(&patch));
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Text, modes, links, renames and strange names.
fn changed_texts(pair: &Pair) {
    pair.write("old/text", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\n").write("new/text", "A\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n");
    pair.write("old/no end", "one\ntwo").write("new/no end", "one\nTWO");
    pair.write("old/gets end", "one").write("new/gets end", "one\n");
    pair.write("old/windows", "a\r\nb\r\n").write("new/windows", "a\r\nc\r\n");
    pair.write("old/latin", b"caf\xe9\n").write("new/latin", b"caf\xe9s\n");
    pair.write("old/gone", "x\n").write("new/made", "y\n").write("new/deep/er/made", "z");
    pair.write("old/moved from", "moved\nmoved\n").write("new/elsewhere/moved to", "moved\nmoved\n");
    pair.write("old/mode", "x\n").write("new/mode", "x\n");
    executable(&pair.path("new/mode"));
    pair.write("old/mode and text", "x\n").write("new/mode and text", "y\n");
    executable(&pair.path("old/mode and text"));
    pair.write("old/-- heads", "-- a\n++ b\n").write("new/-- heads", "--- a\n+++ b\n@@ -1 +1 @@\n");
    pair.write("old/quo\"ted\\", "a\n").write("new/quo\"ted\\", "b\n");
    pair.write("old/ta\tb", "a\n").write("new/ta\tb", "b\n").write("new/\u{e9}t\u{e9}", "b\n");
    pair.write("new/empty", "").write("old/void", "");
}

/// F187, X62, N17
#[test]
fn git_applies_a_patch_forwards_and_backwards() {
    let pair = Pair::new();
    changed_texts(&pair);
    pair.write("old/binary", b"\0\x01\x02".repeat(100)).write("new/binary", [&b"\0\x01\x02".repeat(99)[..], b"changed"].concat());
    pair.write("new/made binary", b"\0").write("old/gone binary", b"\0\xff".repeat(1000));
    pair.write("old/becomes binary", "text\n").write("new/becomes binary", b"te\0xt\n");
    symlink("text", pair.path("old/link")).unwrap();
    symlink("no end", pair.path("new/link")).unwrap();
    pair.write("old/was folder/a", "x\n").write("new/now folder/a", "x\ny\n").write("old/now folder", "");
    symlink("now folder", pair.path("new/was folder")).unwrap();
    fs::write(pair.path("new").join(OsStr::from_bytes(b"\xff\n name")), "x\n").unwrap();
    let (before, patch) = (files(&pair.path("old")), pair.patch());
    git_makes_the_new_of_the_old(&pair);
    apply(&pair, "git", &["apply", "--whitespace=nowarn", "-R"], &patch);
    assert_eq!(files(&pair.path("old")), before);
}

#[test]
fn git_makes_a_link_of_a_file_and_a_file_of_a_link() {
    let pair = Pair::new();
    pair.write("old/file", "file\n").write("new/link", b"\0binary");
    symlink("/nowhere", pair.path("new/file")).unwrap();
    symlink("/nowhere", pair.path("old/link")).unwrap();
    git_makes_the_new_of_the_old(&pair);
}

/// F187, X62
#[test]
fn patch_applies_a_patch() {
    let pair = Pair::new();
    changed_texts(&pair);
    let (after, patch) = (files(&pair.path("new")), pair.patch());
    apply(&pair, "patch", &["-p1", "--quiet", "--input"], &patch);
    assert_eq!(files(&pair.path("old")), after);
}

#[test]
fn a_text_that_is_too_large_to_compare_is_in_the_patch_all_the_same() {
    let pair = Pair::new();
    pair.write("old/log", b"line\n".repeat(4 << 20)).write("new/log", b"line\n".repeat(5 << 20));
    git_makes_the_new_of_the_old(&pair);
}

#[test]
fn a_file_that_no_patch_can_hold_is_named_before_anything_is_written() {
    let pair = Pair::new();
    pair.write("new/a", "first\n");
    fs::File::create(pair.path("new/huge")).unwrap().set_len(300 << 20).unwrap();
    let mut patch = Vec::new();
    let error = pair.compare(|diff| diff.write_patch(&mut patch)).unwrap_err();
    assert!(matches!(error, WorkspaceError::PatchTooLarge { .. }) && patch.is_empty(), "{error}");
}

/// A small change of a large content is a small patch.
#[test]
fn a_small_change_of_a_binary_is_a_small_patch() {
    let pair = Pair::new();
    let mut content = vec![0; 200_000];
    let mut state = 7_u64;
    for byte in &mut content {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = state.to_le_bytes()[7];
    }
    pair.write("old/data", &content);
    content.splice(100_000..100_010, *b"inserted here");
    pair.write("new/data", &content);
    assert!(pair.patch().len() < 1_000, "{}", pair.patch().len());
    git_makes_the_new_of_the_old(&pair);
}

/// Something at a path of a random folder.
#[derive(Debug, Clone)]
enum Thing {
    File(Vec<u8>, bool),
    Link(String),
}

fn thing() -> impl Strategy<Value = Thing> {
    let line = prop_oneof![Just("a\n"), Just("b\n"), Just("c\r\n"), Just("-- d\n"), Just("++ e\n"), Just("\\ f\n"), Just("g"), Just("\n")];
    let text = proptest::collection::vec(line, 0..30).prop_map(|lines| lines.concat().into_bytes());
    let binary = proptest::collection::vec(any::<u8>(), 0..300).prop_map(|mut bytes| {
        bytes.insert(0, 0);
        bytes
    });
    let raw = proptest::collection::vec(prop_oneof![Just(b'\n'), 0x80..=0xff_u8, b' '..b'~'], 0..40);
    prop_oneof![
        4 => (text, any::<bool>()).prop_map(|(content, executable)| Thing::File(content, executable)),
        2 => (binary, any::<bool>()).prop_map(|(content, executable)| Thing::File(content, executable)),
        1 => (raw, any::<bool>()).prop_map(|(content, executable)| Thing::File(content, executable)),
        // None that leads to itself, or to where it is: git goes through it when a folder comes in its place.
        1 => "[x-z][x-z/. ]{0,4}".prop_map(Thing::Link),
    ]
}

/// Names that a patch has to quote, and some that it must not.
fn path() -> impl Strategy<Value = OsString> {
    let name = prop_oneof![
        4 => "[a-c]",
        1 => Just("a b".to_owned()),
        1 => Just("\"q\"".to_owned()),
        1 => Just("t\tn\n".to_owned()),
        1 => Just("b\\c".to_owned()),
        1 => Just("\u{e9}".to_owned()),
        1 => Just(" b/a".replace('/', "-")),
    ];
    let plain = proptest::collection::vec(name, 1..4).prop_map(|names| OsString::from(names.join("/")));
    prop_oneof![8 => plain, 1 => Just(OsStr::from_bytes(b"\xff\xfe x").to_owned())]
}

/// Put things into a folder, as far as they do not stand in each other's way.
fn fill(folder: &Path, things: &BTreeMap<OsString, Thing>) {
    for (name, thing) in things {
        let place = folder.join(name);
        if place.symlink_metadata().is_ok() || fs::create_dir_all(place.parent().unwrap()).is_err() {
            continue;
        }
        // A folder above may be a link, which leads wherever it leads.
        let above = place.parent().unwrap().canonicalize().unwrap();
        if above != folder.canonicalize().unwrap().join(Path::new(name).parent().unwrap()) {
            continue;
        }
        match thing {
            Thing::Link(target) => symlink(target, &place).unwrap(),
            Thing::File(content, is_executable) => {
                fs::write(&place, content).unwrap();
                if *is_executable {
                    executable(&place);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// F187, X62, N17
    #[test]
    fn a_patch_makes_the_new_of_the_old_whatever_they_are(
        old in proptest::collection::btree_map(path(), thing(), 0..8),
        new in proptest::collection::btree_map(path(), thing(), 0..8),
        kept in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        moved in proptest::collection::vec((any::<prop::sample::Index>(), path()), 0..3),
    ) {
        let pair = Pair::new();
        let mut after = new;
        // Much of a folder stays as it was, and some of it gets another name.
        let names: Vec<_> = old.keys().cloned().collect();
        if !names.is_empty() {
            for index in kept {
                let name = index.get(&names);
                after.insert(name.clone(), old[name].clone());
            }
            for (index, name) in moved {
                after.insert(name, old[index.get(&names)].clone());
            }
        }
        fill(&pair.path("old"), &old);
        fill(&pair.path("new"), &after);
        git_makes_the_new_of_the_old(&pair);
    }
}
