//! What snapshots promise.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
};

use proptest::prelude::*;

use super::*;
use crate::{
    names::{Bytes, Digest},
    workspace::{LeftOut, RelativePath, Root, Selection, WorkspaceError},
};

/// A folder to look at, and one to keep what was in it.
pub(super) struct Place {
    place: tempfile::TempDir,
    pub(super) objects: Objects,
}

impl Place {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("work")).unwrap();
        fs::create_dir(place.path().join("objects")).unwrap();
        let objects = Objects::open(Root::open(&place.path().join("objects")).unwrap()).unwrap();
        Self { place, objects }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("work").join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(super) fn work(&self) -> Root {
        Root::open(&self.path("")).unwrap()
    }

    pub(super) fn take(&self) -> Taken {
        self.objects.writer().unwrap().take(&self.work(), &Selection::everything()).unwrap()
    }

    pub(super) fn restore(&self, snapshot: &Snapshot) -> Restored {
        self.objects.restore(&snapshot.tree, &self.work(), Leftovers::Remove).unwrap()
    }

    /// Every file below the folder of objects.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.place.path().join("objects/content")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

pub(super) fn path(text: &str) -> RelativePath {
    text.parse().unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode()
}

/// F180, F182, X56, N16
#[test]
fn equal_content_gives_the_equal_digest_whenever_and_wherever() {
    let digests = [["b/c", "a"], ["a", "b/c"]].map(|order| {
        let place = Place::new();
        for name in order {
            place.write(name, format!("content of {name}"));
        }
        fs::create_dir(place.path("empty")).unwrap();
        symlink("b/c", place.path("link")).unwrap();
        place.take().snapshot.digest
    });
    assert_eq!(digests[0], digests[1]);
    // Of the documented form, so it is the same in later versions and on other machines.
    let place = Place::new();
    place.write("a b", "x");
    let text = "worldflux tree 1\nfile 0644 1 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 a\\20b\n";
    assert_eq!(place.take().snapshot.digest, Digest::of(text.as_bytes()));
}

/// F184, X57, N15
#[test]
fn modes_links_and_empty_folders_come_back() {
    let place = Place::new();
    place.write("bin/run", "#!/bin/sh\n");
    set_mode(&place.path("bin/run"), 0o755);
    place.write("notes", "text");
    fs::create_dir_all(place.path("empty/inner")).unwrap();
    symlink("bin/run", place.path("link")).unwrap();
    symlink("/nowhere/at all", place.path("dangling")).unwrap();
    let before = place.take().snapshot;
    fs::remove_dir_all(place.path("")).unwrap();
    fs::create_dir(place.path("")).unwrap();
    assert_eq!(place.restore(&before), Restored { written: 4, removed: 0 });
    assert_eq!((mode(&place.path("bin/run")) & 0o100, mode(&place.path("notes")) & 0o111), (0o100, 0));
    assert!(place.path("empty/inner").is_dir());
    assert_eq!(fs::read_link(place.path("link")).unwrap(), Path::new("bin/run"));
    assert_eq!(fs::read_link(place.path("dangling")).unwrap(), Path::new("/nowhere/at all"));
    assert_eq!(place.take().snapshot, before);
    assert_eq!(place.restore(&before), Restored::default());
}

/// F202, X66, N24
#[test]
fn restoring_leaves_exactly_what_was_there() {
    let place = Place::new();
    place.write("kept", "kept");
    place.write("changed", "before");
    place.write("folder/file", "content");
    place.write("executable", "x");
    symlink("kept", place.path("was link")).unwrap();
    let before = place.take().snapshot;

    place.write("changed", "after!");
    place.write("extra", "extra");
    place.write("more/and/more", "extra");
    set_mode(&place.path("executable"), 0o755);
    fs::remove_file(place.path("was link")).unwrap();
    place.write("was link/is folder", "x");
    fs::remove_dir_all(place.path("folder")).unwrap();
    symlink("more", place.path("folder")).unwrap();
    fs::create_dir(place.path("sealed")).unwrap();
    place.write("sealed/file", "x");
    set_mode(&place.path("sealed"), 0);
    place.restore(&before);
    assert_eq!(place.take().snapshot, before);
    assert_eq!(fs::read(place.path("folder/file")).unwrap(), b"content");
    // What the link led to was not written to, and went as what it was: something extra.
    assert!(!place.path("more").exists() && !place.path("sealed").exists());
}

#[test]
fn a_chain_of_folders_that_is_deeper_than_any_path_is_a_limit_and_can_be_removed() {
    let place = Place::new();
    place.write("file", "x");
    let before = place.take().snapshot;
    let mut here = rustix::fs::open(place.path(""), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..5_000 {
        rustix::fs::mkdirat(&here, "d", rustix::fs::Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, "d", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
    let error = place.objects.writer().unwrap().take(&place.work(), &Selection::everything()).unwrap_err();
    assert!(error.to_string().ends_with("has more than 250 folders in folders"), "{error}");
    place.restore(&before);
    assert_eq!(place.take().snapshot, before);
}

#[test]
fn the_second_snapshot_reads_only_what_changed() {
    let place = Place::new();
    for number in 0..40 {
        place.write(&format!("{number}"), format!("content {number}"));
    }
    // Until every file is older than what a clock can hide.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    assert_eq!(place.take().read, 40);
    while place.take().read > 0 {
        assert!(std::time::Instant::now() < deadline, "files are read again and again");
    }
    place.write("7", "another content");
    set_mode(&place.path("8"), 0o755);
    let taken = place.take();
    // The mode is part of what a file looks like, and its content has to be looked at for it.
    assert_eq!(taken.read, 2);
    let entry = taken.snapshot.tree.get(&path("8")).unwrap();
    assert!(matches!(entry, Node::File { executable: true, .. }));
    assert_eq!(place.objects.read_file(&taken.snapshot.tree, &path("7"), Bytes(100)).unwrap(), b"another content");
}

#[test]
fn a_file_that_is_rewritten_at_once_with_the_same_length_is_noticed() {
    let place = Place::new();
    for turn in 0..300 {
        place.write("file", format!("{turn:04}"));
        let taken = place.take();
        assert_eq!(place.objects.read_file(&taken.snapshot.tree, &path("file"), Bytes(4)).unwrap(), format!("{turn:04}").as_bytes());
    }
}

#[test]
fn what_is_remembered_of_files_is_not_believed_when_their_content_is_gone() {
    let place = Place::new();
    place.write("file", "content");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while place.take().read > 0 {
        assert!(std::time::Instant::now() < deadline);
    }
    fs::remove_file(&place.kept()[0]).unwrap();
    assert_eq!(place.take().read, 1);
    // A file of no bytes is what a power failure leaves.
    fs::write(&place.kept()[0], "").unwrap();
    let taken = place.take();
    assert_eq!((taken.read, place.kept().len()), (1, 1));
    assert_eq!(place.objects.read_file(&taken.snapshot.tree, &path("file"), Bytes(10)).unwrap(), b"content");
}

#[test]
fn content_is_stored_once_and_nobody_else_can_read_it() {
    let place = Place::new();
    for name in ["a", "b/c", "b/d"] {
        place.write(name, "the same");
    }
    place.take();
    place.write("b/e", "the same");
    place.take();
    let kept = place.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(mode(&kept[0]) & 0o777, 0o600);
    assert_eq!(place.objects.snapshots().unwrap().len(), 2);
}

/// F183
#[test]
fn what_is_not_taken_is_told() {
    let place = Place::new();
    place.write("a.txt", "x");
    place.write("a.pyc", "x");
    place.write("venv/lib/b.txt", "x");
    rustix::fs::mknodat(rustix::fs::CWD, place.path("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    let selection = Selection::new(&[], &["*.pyc".into(), "venv/*".into()]).unwrap();
    let taken = place.objects.writer().unwrap().take(&place.work(), &selection).unwrap();
    let paths: Vec<_> = taken.snapshot.tree.entries().iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(paths, ["a.txt"]);
    let others: Vec<_> = taken.others.iter().map(|other| (other.path.to_string(), other.reason)).collect();
    let expected =
        [("a.pyc", LeftOut::Unselected), ("pipe", LeftOut::Special), ("socket", LeftOut::Special), ("venv", LeftOut::Unselected)];
    assert_eq!(others, expected.map(|(path, reason)| (path.to_owned(), reason)));
}

#[test]
fn a_link_is_kept_as_a_link_and_what_it_leads_to_is_not_read() {
    let place = Place::new();
    fs::write(place.place.path().join("secret"), "secret").unwrap();
    symlink(place.place.path().join("secret"), place.path("link")).unwrap();
    symlink(place.place.path(), place.path("folder")).unwrap();
    let taken = place.take();
    assert!(taken.snapshot.tree.entries().iter().all(|entry| matches!(entry.node, Node::Link(_))));
    assert_eq!((taken.snapshot.tree.entries().len(), place.kept().len()), (2, 0));
}

#[test]
fn large_files_are_kept_whole_whether_they_can_be_compressed_or_not() {
    let place = Place::new();
    let text = b"line after line\n".repeat(1 << 20);
    let mut noise = vec![0; 9 << 20];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = state.to_le_bytes()[7];
    }
    place.write("text", &text);
    place.write("noise", &noise);
    let before = place.take().snapshot;
    let sizes: Vec<_> = place.kept().iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes.iter().any(|size| *size < 1 << 20) && sizes.iter().any(|size| *size > 9 << 20), "{sizes:?}");
    assert_eq!(before.tree.bytes(), Bytes(25 << 20));
    for name in ["text", "noise"] {
        fs::remove_file(place.path(name)).unwrap();
    }
    place.restore(&before);
    assert!(fs::read(place.path("text")).unwrap() == text && fs::read(place.path("noise")).unwrap() == noise);
    assert!(matches!(place.objects.read_file(&before.tree, &path("text"), Bytes(100)), Err(WorkspaceError::TooLarge { .. })));
}

#[test]
fn a_damaged_content_is_noticed_and_never_put_in_place() {
    for damage in [&b""[..], b"\x00changed", b"\x01nonsense", b"\x07x", b"\x00much longer than it was"] {
        let place = Place::new();
        place.write("file", "content");
        let before = place.take().snapshot;
        fs::write(&place.kept()[0], damage).unwrap();
        place.write("file", "present");
        let error = place.objects.restore(&before.tree, &place.work(), Leftovers::Remove).unwrap_err();
        assert!(matches!(error, WorkspaceError::Content { .. }), "{error}");
        assert_eq!(fs::read(place.path("file")).unwrap(), b"present");
        assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 1);
    }
}

#[test]
fn many_can_store_the_same_at_once() {
    let place = Place::new();
    for number in 0..200 {
        place.write(&format!("{number}"), format!("content {}", number % 50).repeat(100));
    }
    let digests: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| place.take().snapshot.digest)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(place.kept().len(), 50);
    let read = place.objects.snapshot(&digests[0]).unwrap();
    assert_eq!(place.restore(&read), Restored::default());
}

/// F166
#[test]
fn an_update_tells_the_snapshot_that_was_there() {
    let place = Place::new();
    let mut current = place.take().snapshot;
    place.write("file", "x");
    let writer = place.objects.writer().unwrap();
    let previous = writer.update(&mut current, &place.work(), &Selection::everything()).unwrap();
    assert_eq!((previous.tree.entries().len(), current.tree.entries().len()), (0, 1));
}

#[test]
fn a_file_with_a_second_name_gets_one_of_its_own_when_it_is_restored() {
    let place = Place::new();
    place.write("file", "content");
    let before = place.take().snapshot;
    fs::hard_link(place.path("file"), place.place.path().join("elsewhere")).unwrap();
    assert_eq!(place.restore(&before).written, 1);
    place.write("file", "changed");
    assert_eq!(fs::read(place.place.path().join("elsewhere")).unwrap(), b"content");
}

#[test]
fn a_document_that_is_not_as_it_is_written_is_refused() {
    let hex = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let whole = format!("worldflux tree 1\nfile 0644 1 {hex} a\nfolder b\nlink c a\n");
    assert_eq!(Tree::parse(whole.as_bytes()).unwrap().text(), whole.as_bytes());
    for (from, to) in [
        ("tree 1", "tree 2"),
        ("0644", "0600"),
        (" 1 ", " 01 "),
        ("folder b", "folder ../b"),
        ("folder b", "folder /b"),
        ("folder b", "folder \\62"),
        ("folder b", "folder a"),
        ("folder b", "folder a/b"),
        ("folder b", "folder d"),
        ("link c a", "link c "),
        ("link c a", "link c a b"),
        ("link c a\n", "link c a"),
        ("link c a", "socket c"),
        ("a\n", "\\0\n"),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert!(Tree::parse(broken.as_bytes()).is_err(), "{broken}");
    }
}

proptest! {
    #[test]
    fn any_names_and_contents_come_back(
        files in proptest::collection::btree_map("[a-c /\\\\\n\u{e9}]{1,6}", proptest::collection::vec(any::<u8>(), 0..40), 0..12)
    ) {
        let place = Place::new();
        for (name, content) in &files {
            let Ok(name) = RelativePath::from_os(OsStr::from_bytes(name.as_bytes())) else { continue };
            let target = place.path("").join(name.as_path());
            let _ = fs::create_dir_all(target.parent().unwrap());
            let _ = fs::write(target, content);
        }
        let before = place.take().snapshot;
        prop_assert_eq!(&Tree::parse(&before.tree.text()).unwrap(), &before.tree);
        prop_assert_eq!(&place.objects.snapshot(&before.digest).unwrap(), &before);
        fs::remove_dir_all(place.path("")).unwrap();
        fs::create_dir(place.path("")).unwrap();
        place.restore(&before);
        prop_assert_eq!(Tree::of(&place.work(), &Selection::everything()).unwrap(), before.tree);
    }

    #[test]
    fn any_text_is_either_refused_or_the_document_of_a_tree(lines in proptest::collection::vec("(folder|link x|file 0644 0) [a-c/\\\\0-9 ]{0,8}", 0..4)) {
        let text = format!("worldflux tree 1\n{}\n", lines.join("\n"));
        if let Ok(tree) = Tree::parse(text.as_bytes()) {
            prop_assert_eq!(tree.text(), text.into_bytes());
        }
    }
}
