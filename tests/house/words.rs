//! What no file of the repository may say.

use crate::sources::files;

/// Words in two halves, so that this file does not say them, and why not.
const NEVER: &[(&str, &str, &str)] = &[
    ("/wo", "rk/", "a path of one machine"),
    ("/ro", "ot/", "a path of one machine"),
    ("/Use", "rs/", "a path of one machine"),
    ("claude", ".ai", "a tool that wrote text"),
    ("Co-Autho", "red-By", "belongs into a commit message, if anywhere"),
    ("FIX", "ME", "is done, or stands in an issue"),
    ("TO", "DO", "is done, or stands in an issue"),
    ("X", "XX", "is done, or stands in an issue"),
    ("todo", "!(", "is done, or stands in an issue"),
    ("unimplem", "ented!(", "is done, or stands in an issue"),
    ("<<<<", "<<< ", "a merge that was not finished"),
];

/// Home folders that an example may name: of nobody.
const NOBODY: &[&str] = &["/home/ada", "/home/you"];

/// Written elsewhere, kept as they are.
const VENDORED: &[&str] = &["wit/deps/", "LICENSE", "Cargo.lock"];

#[test]
fn no_file_names_this_machine_or_leaves_work_behind() {
    let mut wrong = Vec::new();
    for file in files("") {
        if VENDORED.iter().any(|vendored| file.path.starts_with(vendored) || file.path.ends_with("Cargo.lock")) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let said = NEVER.iter().find(|(first, second, _)| line.contains(&format!("{first}{second}")));
            if let Some((_, _, reason)) = said {
                wrong.push(format!("{}:{}: {reason}: {}", file.path, number + 1, line.trim()));
            }
            let home = format!("/ho{}", "me/");
            let named = line.match_indices(&home).any(|(at, _)| !NOBODY.iter().any(|nobody| line[at..].starts_with(nobody)));
            if named && !file.path.starts_with("tests/house/") {
                wrong.push(format!("{}:{}: a home folder: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_ends_with_one_line_feed_and_has_no_blanks_at_the_ends_of_lines() {
    let mut wrong = Vec::new();
    for file in files("") {
        if VENDORED.iter().any(|vendored| file.path.starts_with(vendored))
            || file.text.is_empty()
            || ["/fixtures/", "/corpus/"].iter().any(|given| file.path.contains(given))
        {
            continue;
        }
        if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
            wrong.push(format!("{}: does not end with one line feed", file.path));
        }
        let blank = file.text.lines().position(|line| line.ends_with([' ', '\t', '\r']));
        wrong.extend(blank.map(|number| format!("{}:{}: ends with a blank", file.path, number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
