//! Replays the corpus of the fuzz targets, and every small change of it, without a fuzzer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    missing_docs,
    reason = "a test says by panicking what is wrong"
)]

mod readers;

use std::{fs, path::Path};

/// Seeds up to here are cut and changed at every byte, larger ones at so many places.
const PLACES: usize = 120;

fn corpus(reader: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(reader);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{reader} has no corpus");
    seeds
}

fn throw_all(reader: &str) {
    let read = readers::READERS.iter().find(|(name, _)| *name == reader).unwrap().1;
    for (_, seed) in corpus(reader) {
        read(&seed);
        for place in (0..seed.len()).step_by(seed.len().div_ceil(PLACES).max(1)) {
            read(&seed[..place]);
            for byte in [0, b'"', b'\n', 0x7f, 0xff, seed[place] ^ 1, seed[place].wrapping_add(1)] {
                let mut changed = seed.clone();
                changed[place] = byte;
                read(&changed);
            }
        }
    }
}

#[test]
fn no_plugin_toml_surprises() {
    throw_all("plugin-toml");
}

#[test]
fn no_plugin_file_surprises() {
    throw_all("plugin-file");
}

#[test]
fn no_file_of_grants_surprises() {
    throw_all("grants");
}

#[test]
fn no_record_surprises() {
    throw_all("record");
}

#[test]
fn no_host_surprises() {
    throw_all("host");
}

#[test]
fn no_typed_file_surprises() {
    throw_all("typed-file");
}

#[test]
fn no_archive_surprises() {
    throw_all("archive");
}

#[test]
fn no_document_of_a_tree_surprises() {
    throw_all("tree");
}

#[test]
fn every_reader_has_a_corpus_and_a_fuzz_target() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/Cargo.toml")).unwrap();
    for (reader, _) in readers::READERS {
        assert!(manifest.contains(&format!("name = \"{reader}\"")), "{reader}");
        corpus(reader);
    }
}
