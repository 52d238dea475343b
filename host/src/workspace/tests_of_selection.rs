//! Which paths of a folder are taken.

use std::fs;

use super::*;

/// A folder with these files, and those of them that are taken.
fn taken(files: &[&str], selection: &Selection) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    for file in files {
        let (name, content) = file.split_once('=').unwrap_or((file, ""));
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.replace(',', "\n")).unwrap();
    }
    let tree = Tree::of(&Root::open(place.path()).unwrap(), selection).unwrap();
    tree.entries().iter().map(|entry| entry.path.to_string()).collect()
}

fn selection(keep: &[&str], ignore: &[&str]) -> Selection {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Selection::new(&owned(keep), &owned(ignore)).unwrap()
}

/// F181
#[test]
fn a_star_crosses_folders_and_a_folder_that_is_left_out_is_not_looked_into() {
    let files = ["a.py", "b/c.py", "b/d.txt", "venv/x.py", "deep/venv/y.py"];
    assert_eq!(taken(&files, &selection(&["*.py"], &[])), ["a.py", "b/c.py", "deep/venv/y.py", "venv/x.py"]);
    assert_eq!(taken(&files, &selection(&["*.py"], &["venv/*"])), ["a.py", "b/c.py", "deep/venv/y.py"]);
    assert_eq!(taken(&files, &selection(&["b/*"], &[])), ["b/c.py", "b/d.txt"]);
    assert_eq!(taken(&files, &selection(&["./b/*"], &["**/venv/**"])), ["b/c.py", "b/d.txt"]);
    assert_eq!(taken(&files, &selection(&[], &["b"])), ["a.py", "deep/venv/y.py", "venv/x.py"]);
    assert_eq!(taken(&["A.TXT", "a.txt"], &selection(&["*.txt"], &[])), ["a.txt"]);
}

/// X60
#[test]
fn nothing_at_all_can_be_left_out_and_repositories_and_packages_are_unless_somebody_wants_them() {
    let files = [".git/config", "node_modules/a/b.js", "deep/.venv/c", "a.pyc", "x/__pycache__/a.txt", "src/main.py"];
    assert_eq!(taken(&files, &selection(&[], &IGNORED)), ["deep", "src/main.py", "x"]);
    assert_eq!(taken(&files, &selection(&[], &[])).len(), files.len());
}

/// F169
#[test]
fn the_tests_of_an_evaluation_are_in_no_snapshot() {
    let files = [".evaluation_tests/assets/a", "deep/.evaluation_tests/b", "c"];
    assert_eq!(taken(&files, &Selection::everything()), ["c", "deep"]);
    assert_eq!(taken(&files, &Selection::everything().with_hidden()).len(), 3);
}

#[test]
fn gitignore_files_are_followed_where_somebody_wants_it() {
    let files = [
        ".gitignore=*.log,/build/,!keep.log,# a comment",
        "a.log",
        "keep.log",
        "build/x",
        "sub/build/x",
        "sub/.gitignore=!b.log,c",
        "sub/b.log",
        "sub/c",
        "sub/deep/c",
        "sub/deep/d.log",
    ];
    let taken_by = |selection: &Selection| taken(&files, selection);
    assert_eq!(
        taken_by(&Selection::everything().with_gitignore()),
        [".gitignore", "keep.log", "sub/.gitignore", "sub/b.log", "sub/build/x", "sub/deep"]
    );
    assert_eq!(taken_by(&Selection::everything()).len(), files.len());
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let error = Selection::new(&["a[".into()], &[]).unwrap_err();
    assert!(error.to_string().starts_with("`a[` is not a pattern over paths: "), "{error}");
}

#[test]
fn too_many_names_are_a_limit_also_when_they_are_left_out() {
    let place = tempfile::tempdir().unwrap();
    for number in 0..100 {
        fs::write(place.path().join(format!("{number}.pyc")), "").unwrap();
    }
    let root = Root::open(place.path()).unwrap();
    let limited = |entries| selection(&[], &["*.pyc"]).within(WalkLimits { entries, levels: 10 });
    assert!(Tree::of(&root, &limited(100)).unwrap().entries().is_empty());
    let error = Tree::of(&root, &limited(99)).unwrap_err();
    assert!(error.to_string().ends_with("has more than 99 files and folders"), "{error}");
    assert!(error.hint().unwrap().contains("patterns"));
}

#[test]
fn a_folder_with_only_what_is_left_out_is_remembered_as_an_empty_one() {
    let with = taken(&["package/a.pyc"], &selection(&[], &["*.pyc"]));
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("package")).unwrap();
    let without = Tree::of(&Root::open(place.path()).unwrap(), &Selection::everything()).unwrap();
    assert_eq!(with, ["package"]);
    assert_eq!(without.entries().len(), 1);
}
