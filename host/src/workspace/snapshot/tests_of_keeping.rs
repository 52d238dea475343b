//! What removing promises, and what is left alone.

use std::{collections::BTreeSet, fs};

use super::{tests::Place, *};
use crate::workspace::{IGNORED, Selection, WorkspaceError};

#[test]
fn what_a_kept_snapshot_needs_stays_and_the_rest_goes() {
    let place = Place::new();
    place.write("shared", "shared");
    place.write("first", "first");
    let first = place.take().snapshot;
    fs::remove_file(place.path("first")).unwrap();
    place.write("second", "second");
    let second = place.take().snapshot;
    fs::write(place.kept()[0].parent().unwrap().parent().unwrap().join(".0011.part"), "half").unwrap();

    let pruned = place.objects.prune(|| Ok(BTreeSet::from([second.digest]))).unwrap();
    assert_eq!((pruned.snapshots, pruned.contents), (1, 1));
    assert_eq!(place.objects.snapshots().unwrap(), [second.digest]);
    assert_eq!(place.kept().len(), 2);
    assert!(matches!(place.objects.snapshot(&first.digest), Err(WorkspaceError::NoSnapshot(digest)) if digest == first.digest));
    fs::remove_dir_all(place.path("")).unwrap();
    fs::create_dir(place.path("")).unwrap();
    place.restore(&second);
    assert_eq!(place.take().snapshot, second);

    place.objects.prune(|| Ok(BTreeSet::new())).unwrap();
    assert!(place.kept().is_empty() && place.objects.snapshots().unwrap().is_empty());
    // What was remembered of the folder does not make the next snapshot one without contents.
    let again = place.take().snapshot;
    assert_eq!((again.digest, place.kept().len()), (second.digest, 2));
}

#[test]
fn nothing_is_removed_while_somebody_stores() {
    let place = Place::new();
    place.write("file", "x");
    let writer = place.objects.writer().unwrap();
    let taken = writer.take(&place.work(), &Selection::everything()).unwrap();
    let error = place.objects.prune(|| Ok(BTreeSet::new())).unwrap_err();
    assert!(matches!(error, WorkspaceError::Busy { .. }), "{error}");
    assert_eq!(place.objects.snapshots().unwrap(), [taken.snapshot.digest]);
    // What a child has that is about to become another program.
    let _copy = writer.lock.0.try_clone().unwrap();
    drop(writer);
    assert_eq!(place.objects.prune(|| Ok(BTreeSet::new())).unwrap().snapshots, 1);
}

#[test]
fn nothing_is_removed_when_a_kept_snapshot_cannot_be_read() {
    let place = Place::new();
    place.write("file", "x");
    let kept = place.take().snapshot;
    place.write("file", "y");
    place.take();
    let document = place.path("").parent().unwrap().join("objects/trees").join(kept.digest.hex());
    fs::write(document, "\0nonsense").unwrap();
    assert!(place.objects.prune(|| Ok(BTreeSet::from([kept.digest]))).is_err());
    assert_eq!((place.objects.snapshots().unwrap().len(), place.kept().len()), (2, 2));
}

/// Installed packages and repositories are in no snapshot, and a restore does not take them away.
#[test]
fn what_a_snapshot_never_looks_at_can_stay() {
    let place = Place::new();
    let selection = Selection::new(&[], &IGNORED.map(str::to_owned)).unwrap();
    place.write("src/main.py", "before");
    place.write(".venv/bin/python", "x");
    place.write(".git/HEAD", "x");
    place.write("package/__pycache__/a.pyc", "x");
    let before = place.objects.writer().unwrap().take(&place.work(), &selection).unwrap().snapshot;
    place.write("src/main.py", "after");
    place.write("src/new.py", "new");
    place.write("more/folders/file", "new");
    place.write("cached/__pycache__/b.pyc", "x");
    place.write("cached/b.py", "new");
    place.objects.restore(&before.tree, &place.work(), Leftovers::KeepUnselected(&selection)).unwrap();
    for kept in [".venv/bin/python", ".git/HEAD", "package/__pycache__/a.pyc", "cached/__pycache__/b.pyc"] {
        assert!(place.path(kept).exists(), "{kept}");
    }
    for gone in ["src/new.py", "more", "cached/b.py"] {
        assert!(!place.path(gone).exists(), "{gone}");
    }
    assert_eq!(fs::read(place.path("src/main.py")).unwrap(), b"before");
}
