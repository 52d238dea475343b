//! What is said about changes.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use super::*;
use crate::{
    names::Bytes,
    workspace::{Root, Selection, Tree},
};

/// Two folders to compare.
pub(super) struct Pair {
    place: tempfile::TempDir,
}

impl Pair {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for side in ["old", "new"] {
            fs::create_dir(place.path().join(side)).unwrap();
        }
        Self { place }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        self
    }

    /// The comparison, given to `look`.
    pub(super) fn compare<T>(&self, look: impl FnOnce(&Diff<'_>) -> T) -> T {
        let [old, new] = ["old", "new"].map(|side| Root::open(&self.path(side)).unwrap());
        let [before, after] = [&old, &new].map(|root| Tree::of(root, &Selection::everything()).unwrap());
        look(&Diff::between(Version::folder(&before, &old), Version::folder(&after, &new)).unwrap())
    }

    fn changes(&self) -> Vec<(String, ChangeKind, Lines)> {
        self.compare(|diff| diff.changes().iter().map(|change| (change.path.to_string(), change.kind, change.lines)).collect())
    }

    pub(super) fn patch(&self) -> Vec<u8> {
        let mut patch = Vec::new();
        self.compare(|diff| diff.write_patch(&mut patch)).unwrap();
        patch
    }
}

fn lines(added: usize, removed: usize) -> Lines {
    Lines::Counted { added, removed }
}

/// F187, F188
#[test]
fn what_was_created_deleted_and_modified_is_counted() {
    let pair = Pair::new();
    pair.write("old/same", "x").write("new/same", "x");
    pair.write("new/created", "a\nb\nc\n").write("old/deleted", "a\nb");
    pair.write("old/modified", "a\nb\nc\n").write("new/modified", "a\nB\nc\nd\n");
    let expected = [
        ("created", ChangeKind::Created, lines(3, 0)),
        ("deleted", ChangeKind::Deleted, lines(0, 2)),
        ("modified", ChangeKind::Modified, lines(2, 1)),
    ];
    assert_eq!(pair.changes(), expected.map(|(path, kind, lines)| (path.to_owned(), kind, lines)));
    #[allow(clippy::redundant_closure_for_method_calls, reason = "the method itself is for one lifetime alone")]
    let stats = pair.compare(|diff| diff.stats());
    assert_eq!(stats, Stats { created: 1, deleted: 1, modified: 1, renamed: 0, lines_added: 5, lines_removed: 3 });
}

/// X63
#[test]
fn lines_that_begin_like_the_heads_of_a_patch_are_counted() {
    let pair = Pair::new();
    pair.write("old/a.sql", "-- one\n-- two\nselect 1;\n").write("new/a.sql", "++ three\nselect 1;\n");
    assert_eq!(pair.changes()[0].2, lines(1, 2));
}

/// F185, X61, N17
#[test]
fn a_change_of_what_is_no_text_is_a_change() {
    let pair = Pair::new();
    pair.write("old/a", "text").write("new/a", "te\0xt");
    pair.write("old/b", b"\0\x01").write("new/b", b"\0\x02");
    pair.write("new/c", b"\x01\x02\x03\x04");
    assert!(pair.changes().iter().all(|(_, _, lines)| *lines == Lines::Binary));
    let document = pair.compare(|diff| diff.document(Bytes::mebi(1)).unwrap());
    assert!(document.changes.iter().all(|change| change.is_binary && change.patch.is_none()));
    assert!(matches!(document.changes[0].old, Some(NodeDocument::File { bytes: 4, .. })));
}

/// F185
#[test]
fn binary_means_a_nul_or_many_control_characters_at_the_beginning() {
    assert!(!is_binary(b"") && !is_binary(b"a\tb\r\nc\n"));
    assert!(is_binary(b"a\0") && is_binary(&[1, 1, 1, 1, b'a', b'a']));
    assert!(!is_binary(&[1, 1, 1, b'a', b'a', b'a', b'a', b'a', b'a', b'a']));
    assert!(is_binary(&[1, 1, 1, 1, b'a', b'a', b'a', b'a', b'a', b'a']));
    let late = [&[b'a'; 8192][..], b"\0"].concat();
    assert!(!is_binary(&late));
}

/// F186, X64
#[test]
fn text_is_decoded_and_what_cannot_be_is_not() {
    let decoded = |content: &[u8]| decode_text(content).map(|decoded| (decoded.text, decoded.encoding));
    assert_eq!(decoded("日本語".as_bytes()), Some(("日本語".into(), Encoding::Utf8)));
    assert_eq!(decoded(b"caf\xe9"), Some(("café".into(), Encoding::Windows1252)));
    assert_eq!(decoded(b"\x93quoted\x94 \x80"), Some(("“quoted” €".into(), Encoding::Windows1252)));
    assert_eq!(decoded(b"\x81\x8d\x8f"), None);
    assert_eq!(decoded(b"a\0b"), None);
}

#[test]
fn renames_modes_and_types_are_told_as_what_they_are() {
    let pair = Pair::new();
    pair.write("old/before", "content").write("new/folder/after", "content");
    pair.write("old/x/name", "twice").write("old/y/other", "twice").write("new/z/other", "twice");
    pair.write("old/run", "x").write("new/run", "x");
    fs::set_permissions(pair.path("new/run"), fs::Permissions::from_mode(0o755)).unwrap();
    pair.write("old/type", "file");
    symlink("run", pair.path("new/type")).unwrap();
    pair.write("old/empty", "").write("new/void", "");
    let seen: Vec<_> = pair.compare(|diff| {
        let shown = |change: &Change| (change.from.as_ref().map(ToString::to_string), change.path.to_string(), change.kind);
        diff.changes().iter().map(shown).collect()
    });
    let expected = [
        (None, "empty", ChangeKind::Deleted),
        (Some("before"), "folder/after", ChangeKind::Renamed),
        (None, "run", ChangeKind::Mode),
        (None, "type", ChangeKind::Type),
        (None, "void", ChangeKind::Created),
        (None, "x/name", ChangeKind::Deleted),
        (Some("y/other"), "z/other", ChangeKind::Renamed),
    ];
    assert_eq!(seen, expected.map(|(from, path, kind)| (from.map(str::to_owned), path.to_owned(), kind)));
}

/// F189
#[test]
fn nothing_is_an_empty_folder() {
    let pair = Pair::new();
    pair.write("new/a", "x\n").write("new/b/c", "y\n");
    let root = Root::open(&pair.path("new")).unwrap();
    let tree = Tree::of(&root, &Selection::everything()).unwrap();
    let diff = Diff::between(Version::nothing(), Version::folder(&tree, &root)).unwrap();
    assert_eq!(diff.stats(), Stats { created: 2, lines_added: 2, ..Stats::default() });
    let document = diff.document(Bytes::mebi(1)).unwrap();
    assert_eq!((document.from, document.to), (None, Some(tree.digest())));
    let back = Diff::between(Version::folder(&tree, &root), Version::nothing()).unwrap();
    assert_eq!(back.stats(), Stats { deleted: 2, lines_removed: 2, ..Stats::default() });
}

#[test]
fn an_empty_folder_that_gets_something_in_it_is_not_gone() {
    let pair = Pair::new();
    fs::create_dir_all(pair.path("old/folder")).unwrap();
    fs::create_dir_all(pair.path("old/gone")).unwrap();
    pair.write("new/folder/file", "").write("new/folder-b", "");
    let seen: Vec<_> = pair.changes().into_iter().map(|(path, kind, _)| (path, kind)).collect();
    let expected = [("folder-b", ChangeKind::Created), ("folder/file", ChangeKind::Created), ("gone", ChangeKind::Deleted)];
    assert_eq!(seen, expected.map(|(path, kind)| (path.to_owned(), kind)));
}

/// F190
#[test]
fn a_document_has_everything_a_program_needs() {
    let pair = Pair::new();
    pair.write("old/a", "one\n").write("new/a", "two\n").write("old/b", "caf\u{e9}\n").write("new/b", b"caf\xe9\n");
    let document = serde_json::to_value(pair.compare(|diff| diff.document(Bytes::mebi(1)).unwrap())).unwrap();
    assert_eq!(document["stats"]["modified"], 2);
    let change = &document["changes"][0];
    assert_eq!((change["path"].as_str(), change["change"].as_str()), (Some("a"), Some("modified")));
    assert_eq!((change["old"]["kind"].as_str(), change["old"]["mode"].as_str()), (Some("file"), Some("0644")));
    assert!(change["patch"].as_str().unwrap().ends_with("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n"), "{change}");
    assert!(document["changes"][1]["patch"].is_string());
    let short = serde_json::to_value(pair.compare(|diff| diff.document(Bytes(0)).unwrap())).unwrap();
    assert!(short["changes"][0].get("patch").is_none() && short["changes"][0]["lines_added"] == 1);
}

/// X65
#[test]
fn a_text_that_is_too_large_to_be_read_at_once_is_told_by_its_size_and_digest() {
    let pair = Pair::new();
    pair.write("old/log", b"line\n".repeat(4 << 20)).write("new/log", b"line\n".repeat(5 << 20));
    assert_eq!(pair.changes(), [("log".to_owned(), ChangeKind::Modified, Lines::Large)]);
}

#[test]
fn a_file_that_changes_while_it_is_compared_is_an_error() {
    let pair = Pair::new();
    pair.write("old/a", "one").write("new/a", "two");
    let root = Root::open(&pair.path("new")).unwrap();
    let tree = Tree::of(&root, &Selection::everything()).unwrap();
    pair.write("new/a", "six");
    let error = Diff::between(Version::nothing(), Version::folder(&tree, &root)).unwrap_err();
    assert!(error.to_string().ends_with("it was changed meanwhile"), "{error}");
}
