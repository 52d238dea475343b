//! What removing promises of packs.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{
    object_file::PLAIN,
    packer::Packer,
    tests::Place,
    tests_of_packs::{MANY, lost, noise},
    *,
};
use crate::names::{Bytes, Digest};

impl Place {
    /// The space that contents and snapshots take.
    fn space(&self) -> u64 {
        let trees = fs::read_dir(self.objects_path().join("trees")).unwrap().map(|entry| entry.unwrap().path());
        self.kept().into_iter().chain(self.packs()).chain(trees).map(|path| fs::metadata(path).unwrap().blocks() * 512).sum()
    }
}

/// Whether the space that was given back is what was told. What a file takes may change a little when it comes to the disk.
fn is_told(pruned: Pruned, before: u64, after: u64) -> bool {
    (pruned.bytes.0 + after).abs_diff(before) <= 64 << 10
}

#[test]
fn removal_writes_anew_what_is_needed_of_a_pack_and_tells_the_space_that_it_gave_back() {
    // What is left is few contents, and enough for a pack.
    for (files, is_pack) in [(200, false), (450, true)] {
        let place = Place::with(files, 20_000);
        let first = place.take().snapshot;
        assert_eq!(lost(&place.objects, &first.tree), 0);
        let (stale, packs) = (place.other(), place.packs());
        assert_eq!(lost(&stale, &first.tree), 0);
        place.thin_out(files, 1);
        let second = place.take().snapshot;

        let before = place.space();
        let pruned = place.other().prune(|| Ok(BTreeSet::from([second.digest]))).unwrap();
        assert_eq!((pruned.snapshots, pruned.contents), (1, files / 5 * 4));
        assert!(is_told(pruned, before, place.space()));
        assert!(pruned.bytes > Bytes(files as u64 / 5 * 4 * 18_000), "{:?}", pruned.bytes);
        assert!(place.packs().iter().all(|pack| !packs.contains(pack)));
        assert_eq!(!place.packs().is_empty(), is_pack);
        // Also for those who know only the packs that were.
        for objects in [&place.other(), &stale, &place.objects] {
            assert_eq!(lost(objects, &second.tree), 0);
        }
        assert_eq!(lost(&place.other(), &first.tree), files / 5 * 4);
        let stored = place.stored();
        assert_eq!(place.take().snapshot, second);
        assert!(place.stored() == stored);

        let pruned = place.objects.prune(|| Ok(BTreeSet::new())).unwrap();
        assert_eq!((pruned.contents, place.stored().len()), (files / 5, 0));
    }
}

#[test]
fn a_pack_stays_while_most_of_it_is_needed_or_little_is_won() {
    for (length, leave) in [(20_000, 3), (100, 1)] {
        let place = Place::with(MANY, length);
        place.take();
        let packs = place.packs();
        place.thin_out(MANY, leave);
        let second = place.take().snapshot;
        let (before, kept) = (place.space(), place.kept().len());
        let pruned = place.objects.prune(|| Ok(BTreeSet::from([second.digest]))).unwrap();
        assert_eq!(place.packs(), packs);
        // Only what had a file of its own can be gone.
        assert_eq!(pruned.contents, kept - place.kept().len());
        assert!(is_told(pruned, before, place.space()));
        assert_eq!(lost(&place.other(), &second.tree), 0);
    }
}

#[test]
fn what_a_killed_program_left_of_a_pack_is_removed() {
    let place = Place::with(MANY, 100);
    let kept = place.take().snapshot;
    let packs = place.packs();
    fs::write(place.objects_path().join("packs/.0011.part"), noise(0, 1_000_000)).unwrap();
    fs::write(place.objects_path().join("packs").join(Digest::of(b"x").hex()), noise(1, 1_000_000)).unwrap();
    let before = place.space();
    let pruned = place.objects.prune(|| Ok(BTreeSet::from([kept.digest]))).unwrap();
    assert_eq!(pruned.contents, 0);
    assert!(is_told(pruned, before, place.space()) && pruned.bytes >= Bytes(2_000_000));
    assert_eq!(place.packs(), packs);
    assert_eq!(lost(&place.other(), &kept.tree), 0);
}

#[test]
fn of_what_two_programs_packed_at_once_one_goes() {
    let place = Place::with(MANY, 20_000);
    let mut numbers: Vec<_> = (0..MANY).collect();
    for _ in 0..2 {
        let mut packer = Packer::new(&place.objects);
        for number in &numbers {
            let content = noise(*number, 20_000);
            packer.add(Digest::of(&content), &[&[PLAIN][..], &content].concat()).unwrap();
        }
        packer.finish().unwrap();
        numbers.reverse();
    }
    let kept = place.take().snapshot;
    assert_eq!((place.packs().len(), place.kept().len()), (2, 0));
    let before = place.space();
    let pruned = place.objects.prune(|| Ok(BTreeSet::from([kept.digest]))).unwrap();
    assert_eq!((place.packs().len(), pruned.contents), (1, 0));
    assert!(is_told(pruned, before, place.space()));
    assert_eq!(lost(&place.other(), &kept.tree), 0);
}

#[test]
fn whoever_reads_does_not_notice_that_packs_are_written_anew() {
    for _ in 0..8 {
        let place = Place::with(400, 5_000);
        place.take();
        place.thin_out(400, 1);
        let needed = place.take().snapshot;
        let packs = place.packs();
        let (reading, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    assert_eq!(lost(&place.other(), &needed.tree), 0);
                    reading.store(true, Ordering::Release);
                }
            });
            while !reading.load(Ordering::Acquire) && !reader.is_finished() {
                thread::yield_now();
            }
            let pruned = place.objects.prune(|| Ok(BTreeSet::from([needed.digest])));
            is_over.store(true, Ordering::Release);
            assert_eq!(pruned.unwrap().contents, 320);
        });
        assert!(place.packs().iter().all(|pack| !packs.contains(pack)));
    }
}
