//! Fills the disk.

use std::{fs, os::unix::fs::MetadataExt as _, time::Instant};

use worldflux::{
    names::{Bytes, Export},
    policy::{Folder, Limits},
    store::remove_tree,
};

use crate::lab::attack;

/// FS12
#[test]
fn a_file_that_is_long_and_holds_nothing_is_refused_and_stays_short() {
    for behaviour in ["sparse:1099511627776", "sparse-stream:1099511627776", "sparse:18446744073709551615"] {
        let report = attack(Export::Doctor, behaviour).run();
        assert!(report.said().starts_with("denied: "), "{behaviour}: {}", report.said());
        assert_eq!(fs::metadata(report.place.path().join("output/sparse")).unwrap().len(), 0, "{behaviour}");
    }
}

/// FS12
#[test]
fn real_bytes_end_at_the_quota_of_the_run_by_every_way_of_writing() {
    let limits = Limits { written: Bytes::mebi(24), ..Limits::default() };
    for (behaviour, name) in [("fill:/output/file", "file"), ("append-stream", "appended")] {
        let report = attack(Export::BuildEnv, behaviour).limits(limits).run();
        assert!(report.said().starts_with("denied: after "), "{behaviour}: {}", report.said());
        let found = fs::metadata(report.place.path().join("output").join(name)).unwrap();
        assert!((16 << 20..=24 << 20).contains(&found.len()) && found.blocks() * 512 <= 25 << 20, "{behaviour}: {} bytes", found.len());
    }
}

/// FS12
#[test]
fn a_disk_is_not_filled_to_its_end_whatever_the_quota() {
    let limits = Limits { written: Bytes(u64::MAX), ..Limits::default() };
    let report = attack(Export::Doctor, "sparse:4611686018427387904").limits(limits).run();
    assert!(report.said().contains("\"insufficient-space\""), "{}", report.said());
}

/// FS13
#[test]
fn files_without_a_byte_end_at_their_number_and_are_removed_quickly() {
    let limits = Limits { made: 2_000, ..Limits::default() };
    let report = attack(Export::Doctor, "many-files:/output").limits(limits).run();
    assert!(report.said().starts_with("denied: after 2000: "), "{}", report.said());
    let output = report.place.path().join("output");
    assert_eq!(fs::read_dir(&output).unwrap().count(), 2_000);
    let begin = Instant::now();
    remove_tree(&output).unwrap();
    assert!(begin.elapsed().as_secs() < 5 && !output.exists());
}

/// FS13
#[test]
fn folders_inside_each_other_end_at_their_depth_however_they_are_made() {
    for behaviour in ["deep", "deep-by-moving"] {
        let report = attack(Export::Doctor, behaviour).run();
        assert!(report.said().starts_with("denied: after 12") && report.said().contains("\"quota\""), "{behaviour}: {}", report.said());
        let output = report.place.path().join("output");
        remove_tree(&output).unwrap();
        assert!(!output.exists(), "{behaviour}");
    }
}

/// FS08
#[test]
fn a_name_that_a_terminal_would_obey_is_not_given_to_a_file() {
    for (name, code) in [("a%0ab", "\"invalid\""), ("a%00b", ""), ("long", "\"name-too-long\""), ("", "")] {
        let report = attack(Export::Doctor, &format!("make:{name}")).run();
        assert!(report.said().starts_with("denied: ") && report.said().contains(code), "{name:?}: {}", report.said());
        assert_eq!(fs::read_dir(report.place.path().join("output")).unwrap().count(), 0, "{name:?}");
    }
}

#[test]
fn so_many_files_are_open_at_once_and_no_more() {
    let attack = attack(Export::Doctor, "open-many:/workspace/file");
    fs::write(attack.folder(Folder::Workspace).join("file"), "x").unwrap();
    let report = attack.run();
    assert!(report.said().starts_with("denied: after 25"), "{}", report.said());
}

/// FS10
#[test]
fn no_name_of_the_hosts_own_files_can_be_taken() {
    for names in ["/output/mine>/output/../record.jsonl", "/output/mine>/record.jsonl", "/output/mine>/workspace/../record.jsonl"] {
        let attack = attack(Export::Doctor, &format!("rename:{names}"));
        fs::write(attack.folder(Folder::Output).join("mine"), "forged").unwrap();
        let report = attack.run();
        assert!(report.said().starts_with("denied: "), "{names}: {}", report.said());
        assert!(report.place.path().join("output/mine").exists() && !report.entries.is_empty(), "{names}");
    }
}

/// FS07, FS11
#[test]
fn a_folder_whose_name_only_looks_like_a_granted_one_is_not_granted() {
    for path in [
        "/workspace-evil/secret",
        "/workspace/../workspace-evil/secret",
        "/WORKSPACE/secret",
        "/Workspace/secret",
        "/worksp\u{430}ce/secret",
    ] {
        for verb in ["read", "write"] {
            let attack = attack(Export::Doctor, &format!("{verb}:{path}"));
            let evil = attack.folder(Folder::Workspace).with_file_name("workspace-evil");
            fs::create_dir(&evil).unwrap();
            for folder in [&evil, &attack.folder(Folder::Workspace)] {
                fs::write(folder.join("secret"), "secret").unwrap();
            }
            let report = attack.run();
            assert!(report.said().starts_with("denied: "), "{verb} {path}: {}", report.said());
            assert_eq!(fs::read(report.place.path().join("workspace-evil/secret")).unwrap(), b"secret");
        }
    }
}
