//! Tries to get out of the folders, and to leave traps in them.

use std::{fs, os::unix::fs::symlink, process::Command};

use worldflux::{names::Export, policy::Folder};

use crate::lab::attack;

/// FS01, FS02, FS09
#[test]
fn nothing_outside_of_the_folders_can_be_opened() {
    for path in
        ["/etc/passwd", "/workspace/../secret", "/workspace/../../etc/passwd", "/proc/self/environ", "/state/x", "../secret", "secret"]
    {
        for verb in ["read", "write", "list", "remove"] {
            let attack = attack(Export::Doctor, &format!("{verb}:{path}"));
            let secret = attack.folder(Folder::Workspace).with_file_name("secret");
            fs::write(&secret, "secret").unwrap();
            let report = attack.run();
            assert!(report.said().starts_with("denied: "), "{verb} {path}: {}", report.said());
            assert_eq!(fs::read(report.place.path().join("secret")).unwrap(), b"secret");
        }
    }
}

/// FS01
#[test]
fn no_path_leads_out_at_the_lowest_level_either() {
    for path in ["..", "../secret", "/etc/passwd", "inner/../../secret", "link", "link/passwd", "link-file", "./../secret", "a%00b", "%0a"]
    {
        let attack = attack(Export::Doctor, &format!("open-at:{path}"));
        let workspace = attack.folder(Folder::Workspace);
        fs::create_dir(workspace.join("inner")).unwrap();
        fs::write(workspace.with_file_name("secret"), "secret").unwrap();
        symlink("/etc", workspace.join("link")).unwrap();
        symlink("../secret", workspace.join("link-file")).unwrap();
        let report = attack.run();
        assert!(report.said().starts_with("denied: "), "{path:?}: {}", report.said());
    }
}

#[test]
fn a_folder_is_read_only_where_only_reading_was_granted() {
    let granted = "folders = { '/workspace' = 'write', '/output' = 'read' }";
    // `/workspace` is asked for with `read`, so a wider grant changes nothing.
    for (behaviour, answer) in [
        ("read:/workspace/file", "ok: "),
        ("write:/workspace/file", "denied: "),
        ("remove:/workspace/file", "denied: "),
        ("read:/output/file", "ok: "),
        ("write:/output/file", "denied: "),
        ("read:/env/file", "denied: "),
    ] {
        let attack = attack(Export::Doctor, behaviour).granted(granted);
        for folder in [Folder::Workspace, Folder::Output, Folder::Env] {
            fs::write(attack.folder(folder).join("file"), "kept").unwrap();
        }
        let report = attack.run();
        assert!(report.said().starts_with(answer), "{behaviour}: {}", report.said());
        for folder in ["workspace", "output", "env"] {
            assert_eq!(fs::read(report.place.path().join(folder).join("file")).unwrap(), b"kept", "{behaviour}");
        }
    }
}

#[test]
fn only_granted_folders_are_open_and_none_where_nothing_is_granted() {
    assert_eq!(attack(Export::Doctor, "preopens").run().said(), "ok: /workspace /env /output");
    assert_eq!(attack(Export::Doctor, "preopens").granted("folders = { '/output' = 'read' }").run().said(), "ok: /output");
    assert_eq!(attack(Export::Doctor, "preopens").granted("").run().said(), "ok: ");
}

/// FS03
#[test]
fn no_link_can_be_made() {
    for target in ["/etc/passwd", "file", "../secret"] {
        let report = attack(Export::BuildEnv, &format!("symlink:{target}")).run();
        assert!(report.said().starts_with("denied: symlink to "), "{}", report.said());
        assert_eq!(report.denials(), [("wasi:filesystem/types.symlink-at".to_owned(), "plugins make no links".to_owned())]);
        assert!(fs::read_dir(report.place.path().join("output")).unwrap().next().is_none());
    }
}

/// FS05
#[test]
fn a_hard_link_cannot_be_made() {
    let attack = attack(Export::BuildEnv, "hard-link:/env/file");
    fs::write(attack.folder(Folder::Env).join("file"), "kept").unwrap();
    let report = attack.run();
    assert!(report.said().starts_with("denied: hard link to "), "{}", report.said());
    assert_eq!(report.denials(), [("wasi:filesystem/types.link-at".to_owned(), "plugins make no links".to_owned())]);
}

#[test]
fn every_opening_is_written_down_with_its_guest_path_and_what_came_of_it() {
    let report = attack(Export::Doctor, "write:/output/a").run();
    assert_eq!(report.said(), "ok: /output/a: written");
    let opened = report.effects("wasi:filesystem/types.open-at");
    assert_eq!(opened.len(), 1, "{opened:?}");
    let (action, outcome) = &opened[0];
    assert_eq!((action["path"].as_str(), action["writes"].as_bool()), (Some("/output/a"), Some(true)));
    assert_eq!(outcome.as_ref().unwrap()["ok"], "done");

    let report = attack(Export::Doctor, "read:/output/none").run();
    let opened = report.effects("wasi:filesystem/types.open-at");
    assert_eq!(opened[0].0["path"], "/output/none");
    assert!(opened[0].1.as_ref().unwrap()["ok"]["error"].as_str() == Some("no-entry"), "{opened:?}");
}

/// FS14
#[test]
fn a_pipe_in_the_workspace_does_not_hold_an_opening_up() {
    for path in ["pipe", "link"] {
        let attack = attack(Export::Doctor, &format!("read:/workspace/{path}"));
        let workspace = attack.folder(Folder::Workspace);
        assert!(Command::new("mkfifo").arg(workspace.join("pipe")).status().unwrap().success());
        symlink("pipe", workspace.join("link")).unwrap();
        let report = attack.run();
        assert!(report.said().starts_with("denied: "), "{path}: {}", report.said());
        let opened = report.effects("wasi:filesystem/types.open-at");
        assert_eq!(opened[0].0["path"], format!("/workspace/{path}"), "the attempt is written down");
    }
}

/// FS08
#[test]
fn names_that_no_file_can_have_are_refused() {
    let long = "x".repeat(300);
    for name in [long.as_str(), "a%00b"] {
        for verb in ["read", "write"] {
            let report = attack(Export::Doctor, &format!("{verb}:/output/{name}")).run();
            assert!(report.said().starts_with("denied: "), "{verb}: {}", report.said());
        }
    }
}
