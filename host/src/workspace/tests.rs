//! What the containment routine promises, in both ways of resolving a path.

use std::{
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use super::{contain::Resolver, *};
use crate::names::{Bytes, Digest};

const CAP: Bytes = Bytes::mebi(1);

/// A folder `inside` to hold open, and `outside/secret` beside it.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("inside");
    fs::create_dir_all(inside.join("a/b")).unwrap();
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::create_dir(place.path().join("outside/b")).unwrap();
    fs::write(place.path().join("outside/secret"), "secret").unwrap();
    fs::write(place.path().join("outside/b/file"), "secret").unwrap();
    fs::write(inside.join("a/b/file"), "content").unwrap();
    (place, inside)
}

fn both_ways(inside: &Path) -> [Root; 2] {
    [Resolver::Kernel, Resolver::Steps].map(|resolver| {
        let mut root = Root::open(inside).unwrap();
        root.resolver = resolver;
        root
    })
}

fn path(text: &str) -> RelativePath {
    text.parse().unwrap()
}

#[test]
fn a_file_in_the_folder_is_read() {
    let (_place, inside) = place();
    for root in both_ways(&inside) {
        assert_eq!(root.read(&path("a/b/file"), HardLinks::Refuse, CAP).unwrap(), b"content");
        let deeper = root.open_dir(&path("a")).unwrap();
        assert_eq!(deeper.read(&path("b/file"), HardLinks::Refuse, CAP).unwrap(), b"content");
        assert!(root.open_file(&path("a/b/none"), HardLinks::Refuse).unwrap_err().is_not_found());
        assert!(root.open_file(&path("none/file"), HardLinks::Refuse).unwrap_err().is_not_found());
    }
}

/// PR27
#[test]
fn a_link_is_refused_wherever_it_stands_in_the_path() {
    let (place, inside) = place();
    symlink(place.path().join("outside"), inside.join("first")).unwrap();
    symlink("../../outside", inside.join("a/middle")).unwrap();
    symlink(place.path().join("outside/secret"), inside.join("a/b/last")).unwrap();
    symlink("file", inside.join("a/b/harmless")).unwrap();
    symlink("/proc/self/root", inside.join("magic")).unwrap();
    symlink("dangling", inside.join("nowhere")).unwrap();
    for root in both_ways(&inside) {
        for name in ["first/secret", "first/b/file", "a/middle/secret", "a/b/last", "a/b/harmless", "magic/etc/passwd", "nowhere"] {
            let error = root.open_file(&path(name), HardLinks::Take).unwrap_err();
            assert!(matches!(error, WorkspaceError::Link { .. }), "{name}: {error}");
        }
        for name in ["first/new", "a/middle/new", "nowhere", "a/b/last"] {
            assert!(root.create_file(&path(name)).is_err(), "{name}");
        }
        for name in ["first/made", "a/middle/made", "nowhere/made", "magic/tmp/made"] {
            let error = root.create_dir_all(&path(name)).unwrap_err();
            assert!(matches!(error, WorkspaceError::Link { .. }), "{name}: {error}");
        }
    }
    assert!(!place.path().join("outside/new").exists() && !place.path().join("outside/made").exists());
}

/// PR27
#[test]
fn a_file_with_a_second_name_is_refused_where_the_caller_says_so() {
    let (place, inside) = place();
    fs::hard_link(place.path().join("outside/secret"), inside.join("hard")).unwrap();
    for root in both_ways(&inside) {
        let error = root.open_file(&path("hard"), HardLinks::Refuse).unwrap_err();
        assert!(matches!(error, WorkspaceError::HardLinked { links: 2, .. }), "{error}");
        assert!(root.open_file(&path("hard"), HardLinks::Take).is_ok());
        assert!(root.measure(&path("hard"), CAP).is_err());
        assert!(root.copy_out(&path("hard"), &root, &path("copy"), CAP).is_err());
    }
}

/// PR27
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let (_place, inside) = place();
    mknodat(CWD, inside.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    let _socket = UnixListener::bind(inside.join("socket")).unwrap();
    for root in both_ways(&inside) {
        for (name, kind) in [("pipe", "a pipe"), ("socket", "a socket or a device"), ("a/b", "a folder")] {
            let error = root.open_file(&path(name), HardLinks::Take).unwrap_err();
            assert!(error.to_string().ends_with(&format!("is {kind}, not a regular file")), "{error}");
        }
    }
    for root in both_ways(Path::new("/dev")) {
        let error = root.open_file(&path("zero"), HardLinks::Take).unwrap_err();
        assert!(error.to_string().ends_with("is a device, not a regular file"), "{error}");
    }
}

#[test]
fn a_file_is_created_once_and_its_folders_on_demand() {
    let (_place, inside) = place();
    for (root, folder) in both_ways(&inside).iter().zip(["kernel", "steps"]) {
        let made = root.create_dir_all(&path(&format!("{folder}/x/y"))).unwrap();
        made.create_file(&path("file")).unwrap().write_all(b"new").unwrap();
        assert!(root.create_dir_all(&path(&format!("{folder}/x/y"))).is_ok());
        assert!(root.create_file(&path(&format!("{folder}/x/y/file"))).is_err());
        assert_eq!(fs::read(inside.join(folder).join("x/y/file")).unwrap(), b"new");
        assert!(root.create_dir_all(&path("a/b/file/below")).is_err());
    }
}

#[test]
fn a_copy_has_the_digest_of_its_bytes_and_keeps_only_the_executable_bit() {
    let (place, inside) = place();
    let content: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).take(600_001).collect();
    fs::write(inside.join("run"), &content).unwrap();
    fs::set_permissions(inside.join("run"), fs::Permissions::from_mode(0o4755)).unwrap();
    let target = Root::open(&place.path().join("outside")).unwrap();
    for root in both_ways(&inside) {
        let copied = root.copy_out(&path("run"), &target, &path("x/y/run"), CAP).unwrap();
        assert_eq!(copied, CopiedFile { bytes: Bytes(600_001), sha256: Digest::of(&content) });
        assert_eq!(root.measure(&path("run"), CAP).unwrap(), copied);
        let copy = place.path().join("outside/x/y/run");
        assert_eq!(fs::read(&copy).unwrap(), content);
        let mode = fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!((mode & 0o7000, mode & 0o100), (0, 0o100));
    }
    assert_eq!(fs::read_dir(place.path().join("outside/x/y")).unwrap().count(), 1);
}

#[test]
fn a_copy_replaces_a_link_and_does_not_follow_it() {
    let (place, inside) = place();
    symlink(place.path().join("outside/secret"), inside.join("target")).unwrap();
    for root in both_ways(&inside) {
        root.copy_out(&path("a/b/file"), &root, &path("target"), CAP).unwrap();
        assert_eq!(fs::read(inside.join("target")).unwrap(), b"content");
        assert_eq!(fs::read(place.path().join("outside/secret")).unwrap(), b"secret");
    }
}

#[test]
fn a_huge_sparse_file_costs_nothing() {
    let (_place, inside) = place();
    fs::File::create(inside.join("huge")).unwrap().set_len(1 << 40).unwrap();
    for root in both_ways(&inside) {
        for error in [
            root.measure(&path("huge"), CAP).unwrap_err(),
            root.copy_out(&path("huge"), &root, &path("copy"), CAP).unwrap_err(),
            root.read(&path("huge"), HardLinks::Refuse, CAP).unwrap_err(),
        ] {
            assert!(error.to_string().ends_with("is larger than 1.0 MiB"), "{error}");
        }
    }
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 2);
}

#[test]
fn the_cap_is_exact() {
    let (_place, inside) = place();
    let root = Root::open(&inside).unwrap();
    assert!(root.read(&path("a/b/file"), HardLinks::Refuse, Bytes(7)).is_ok());
    assert!(root.read(&path("a/b/file"), HardLinks::Refuse, Bytes(6)).is_err());
    assert!(root.measure(&path("a/b/file"), Bytes(7)).is_ok());
    assert!(root.measure(&path("a/b/file"), Bytes(6)).is_err());
}

#[test]
fn strange_names_are_found_and_shown_escaped() {
    let (_place, inside) = place();
    for root in both_ways(&inside) {
        for name in [&b"new\nline"[..], b"\xff\xfe", b"-rf *", "\u{202e}txt".as_bytes()] {
            fs::write(inside.join(OsStr::from_bytes(name)), "x").unwrap();
            let name = RelativePath::from_os(OsStr::from_bytes(name)).unwrap();
            assert_eq!(root.measure(&name, CAP).unwrap().bytes, Bytes(1));
        }
        let missing = RelativePath::from_os(OsStr::from_bytes(b"no\nsuch\xff")).unwrap();
        let message = root.measure(&missing, CAP).unwrap_err().to_string();
        assert!(message.starts_with("there is no `no\\nsuch\u{fffd}` in "), "{message}");
    }
}

#[test]
fn a_folder_that_is_held_open_stays_the_same_when_its_name_moves() {
    let (place, inside) = place();
    let root = Root::open(&inside).unwrap();
    fs::rename(&inside, place.path().join("moved")).unwrap();
    symlink(place.path().join("outside"), &inside).unwrap();
    assert_eq!(root.read(&path("a/b/file"), HardLinks::Refuse, CAP).unwrap(), b"content");
}

/// Another thread swaps the folder `a` and a link to `outside` as fast as it can, while files below `a` are opened.
fn race(resolver: Resolver) {
    let (place, inside) = place();
    let mut root = Root::open(&inside).unwrap();
    root.resolver = resolver;
    symlink(place.path().join("outside"), inside.join("link")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, inside.join("a"), CWD, inside.join("link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut opened, mut refused) = (0, 0);
        let deadline = Instant::now() + Duration::from_mins(1);
        while opened + refused < 10_000 || ((opened == 0 || refused == 0) && Instant::now() < deadline) {
            match root.open_file(&path("a/b/file"), HardLinks::Take) {
                Ok(mut file) => {
                    let mut text = String::new();
                    file.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "content");
                    opened += 1;
                }
                Err(_) => refused += 1,
            }
            let _ = root.create_dir_all(&path(&format!("a/made{}", opened % 10)));
        }
        done.store(true, Ordering::Relaxed);
        assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
    });
    let strangers: Vec<_> = fs::read_dir(place.path().join("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(strangers.iter().all(|name| name == "secret" || name == "b"), "{strangers:?}");
}

#[test]
fn a_folder_that_is_swapped_for_a_link_never_leads_outside() {
    race(Resolver::Kernel);
}

#[test]
fn a_folder_that_is_swapped_for_a_link_never_leads_outside_in_steps_either() {
    race(Resolver::Steps);
}
