//! Tests that say in the first line of their comment which cases of a catalogue they are for: `/// PR12, PR14`.

use std::collections::BTreeMap;

use crate::sources::{File, rust};

/// The tests of each case, as `file::name`, of every comment line that lists cases, and says no more or goes on behind a colon.
pub(crate) fn tests_that_name(is_case: fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for File { path, text } in ["tests", "host/src"].into_iter().flat_map(rust) {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(cases) =
                line.trim_start_matches('/').strip_prefix(' ').filter(|_| line.starts_with("//")).and_then(|line| cases(line, is_case))
            else {
                continue;
            };
            let function = |line: &&str| Some(line.trim_start_matches("async ").strip_prefix("fn ")?.split_once('(')?.0.to_owned());
            let name = lines[number..].iter().find_map(function);
            let name = name.unwrap_or_else(|| panic!("{path}:{}: no test follows", number + 1));
            let place = format!("`{}::{name}`", path.trim_end_matches(".rs").replace("host/src/", "").replace("tests/", ""));
            for case in cases {
                tests.entry(case).or_default().push(place.clone());
            }
        }
    }
    tests
}

/// The cases that a line begins with.
fn cases(line: &str, is_case: fn(&str) -> bool) -> Option<Vec<String>> {
    let list = line.split_once(": ").map_or(line, |(list, _)| list);
    let words: Vec<_> = list.trim_end_matches(['.', ':']).split(", ").collect();
    words.iter().all(|word| is_case(word)).then(|| words.into_iter().map(str::to_owned).collect())
}
