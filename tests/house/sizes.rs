//! Files are small enough to be read at once.

use crate::sources::{files, rust};

/// Lines of a Rust file, tests included.
const MOST: usize = 400;

/// Files that are longer, how long they may be, and why.
const LONGER: &[(&str, usize, &str)] =
    &[("tests/end_to_end/replicate.rs", 480, "one server, which every test here starts and asks in the same words")];

#[test]
fn a_file_of_code_is_small_or_has_a_reason() {
    let mut wrong = Vec::new();
    for file in ["host", "plugins", "tests"].into_iter().flat_map(rust) {
        let most = LONGER.iter().find(|(path, ..)| *path == file.path).map_or(MOST, |(_, most, _)| *most);
        let lines = file.text.lines().count();
        if lines > most {
            wrong.push(format!("{}: {lines} lines, at most {most}", file.path));
        }
    }
    assert!(wrong.is_empty(), "split these, or give a reason in the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_long_files_names_long_files_only() {
    for (path, most, _) in LONGER {
        let file = files("host").into_iter().chain(files("tests")).find(|file| file.path == *path);
        let lines = file.unwrap_or_else(|| panic!("`{path}` is gone")).text.lines().count();
        assert!(lines > MOST && *most >= lines, "`{path}` has {lines} lines: its line in the table is out of date");
    }
}
