//! What keeping many small files together promises.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::{object_file::PLAIN, pack::read_index, packer::Packer, tests::Place, *};
use crate::{
    names::{Bytes, Digest},
    workspace::{Root, Selection, WorkspaceError},
};

type Damage = fn(&mut Vec<u8>, usize);

/// So many that one of the threads has enough for a pack.
pub(super) const MANY: usize = 200;

/// Bytes that cannot be compressed, others for every seed.
pub(super) fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    (0..length).map(|_| next()).collect()
}

impl Place {
    pub(super) fn with(files: usize, length: usize) -> Self {
        let place = Self::new();
        for number in 0..files {
            place.write(&format!("{}/{number}", number % 7), noise(number, length));
        }
        place
    }

    /// Leave so many of every five files.
    pub(super) fn thin_out(&self, files: usize, leave: usize) {
        for number in (0..files).filter(|number| number % 5 >= leave) {
            fs::remove_file(self.path(&format!("{}/{number}", number % 7))).unwrap();
        }
    }

    pub(super) fn objects_path(&self) -> PathBuf {
        self.path("").parent().unwrap().join("objects")
    }

    /// The same place, as another program sees it.
    pub(super) fn other(&self) -> Objects {
        Objects::open(Root::open(&self.objects_path()).unwrap()).unwrap()
    }

    pub(super) fn packs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.objects_path().join("packs")).unwrap();
        let mut packs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        packs.sort();
        packs
    }

    /// Everything that is kept, with the content of every file of the folders of contents.
    pub(super) fn stored(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = self.kept().into_iter().chain(self.packs()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        files.sort();
        files
    }

    fn damage(&self, how: impl Fn(&mut Vec<u8>)) {
        assert!(!self.packs().is_empty());
        for pack in self.packs() {
            let mut bytes = fs::read(&pack).unwrap();
            how(&mut bytes);
            fs::write(&pack, bytes).unwrap();
        }
    }
}

/// How many files of a snapshot cannot be read. Those that can have to be what they were.
pub(super) fn lost(objects: &Objects, tree: &Tree) -> usize {
    let lost = tree.entries().iter().filter(|entry| {
        let number = entry.path.split().1.to_str().unwrap().parse().unwrap();
        let Node::File { bytes, .. } = entry.node else { panic!("{entry:?}") };
        match objects.read_file(tree, &entry.path, bytes) {
            Ok(content) => {
                assert!(content == noise(number, bytes.as_len()), "{}", entry.path);
                false
            }
            Err(WorkspaceError::Content { .. }) => true,
            Err(error) => panic!("{}: {error}", entry.path),
        }
    });
    lost.count()
}

#[test]
fn many_small_files_are_kept_in_few_and_come_back() {
    let place = Place::with(500, 3_000);
    place.write("0/500", noise(500, 2 << 20));
    place.write("0/501", "");
    place.write("0/502", "text ".repeat(1_000));
    let before = place.take().snapshot;
    let (packs, kept) = (place.packs(), place.kept());
    // A thread that had few puts each into a file of its own, and so is a large content.
    assert!((1..=2).contains(&packs.len()) && kept.len() <= 65, "{} {}", packs.len(), kept.len());
    assert!(kept.iter().any(|path| fs::metadata(path).unwrap().len() > 400 << 10));
    assert!(packs.iter().all(|pack| fs::metadata(pack).unwrap().mode() & 0o777 == 0o600));
    fs::remove_dir_all(place.path("")).unwrap();
    fs::create_dir(place.path("")).unwrap();
    let read = place.other().snapshot(&before.digest).unwrap();
    assert_eq!(place.other().restore(&read.tree, &place.work(), Leftovers::Remove).unwrap().written, 503);
    assert_eq!(fs::read(place.path("3/3")).unwrap(), noise(3, 3_000));
    assert_eq!(fs::read(place.path("0/502")).unwrap(), "text ".repeat(1_000).as_bytes());
    assert_eq!(place.take().snapshot, before);
}

#[test]
fn what_many_files_of_one_snapshot_hold_is_packed_once() {
    let place = Place::new();
    for number in 0..900 {
        place.write(&number.to_string(), noise(number % 300, 1_000));
    }
    place.take();
    let in_pack = |path: &PathBuf| {
        let name = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap()).parse().unwrap();
        read_index(&fs::File::open(path).unwrap(), &name).unwrap().unwrap().len()
    };
    assert_eq!(place.packs().iter().map(in_pack).sum::<usize>() + place.kept().len(), 300);
}

#[test]
fn what_is_in_a_pack_is_not_stored_again_and_a_few_new_files_make_no_pack() {
    let place = Place::with(MANY, 100);
    let first = place.take().snapshot;
    let stored = place.stored();
    // Where nothing is remembered of the files, so that each is read.
    fs::rename(place.path(""), place.path("").with_file_name("before")).unwrap();
    let again = Place::with(MANY, 100);
    let taken = place.other().writer().unwrap().take(&again.work(), &Selection::everything()).unwrap();
    assert_eq!((taken.snapshot.digest, taken.read), (first.digest, MANY));
    assert!(place.stored() == stored);

    for number in 0..10 {
        again.write(&format!("{}/{number}", number % 7), noise(MANY + number, 100));
    }
    place.other().writer().unwrap().take(&again.work(), &Selection::everything()).unwrap();
    assert_eq!((place.packs().len() + place.kept().len()), stored.len() + 10);
    assert_eq!(lost(&place.other(), &first.tree), 0);
}

#[test]
fn a_pack_that_is_not_whole_holds_nothing_and_what_was_in_it_is_stored_again() {
    let damages: [(&str, Damage); 13] = [
        ("nothing is left", |bytes, _| bytes.clear()),
        ("a byte is left", |bytes, _| bytes.truncate(1)),
        ("half is left", |bytes, end| bytes.truncate(end / 2)),
        ("the end is missing", |bytes, end| bytes.truncate(end - 16)),
        ("the last byte is missing", |bytes, end| bytes.truncate(end - 1)),
        ("the first byte is missing", |bytes, _| {
            bytes.remove(0);
        }),
        ("there is more", |bytes, _| bytes.push(0)),
        ("a digest is another", |bytes, end| bytes[end - 16 - 48] ^= 1),
        ("a place is another", |bytes, end| bytes[end - 16 - 48 + 33] ^= 1),
        ("a length is another", |bytes, end| bytes[end - 17] ^= 0x80),
        ("the number is huge", |bytes, end| bytes[end - 16..end - 8].fill(0xff)),
        ("the number is smaller", |bytes, end| bytes[end - 16] = bytes[end - 16].wrapping_sub(1)),
        ("the form is another", |bytes, end| bytes[end - 2] ^= 1),
    ];
    for (what, damage) in damages {
        let place = Place::with(MANY, 100);
        let before = place.take().snapshot;
        let packed = MANY - place.kept().len();
        place.damage(|bytes| damage(bytes, bytes.len()));
        assert_eq!(lost(&place.other(), &before.tree), packed, "{what}");
        assert_eq!(place.other().writer().unwrap().take(&place.work(), &Selection::everything()).unwrap().snapshot, before);
        assert_eq!(lost(&place.other(), &before.tree), 0, "{what}");
        assert_eq!(lost(&place.objects, &before.tree), 0, "{what}");
    }
}

#[test]
fn a_content_that_is_damaged_in_a_pack_is_noticed_and_the_others_can_be_read() {
    // How it is stored, what is stored, and its last byte.
    for at in [0, 50, 100] {
        let place = Place::with(MANY, 100);
        let before = place.take().snapshot;
        place.damage(|bytes| bytes[3 * 101 + at] ^= 0xff);
        assert_eq!(lost(&place.other(), &before.tree), place.packs().len(), "{at}");
        let empty = Place::new();
        let error = place.objects.restore(&before.tree, &empty.work(), Leftovers::Remove).unwrap_err();
        assert!(matches!(error, WorkspaceError::Content { .. }), "{error}");
    }
}

#[test]
fn a_program_that_knew_a_pack_notices_that_it_is_not_whole_any_more() {
    let place = Place::with(MANY, 100);
    let before = place.take().snapshot;
    let deadline = Instant::now() + Duration::from_secs(20);
    while place.take().read > 0 {
        assert!(Instant::now() < deadline, "files are read again and again");
    }
    assert_eq!(lost(&place.objects, &before.tree), 0);
    let packed = MANY - place.kept().len();
    place.damage(|bytes| bytes.truncate(10 * 101));
    // It is still known where everything was.
    assert_eq!(lost(&place.objects, &before.tree), packed - 10 * place.packs().len());
    // What is remembered of the files is not believed when their contents are gone.
    let taken = place.take();
    assert_eq!((taken.snapshot.digest, taken.read), (before.digest, packed));
    assert_eq!(lost(&place.objects, &before.tree), 0);
    place.packs().iter().for_each(|pack| fs::remove_file(pack).unwrap());
    assert_eq!(lost(&place.objects, &before.tree), MANY - place.kept().len());
}

#[test]
fn an_index_that_leads_out_of_its_file_is_none() {
    let place = Place::new();
    let index = |lines: &[(u64, u64)], count: u64| {
        let mut bytes = Vec::new();
        for (at, length) in lines {
            bytes.extend_from_slice(Digest::of(b"x").bytes());
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(b"wfpack1\n");
        bytes
    };
    let read = |index: &[u8]| {
        let name = Digest::of(index);
        let path = place.objects_path().join("packs").join(name.hex());
        fs::write(&path, [b"\0x", index].concat()).unwrap();
        let found = read_index(&fs::File::open(&path).unwrap(), &name).unwrap();
        assert_eq!(place.other().content(&Digest::of(b"x"), Bytes(1)).is_ok(), found.is_some());
        fs::remove_file(path).unwrap();
        found.map(|found| found.len())
    };
    assert_eq!(read(&index(&[(0, 2)], 1)), Some(1));
    for lines in [(0, 3), (1, 2), (2, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
        assert_eq!(read(&index(&[lines], 1)), None, "{lines:?}");
    }
    for count in [2, 1 << 17, 1 << 60, u64::MAX / 48 + 2, u64::MAX] {
        assert_eq!(read(&index(&[(0, 2)], count)), None, "{count}");
    }
}

#[test]
fn a_pack_that_is_full_is_followed_by_another() {
    let place = Place::new();
    let mut packer = Packer::new(&place.objects);
    let content = |number: usize| number.to_le_bytes();
    for number in 0..(1 << 16) + 100 {
        let stored = [&[PLAIN][..], &content(number)].concat();
        packer.add(Digest::of(&content(number)), &stored).unwrap();
    }
    packer.finish().unwrap();
    assert_eq!((place.packs().len(), place.kept().len()), (2, 0));
    for number in [0, 63, 64, 65_535, 65_536, (1 << 16) + 99] {
        let read = place.objects.read(&Digest::of(&content(number)), Bytes(8), Bytes(8));
        assert_eq!(read.unwrap(), content(number));
    }
}

#[test]
fn two_programs_see_what_the_other_one_packs() {
    let place = Place::new();
    let (one, other) = (place.other(), place.other());
    let everything = Selection::everything();
    let mut seen = one.writer().unwrap().take(&place.work(), &everything).unwrap().snapshot;
    for round in 1..4 {
        for number in (round - 1) * MANY..round * MANY {
            place.write(&format!("{number}"), noise(number, 100));
        }
        let (writes, reads) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        assert_eq!(lost(reads, &seen.tree), 0);
        seen = writes.writer().unwrap().take(&place.work(), &everything).unwrap().snapshot;
        assert_eq!(lost(reads, &seen.tree), 0);
        let stored = place.stored();
        assert_eq!(reads.writer().unwrap().take(&place.work(), &everything).unwrap().snapshot, seen);
        assert!(place.stored() == stored);
    }
}

#[test]
fn many_can_pack_the_same_at_once() {
    let place = Place::with(MANY, 100);
    let taken: Vec<_> = thread::scope(|scope| {
        let take = || place.other().writer().unwrap().take(&place.work(), &Selection::everything()).unwrap().snapshot;
        let all: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(taken.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(lost(&place.other(), &taken[0].tree), 0);
}
