//! What reading, filling and emptying a workspace promise.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use serde_json::json;

use super::*;
use crate::names::Bytes;

/// A folder `inside` with a few files, and a secret beside it.
fn place() -> (tempfile::TempDir, Root) {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("inside");
    fs::create_dir_all(inside.join("src/deep")).unwrap();
    fs::create_dir(inside.join("nothing")).unwrap();
    for (name, content) in [("main.py", "print()"), (".hidden", "dot"), ("src/a.py", "a"), ("src/deep/b.py", "b"), ("src/c.txt", "c")] {
        fs::write(inside.join(name), content).unwrap();
    }
    fs::write(inside.join("src/raw.bin"), [0xff, 0xfe, 0]).unwrap();
    fs::write(place.path().join("secret"), "secret").unwrap();
    let root = Root::open(&inside).unwrap();
    (place, root)
}

fn contents(root: &Root, wanted: &[&str]) -> Result<Contents, WorkspaceError> {
    root.contents(&wanted.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), ContentLimits::default())
}

fn names(contents: &Contents) -> Vec<&str> {
    contents.files.keys().map(|path| path.as_text().unwrap()).collect()
}

/// F162, F163, N18, X55
#[test]
fn files_are_read_by_name_by_pattern_and_by_folder() {
    let (_place, root) = place();
    let all = ["main.py", "src/a.py", "src/c.txt", "src/deep/b.py", "src/raw.bin"];
    for (wanted, expected) in [
        (&["main.py"][..], &["main.py"][..]),
        (&["./main.py", "main.py", "*.py"], &["main.py"]),
        (&[".hidden"], &[".hidden"]),
        (&["*.py"], &["main.py"]),
        (&["**/*.py"], &["main.py", "src/a.py", "src/deep/b.py"]),
        (&["src/*.py", "src/**"], &all[1..]),
        (&["src/*/b.?y"], &["src/deep/b.py"]),
        (&["src/[ac].*"], &["src/a.py", "src/c.txt"]),
        (&["src/{a,none}.py"], &["src/a.py"]),
        (&["src"], &all[1..]),
        (&["src/", "main.py"], &all),
        (&["nothing", "", "  "], &[]),
        (&["*.none"], &[]),
        (&[], &[]),
    ] {
        let found = contents(&root, wanted).unwrap();
        assert_eq!(names(&found), expected, "{wanted:?}");
        assert!(found.missing.is_empty() && found.skipped.is_empty(), "{found:?}");
    }
    let found = contents(&root, &["."]).unwrap();
    assert_eq!(found.files.len(), 6);
    assert_eq!(found.files[&"src/raw.bin".parse().unwrap()], Body::Bytes(vec![0xff, 0xfe, 0]));
    assert_eq!(found.files[&".hidden".parse().unwrap()], Body::Text("dot".into()));
    assert_eq!(contents(&root, &["gone.txt", "src/gone"]).unwrap().missing, ["gone.txt", "src/gone"]);
}

/// F162
#[test]
fn a_file_whose_name_looks_like_a_pattern_is_found_by_its_name() {
    let (_place, root) = place();
    fs::write(root.path().join("a[1]*.txt"), "odd").unwrap();
    fs::write(root.path().join("a1x.txt"), "other").unwrap();
    assert_eq!(names(&contents(&root, &["a[1]*.txt"]).unwrap()), ["a[1]*.txt"]);
}

/// F163, F164, N14, X50, X51
#[test]
fn nothing_outside_of_the_workspace_is_read_however_it_is_asked_for() {
    let (place, root) = place();
    let secret = place.path().join("secret");
    symlink(&secret, root.path().join("link")).unwrap();
    symlink("main.py", root.path().join("harmless")).unwrap();
    symlink(place.path(), root.path().join("src/out")).unwrap();
    symlink("/", root.path().join("src/machine")).unwrap();
    fs::hard_link(&secret, root.path().join("src/second-name")).unwrap();
    for wanted in
        ["../secret", "src/../../secret", "/etc/hostname", "a/../../../secret", "./../secret", "../*", "/etc/*", "src/../**", "a\0b"]
    {
        let error = contents(&root, &[wanted]).unwrap_err();
        assert!(matches!(error, WorkspaceError::BadPath { .. }), "{wanted}: {error}");
    }
    for wanted in ["link", "harmless", "src/out/secret", "src/machine/etc/hostname", "src/out", "src/out/*", "src/machine/etc/*"] {
        let error = contents(&root, &[wanted]).unwrap_err();
        assert!(matches!(error, WorkspaceError::Link { .. }), "{wanted}: {error}");
    }
    assert!(matches!(contents(&root, &["src/second-name"]), Err(WorkspaceError::HardLinked { .. })));
    for wanted in [".", "**", "src", "src/*", "src/**", "*"] {
        let found = contents(&root, &[wanted]).unwrap();
        assert!(found.files.values().all(|body| *body != Body::Text("secret".into())), "{wanted}");
        assert!(!found.skipped.is_empty(), "{wanted}");
    }
    let skipped = contents(&root, &["."]).unwrap().skipped;
    let skipped: Vec<_> = skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["harmless", "link", "src/machine", "src/out", "src/second-name"]);
}

/// F162
#[test]
fn a_pattern_that_matches_too_much_meets_a_limit() {
    let (_place, root) = place();
    for number in 0..50 {
        fs::write(root.path().join(format!("f{number}")), "12345").unwrap();
    }
    let small = ContentLimits { files: 20, names: 40, levels: 1, file_bytes: Bytes(4), bytes: Bytes(64) };
    let error = |limits: ContentLimits, wanted: &str| root.contents(&[wanted.to_owned()], limits).unwrap_err().to_string();
    let all = ContentLimits::default();
    assert!(error(ContentLimits { files: 20, ..all }, "f*").ends_with("has more than 20 files to read"));
    assert!(error(ContentLimits { names: 40, ..all }, "none*").ends_with("has more than 40 names to look at"));
    assert!(error(ContentLimits { levels: 1, ..all }, "**/x").ends_with("has more than 1 folders in folders"));
    assert!(error(ContentLimits { file_bytes: small.file_bytes, ..all }, "f1").ends_with("is larger than 4 B"));
    assert!(error(ContentLimits { bytes: small.bytes, ..all }, "f*").ends_with("is larger than 64 B"));
    assert!(matches!(contents(&root, &["a[b"]), Err(WorkspaceError::Pattern { .. })));
}

fn input(path: &str, text: &str) -> InputFile {
    InputFile::literal(path.parse().unwrap(), Content::Text(text.into()), None)
}

/// F165, F223
#[test]
fn input_files_are_written_as_what_they_are_with_the_folders_they_need() {
    let (_place, root) = place();
    let table = Content::Document(json!([{ "a": "007", "b": 1 }]));
    let files = [
        input("a/b/c.txt", "text"),
        InputFile::literal("data/t.csv".parse().unwrap(), table.clone(), None),
        InputFile::literal("data/t.json.gz".parse().unwrap(), table.clone(), None),
        InputFile::literal("data/plain".parse().unwrap(), table, Some(Format::plain(FileKind::JsonLines))),
        InputFile { executable: true, ..input("run.sh", "#!/bin/sh\n") },
        input("main.py", "replaced"),
    ];
    let placed = root.materialize(&files, FileLimits::default()).unwrap();
    assert_eq!(placed.len(), 6);
    let text = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();
    assert_eq!((text("a/b/c.txt").as_str(), text("main.py").as_str()), ("text", "replaced"));
    assert_eq!(text("data/t.csv"), "a,b\n007,1\n");
    assert_eq!(text("data/plain"), "[{\"a\":\"007\",\"b\":1}]\n");
    let mode = |name: &str| fs::metadata(root.path().join(name)).unwrap().permissions().mode() & 0o100;
    assert_eq!((mode("run.sh"), mode("main.py")), (0o100, 0));
}

/// F223, X72
#[test]
fn an_input_file_comes_from_a_path_and_keeps_its_type() {
    let (place, root) = place();
    fs::write(place.path().join("t.csv"), "a\n007\n").unwrap();
    fs::set_permissions(place.path().join("t.csv"), fs::Permissions::from_mode(0o755)).unwrap();
    let relative = InputFile::from_path(Path::new("t.csv"), place.path(), None, None).unwrap();
    assert_eq!((relative.path.to_string().as_str(), relative.executable), ("t.csv", true));
    assert_eq!(relative.format, Some(Format::plain(FileKind::Csv)));
    let absolute = InputFile::from_absolute(&place.path().join("t.csv"), "in/t.csv".parse().unwrap(), None).unwrap();
    root.materialize(&[relative, absolute], FileLimits::default()).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("in/t.csv")).unwrap(), "a\n007\n");
    assert!(matches!(InputFile::from_absolute(Path::new("t.csv"), "x".parse().unwrap(), None), Err(WorkspaceError::BadPath { .. })));
    assert!(matches!(InputFile::from_path(Path::new("/etc/hostname"), place.path(), None, None), Err(WorkspaceError::BadPath { .. })));
    for missing in ["none.csv", "inside"] {
        let error = InputFile::from_path(Path::new(missing), place.path(), None, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the input `"), "{error}");
    }
}

/// F164, F165, N14, X52
#[test]
fn an_input_file_is_written_into_the_workspace_or_nowhere() {
    let (place, root) = place();
    for text in ["../x", "/tmp/x", "a/../../x", "a//b", ".", ""] {
        assert!(text.parse::<RelativePath>().is_err(), "{text}: a path that leads out cannot even be said");
    }
    symlink(place.path(), root.path().join("out")).unwrap();
    symlink(place.path().join("secret"), root.path().join("link.txt")).unwrap();
    assert!(matches!(root.materialize(&[input("out/x.txt", "x")], FileLimits::default()), Err(WorkspaceError::Link { .. })));
    root.materialize(&[input("link.txt", "mine")], FileLimits::default()).unwrap();
    assert_eq!(fs::read_to_string(place.path().join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_to_string(root.path().join("link.txt")).unwrap(), "mine");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
}

/// F160, F161
#[test]
fn a_workspace_is_prepared_once_and_is_gone_after_its_cleanup() {
    let place = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::new_in(place.path());
    assert!(workspace.root().unwrap_err().to_string().ends_with("is not prepared"));
    assert!(workspace.reset(|_| Ok(())).unwrap_err().to_string().ends_with("is not prepared"));
    let root = workspace.prepare(|root| root.materialize(&[input("a/b", "initial")], FileLimits::default()).map(|_| ())).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("a/b")).unwrap(), "initial");
    assert_eq!(fs::metadata(workspace.path()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(workspace.prepare(|_| Ok(())).unwrap_err().to_string().ends_with("is already prepared"));
    assert!(workspace.cleanup().left.is_empty());
    assert!(!workspace.path().exists());
    assert!(workspace.cleanup().left.is_empty(), "twice is harmless");
    assert!(workspace.root().unwrap_err().to_string().ends_with("was cleaned up"));
    assert!(workspace.prepare(|_| Ok(())).unwrap_err().to_string().ends_with("was cleaned up"));
    assert!(Workspace::new_in(place.path()).cleanup().left.is_empty(), "before it was made");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

/// F160
#[test]
fn a_workspace_that_cannot_be_filled_leaves_nothing_and_takes_nobodys_folder() {
    let place = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::at(place.path().join("w"));
    let failing = |root: &Root| {
        root.materialize(&[input("a/b", "x")], FileLimits::default())?;
        Err(WorkspaceError::Pattern { pattern: "x".into(), problem: "y".into() })
    };
    assert!(workspace.prepare(failing).is_err());
    assert!(!workspace.path().exists());
    assert!(workspace.prepare(|_| Ok(())).is_ok());
    fs::write(workspace.path().join("kept"), "").unwrap();
    assert!(Workspace::at(workspace.path().to_owned()).prepare(|_| Ok(())).is_err());
    assert!(workspace.path().join("kept").exists());
}

/// F160, X68
#[test]
fn a_reset_brings_back_what_was_there_and_keeps_the_folder_itself() {
    let place = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::new_in(place.path());
    let fill = |root: &Root| root.materialize(&[input("a/b", "initial"), input("c", "c")], FileLimits::default()).map(|_| ());
    let root = workspace.prepare(fill).unwrap();
    let before = fs::metadata(root.path()).unwrap().ino();
    let running = fs::File::open(root.path()).unwrap();
    fs::write(root.path().join("a/b"), "changed").unwrap();
    fs::remove_file(root.path().join("c")).unwrap();
    fs::create_dir_all(root.path().join("new/deep")).unwrap();
    fs::write(root.path().join("new/deep/file"), "").unwrap();
    symlink(place.path(), root.path().join("new/link")).unwrap();
    workspace.reset(fill).unwrap();
    assert_eq!(fs::metadata(workspace.path()).unwrap().ino(), before);
    assert_eq!(running.metadata().unwrap().ino(), before);
    assert_eq!(fs::read_to_string(workspace.path().join("a/b")).unwrap(), "initial");
    assert_eq!(fs::read_dir(workspace.path()).unwrap().count(), 2);
    assert!(place.path().exists());
}

/// F160, X67
#[test]
fn a_cleanup_removes_whatever_a_command_left_however_deep_and_locked() {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "").unwrap();
    let mut workspace = Workspace::new_in(place.path());
    let root = workspace.prepare(|_| Ok(())).unwrap();
    // Deeper than the system takes as one path.
    let mut folder: std::os::fd::OwnedFd = fs::File::open(root.path()).unwrap().into();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&folder, "deep", rustix::fs::Mode::RWXU).unwrap();
        folder = rustix::fs::openat(&folder, "deep", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
    let locked = root.path().join("locked");
    fs::create_dir_all(locked.join("inner")).unwrap();
    fs::write(locked.join("inner/file"), "").unwrap();
    for path in [locked.join("inner"), locked.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    symlink(&outside, root.path().join("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.path().join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let cleanup = workspace.cleanup();
    assert!(cleanup.left.is_empty(), "{:?}", cleanup.left);
    assert!(!workspace.path().exists() && outside.join("kept").exists());
}
