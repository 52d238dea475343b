//! What the two earlier systems could do, and the tests that show it here. A test says which it shows in the first line of its comment:
//! `/// F120, N01`.

use crate::{generated::keep, named::tests_that_name};

/// What an environment, an execution, a workspace, a snapshot, a session, an asset, a file and an error have to do.
#[rustfmt::skip]
const FEATURES: &[(&str, &str)] = &[
    ("F100", "an environment spec has a name and a type"),
    ("F101", "it sets variables"),
    ("F102", "the variables of the host are left out unless it asks for them"),
    ("F103", "host, spec, spawn, call: the later one wins"),
    ("F104", "setup commands run before the first command"),
    ("F105", "evaluation commands run in evaluation mode only, and an agent does not see them"),
    ("F106", "resume commands run after a restore"),
    ("F107", "the caller's own setup commands run last"),
    ("F108", "setup can be left out as a whole"),
    ("F109", "the name of an entry file is a template, and checked"),
    ("F110", "what stands before an entry file depends on the mode"),
    ("F111", "snapshots have globs to keep and to ignore, a compression and a folder"),
    ("F112", "a container has an image, a program, a folder, mounts, a network and a user"),
    ("F113", "terminal and shell of the local runtime are keys that are known"),
    ("F114", "an unknown key is refused at every level"),
    ("F115", "YAML and JSON are read strictly"),
    ("F120", "one command runs and its result is there as a whole"),
    ("F121", "a command streams, and its last event comes once"),
    ("F122", "events are stdout, stderr and finished"),
    ("F123", "standard input is a text, a list or nothing, and nothing means its end"),
    ("F124", "standard input is given to a command that streams, too"),
    ("F125", "many commands run in one environment, and see what those before them left"),
    ("F126", "commands that overlap are all followed"),
    ("F127", "a limit on time ends the whole tree, and the result says so"),
    ("F128", "there is a limit on time by default where a harness needs one"),
    ("F129", "the time that a command took is told"),
    ("F130", "an exit code is handed on"),
    ("F131", "a signal that ended a command is told"),
    ("F132", "a command that cannot be started is an error of its own"),
    ("F133", "a character that two reads share stays whole, and what is no text is shown as such"),
    ("F134", "asking, ending and cleaning up are safe twice and when nothing runs"),
    ("F135", "the output of setup is kept apart"),
    ("F136", "no output of a command can be taken for that of setup"),
    ("F137", "a command runs in the workspace"),
    ("F138", "ports are published"),
    ("F139", "a caller adds mounts"),
    ("F140", "a caller adds what only the backend knows"),
    ("F141", "evaluation decides about setup and user"),
    ("F142", "a user is mapped"),
    ("F143", "a network is chosen"),
    ("F144", "an environment stays between commands"),
    ("F145", "an environment that died is made again or told"),
    ("F146", "an image is built once for the same spec"),
    ("F147", "an image is built from what is to be run"),
    ("F160", "a workspace is prepared, reset and cleaned up"),
    ("F161", "it begins with a snapshot or with nothing"),
    ("F162", "files are read by name, by glob and by folder"),
    ("F163", "what is missing and what is a link is left out"),
    ("F164", "no path leads out of it"),
    ("F165", "typed input files are written, with their folders"),
    ("F166", "its snapshot is taken anew and the one before is answered"),
    ("F167", "assets are copied into it in agent mode, any number of times"),
    ("F168", "assets of an evaluation are beside it, and variables say where"),
    ("F169", "the folder of hidden tests is in no snapshot"),
    ("F180", "a snapshot is exported as tar with gz, bz2, xz, zstd or none"),
    ("F181", "globs choose what it keeps"),
    ("F182", "equal content has an equal digest"),
    ("F183", "what was chosen is told apart from what was left out"),
    ("F184", "it is unpacked with modes, links and empty folders, and never outside"),
    ("F185", "binary files are told from text"),
    ("F186", "text that is not UTF-8 is decoded"),
    ("F187", "a diff has what was created, deleted and modified, as a patch that applies"),
    ("F188", "its counts are right"),
    ("F189", "two folders are compared, and nothing is an empty one"),
    ("F190", "a diff is a JSON document"),
    ("F191", "no secret of an environment is in a snapshot"),
    ("F192", "the name of an archive is its own"),
    ("F193", "archives end with their session"),
    ("F200", "a session is for an agent or for an evaluation"),
    ("F201", "whatever it started is cleaned up, also when some of it fails"),
    ("F202", "a restore leaves exactly the snapshot"),
    ("F203", "a checkpoint answers what has changed"),
    ("F204", "a session is made from an environment spec"),
    ("F205", "placeholders are resolved as the runtime declares"),
    ("F210", "an asset has a path and a place, and both are checked"),
    ("F211", "assets come in groups, and a later group wins"),
    ("F212", "placeholders are found in values, keys and lists, and an unknown one is an error"),
    ("F213", "a command cannot write to assets"),
    ("F214", "assets are archives, addresses and secrets, too"),
    ("F220", "the type of a file is known by its name"),
    ("F221", "JSON, JSON lines, CSV, TSV, YAML, SQLite, Parquet, text and bytes are written and read"),
    ("F222", "gzip and bzip2 are packed and unpacked"),
    ("F223", "an input file is named by a path, or is its content"),
    ("F224", "what is no text is read as bytes"),
    ("F230", "all errors are of one family"),
    ("F231", "a command that failed is told apart from a session that is over"),
    ("F232", "errors of reading and of writing are told apart"),
    ("F233", "an error has a code for programs"),
];

/// What neither of them was tested for.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    ("N01", "no output of a short command is lost"),
    ("N02", "the events, put together, are the output"),
    ("N03", "the first event comes before the end"),
    ("N04", "a limit on time bounds a command that streams"),
    ("N05", "a grandchild that holds the output open delays nobody and is ended"),
    ("N06", "a child in the background does not delay the end"),
    ("N07", "both outputs are read at once"),
    ("N08", "a long input meets an early output, or nobody who reads it"),
    ("N09", "a character lies across every border of reading"),
    ("N10", "a command prints what looks like a border"),
    ("N11", "output beyond its limit is cut, and said to be"),
    ("N12", "variables reach a command that streams"),
    ("N13", "a setup that fails is told and ends the run"),
    ("N14", "a path leads outside: reading, writing, by a link, in an archive, in an asset, in a run id"),
    ("N15", "modes, links and empty folders survive"),
    ("N16", "equal content has an equal digest"),
    ("N17", "binary changes are in the patch, the patch applies, lines that begin with - or + are counted"),
    ("N18", "files that begin with a dot are found by their name"),
    ("N19", "cleanup goes on when a part of it fails"),
    ("N20", "no secret is in a snapshot, a manifest, a log or a command line"),
    ("N21", "a doctor that crashes or hangs spoils its own lines only"),
    ("N22", "a plugin's name comes twice, or is not known"),
    ("N23", "a command is ended from elsewhere while it runs"),
    ("N24", "a restore removes what is too much"),
    ("N25", "archives are gone after the cleanup"),
];

#[test]
fn every_feature_of_the_earlier_systems_is_shown_by_a_test() {
    let tests = tests_that_name(is_row);
    let mut missing = vec![];
    for (name, rows) in [("features", FEATURES), ("cases", CASES)] {
        let mut table = "| row | what | tests |\n|---|---|---|\n".to_owned();
        for (row, what) in rows {
            match tests.get(*row) {
                Some(tests) => table.extend(["| ", row, " | ", what, " | ", &tests.join("<br>"), " |\n"]),
                None => missing.push(format!("{row}: no test shows that {what}")),
            }
        }
        if missing.is_empty() {
            keep("tests/conformance/FEATURES.md", name, &table);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    let known = |row: &str| [FEATURES, CASES].concat().iter().any(|(known, _)| *known == row);
    let unknown = tests
        .iter()
        .find(|(row, _)| (row.starts_with('F') && ("F100".."F240").contains(&row.as_str()) || row.starts_with('N')) && !known(row));
    assert_eq!(unknown, None, "a row that is not in the table");
}

/// A feature (`F120`), a case (`N01`), a case of the launcher (`T-W04`) or a weakness that is not to come back (`X56`).
fn is_row(word: &str) -> bool {
    let digits = |digits: &str, count| digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_digit());
    let begins = |begin, count| word.strip_prefix(begin).is_some_and(|rest| digits(rest, count));
    begins("F", 3) || begins("N", 2) || begins("X", 2) || begins("T-W", 2)
}
