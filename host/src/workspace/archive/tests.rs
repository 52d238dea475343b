//! What archives promise, to the tools that everybody has and against those who mean harm.

use std::{
    fs,
    io::{self, Read, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use super::*;
use crate::{
    names::{Bytes, Moment},
    workspace::{Objects, Root, Selection, Snapshot, Tree, WorkspaceError},
};

struct Place {
    place: tempfile::TempDir,
    objects: Objects,
}

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in ["work", "objects", "out"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let objects = Objects::open(Root::open(&place.path().join("objects")).unwrap()).unwrap();
        Self { place, objects }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.path().join(name)
    }

    fn root(&self, name: &str) -> Root {
        Root::open(&self.path(name)).unwrap()
    }

    /// A folder with something of everything.
    fn filled() -> (Self, Snapshot) {
        let place = Self::new();
        let long = format!("work/{}/{}", "long name ".repeat(9), "n".repeat(150));
        for (name, content) in
            [("work/a b", "text\n".repeat(300)), ("work/run", "#!/bin/sh\n".into()), (&*long, "x".into()), ("work/empty", String::new())]
        {
            fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
            fs::write(place.path(name), content).unwrap();
        }
        fs::set_permissions(place.path("work/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(place.path("work/empty folder/inner")).unwrap();
        symlink("a b", place.path("work/link")).unwrap();
        symlink("t".repeat(180), place.path("work/long link")).unwrap();
        let snapshot = place.objects.writer().unwrap().take(&place.root("work"), &Selection::everything()).unwrap().snapshot;
        (place, snapshot)
    }

    fn export(&self, snapshot: &Snapshot, compression: Compression) -> Vec<u8> {
        let mut archive = Vec::new();
        export(&self.objects, &snapshot.tree, compression, &mut archive).unwrap();
        archive
    }

    fn unpack(&self, archive: &[u8]) -> Result<Unpacked, WorkspaceError> {
        unpack(archive, &self.root("out"), UnpackLimits::default())
    }
}

/// F180, F182, F184
#[test]
fn an_archive_of_any_kind_is_the_same_every_time_and_comes_back_whole() {
    for compression in Compression::ALL {
        let (place, snapshot) = Place::filled();
        let archive = place.export(&snapshot, compression);
        assert_eq!(archive, place.export(&snapshot, compression), "{compression:?}");
        let unpacked = place.unpack(&archive).unwrap();
        assert_eq!((unpacked.compression, unpacked.members), (compression, 7));
        assert_eq!(Tree::of(&place.root("out"), &Selection::everything()).unwrap(), snapshot.tree);
    }
}

/// F180
#[test]
fn tar_reads_our_archives_and_we_read_those_of_tar() {
    let (place, snapshot) = Place::filled();
    let tar = |arguments: &[&str]| {
        let output = Command::new("tar").args(arguments).current_dir(place.place.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    fs::write(place.path("ours.tar"), place.export(&snapshot, Compression::None)).unwrap();
    tar(&["-xf", "ours.tar", "-C", "out"]);
    assert_eq!(Tree::of(&place.root("out"), &Selection::everything()).unwrap(), snapshot.tree);
    fs::hard_link(place.path("work/a b"), place.path("work/second")).unwrap();
    let with_second = Tree::of(&place.root("work"), &Selection::everything()).unwrap();
    for (format, options) in [("gnu", "-czf"), ("posix", "-cJf"), ("ustar", "-cjf"), ("v7", "-cf")] {
        // The older forms have no long names.
        let long_names = matches!(format, "gnu" | "posix");
        let members: &[&str] = if long_names { &["."] } else { &["a b", "run", "link", "second"] };
        tar(&[&[options, "theirs", &format!("--format={format}"), "-C", "work"], members].concat());
        fs::remove_dir_all(place.path("out")).unwrap();
        fs::create_dir(place.path("out")).unwrap();
        place.unpack(&fs::read(place.path("theirs")).unwrap()).unwrap();
        let tree = Tree::of(&place.root("out"), &Selection::everything()).unwrap();
        if long_names {
            assert_eq!(tree, with_second, "{format}");
        } else {
            assert_eq!(tree.entries().len(), 4, "{format}");
        }
    }
    // A hard link became a file of its own.
    fs::write(place.path("out/second"), "changed").unwrap();
    assert_ne!(fs::read(place.path("out/a b")).unwrap(), b"changed");
}

/// F192
#[test]
fn no_two_archives_have_the_same_name() {
    let name = || archive_name(Moment::from_unix_millis(0), "my work/..", Compression::Xz);
    assert!(name().starts_with("19700101T000000.") && name().ends_with(".my-work-...tar.xz"), "{}", name());
    assert_ne!(name(), name());
}

/// The end of an archive.
const END: [u8; 1024] = [0; 1024];

/// One member, as an attacker writes it.
fn member(kind: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let fields = header.as_ustar_mut().unwrap();
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o4777);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn nothing_is_outside(place: &Place) {
    let mut names: Vec<_> = fs::read_dir(place.place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["objects", "out", "work"]);
    assert_eq!(fs::read_dir(place.path("work")).unwrap().count(), 0);
}

/// X53, N14
#[test]
fn a_member_that_leads_out_of_the_folder_is_refused_by_name() {
    let long = format!("{}\0", "../".repeat(40));
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (member(b'0', "../escape", "", b"x"), "../escape", "one of its names is `..`"),
        (member(b'0', "/tmp/escape", "", b"x"), "/tmp/escape", "it is absolute"),
        (member(b'0', "a/../../escape", "", b"x"), "a/../../escape", "one of its names is `..`"),
        (member(b'5', "../escape", "", b""), "../escape", "one of its names is `..`"),
        (member(b'2', "link", "/etc/passwd", b""), "link", "it is a link that leads out of the folder"),
        (member(b'2', "link", "../work", b""), "link", "it is a link that leads out of the folder"),
        (member(b'2', "a/link", "../../work", b""), "a/link", "it is a link that leads out of the folder"),
        (member(b'2', "a/link", "b/../../x", b""), "a/link", "it is a link that leads out of the folder"),
        (member(b'2', "link", "", b""), "link", "it is a link without a target"),
        (member(b'1', "hard", "/etc/passwd", b""), "hard", "it is absolute"),
        (member(b'1', "hard", "../work", b""), "hard", "one of its names is `..`"),
        (member(b'1', "hard", "nothing", b""), "hard", "it is a hard link to something that is no file of the archive before it"),
        (member(b'3', "null", "", b""), "null", "it is a device"),
        (member(b'4', "disk", "", b""), "disk", "it is a device"),
        (member(b'6', "pipe", "", b""), "pipe", "it is a pipe"),
        (member(b'S', "sparse", "", b""), "sparse", "it is a file with holes"),
        (member(b'Z', "odd", "", b""), "odd", "it is of a kind that is not known"),
        (member(b'0', "", "", b"x"), "", "it has no name"),
        ([member(b'L', "long", "", long.as_bytes()), member(b'0', "short", "", b"x")].concat(), "../../../", "one of its names is `..`"),
        ([member(b'x', "pax", "", b"13 path=../x\n"), member(b'0', "short", "", b"x")].concat(), "../x", "one of its names is `..`"),
        (
            [member(b'K', "long", "", b"/etc\0"), member(b'2', "link", "fine", b"")].concat(),
            "link",
            "it is a link that leads out of the folder",
        ),
    ];
    for (archive, name, rule) in cases {
        let place = Place::new();
        let error = place.unpack(&archive).unwrap_err();
        assert!(matches!(&error, WorkspaceError::Member { member, .. } if member.starts_with(name)), "{name}: {error}");
        assert!(error.to_string().ends_with(rule), "{error}");
        nothing_is_outside(&place);
    }
}

/// X53, N14
#[test]
fn a_link_that_was_unpacked_or_was_there_is_never_gone_through() {
    for archive in [
        [member(b'5', "a", "", b""), member(b'2', "b", "a", b""), member(b'0', "b/file", "", b"x")].concat(),
        [member(b'2', "out", ".", b""), member(b'0', "out/file", "", b"x")].concat(),
        member(b'0', "given/file", "", b"x"),
        member(b'5', "given/folder", "", b""),
        [member(b'0', "a", "", b"x"), member(b'1', "given/hard", "a", b"")].concat(),
    ] {
        let place = Place::new();
        symlink("../work", place.path("out/given")).unwrap();
        let error = place.unpack(&archive).unwrap_err();
        assert!(matches!(error, WorkspaceError::Link { .. }), "{error}");
        nothing_is_outside(&place);
    }
    // One in the place of a file is replaced.
    let place = Place::new();
    symlink("../objects/file", place.path("out/given")).unwrap();
    place.unpack(&[&member(b'0', "given", "", b"x")[..], &END].concat()).unwrap();
    assert!(fs::symlink_metadata(place.path("out/given")).unwrap().is_file());
    nothing_is_outside(&place);
}

#[test]
fn of_a_member_only_path_content_and_executable_are_taken() {
    let place = Place::new();
    let archive = [member(b'0', "./a/b", "", b"x"), member(b'2', "a/c", "../a/b", b""), member(b'5', "./", "", b""), END.to_vec()].concat();
    assert_eq!(place.unpack(&archive).unwrap().members, 3);
    let mode = fs::metadata(place.path("out/a/b")).unwrap().permissions().mode();
    assert_eq!((mode & 0o7000, mode & 0o100, mode & 0o002), (0, 0o100, 0));
    assert_eq!(fs::read_link(place.path("out/a/c")).unwrap(), Path::new("../a/b"));
}

/// N14
#[test]
fn an_archive_that_becomes_too_much_is_stopped() {
    let zeros = |bytes: usize| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&member(b'0', "zeros", "", &vec![0; bytes])).unwrap();
        packer.write_all(&END).unwrap();
        packer.finish().unwrap()
    };
    let small = UnpackLimits { bytes: Bytes::mebi(4), ratio: 100, free: Bytes::mebi(1), members: 3, levels: 4 };
    let many: Vec<u8> = (0..4).flat_map(|number| member(b'5', &format!("{number}"), "", b"")).collect();
    let huge_name = {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(b'L'));
        header.set_size(1 << 40);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    for (archive, expected) in [
        (zeros(2 << 20), "the archive holds more than 100 times its own size in its files"),
        (member(b'0', "large", "", &vec![7; 5 << 20]), "the archive holds more than 4.0 MiB in its files"),
        (many, "the archive holds more than 3 members"),
        (member(b'5', "1/2/3/4/5", "", b""), "the member `1/2/3/4/5` of the archive is refused: it lies too deep"),
        (huge_name, "the archive holds more than 1 MiB about one of its members"),
    ] {
        let place = Place::new();
        let error = unpack(&*archive, &place.root("out"), small).unwrap_err();
        assert_eq!(error.to_string(), expected);
        // What was not whole was not put in place.
        assert!(!place.path("out/zeros").exists() && !place.path("out/large").exists());
    }
    // A small archive may be of nothing but zeros.
    let place = Place::new();
    assert_eq!(unpack(&*zeros(1 << 19), &place.root("out"), small).unwrap().bytes, Bytes(1 << 19));
}

/// An endless archive is stopped, however little of it there is at a time.
#[test]
fn an_archive_without_an_end_is_stopped() {
    struct Endless(Vec<u8>, usize);
    impl Read for Endless {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let length = space.len().min(7);
            for place in &mut space[..length] {
                *place = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(length)
        }
    }
    let place = Place::new();
    let limits = UnpackLimits { bytes: Bytes::mebi(1), ..UnpackLimits::default() };
    let error = unpack(Endless(member(b'0', "again", "", b"x"), 0), &place.root("out"), limits).unwrap_err();
    assert!(matches!(error, WorkspaceError::Bomb { .. }), "{error}");
}

#[test]
fn what_is_no_archive_or_only_a_part_of_one_is_an_error() {
    let (place, snapshot) = Place::filled();
    for compression in Compression::ALL {
        let archive = place.export(&snapshot, compression);
        for length in [archive.len() / 2, 512.min(archive.len() - 1), 700.min(archive.len() - 1)] {
            let error = place.unpack(&archive[..length]).unwrap_err();
            assert!(matches!(error, WorkspaceError::Archive { .. }), "{compression:?} {length}: {error}");
        }
    }
    let error = place.unpack(&[b'x'; 4096]).unwrap_err();
    assert_eq!(error.to_string(), "the archive cannot be read: it is not a tar archive, or a header of it is damaged");
    assert_eq!(place.unpack(b"").unwrap_err().to_string(), "the archive cannot be read: it ends in the middle");
    assert_eq!(place.unpack(&END).unwrap().members, 0);
}
