//! Inputs that a run file names.

use std::{fs, path::Path};

use worldflux::names::Digest;

use crate::{
    authority::Authority,
    kit::{Place, files},
    origin::{Origin, text},
};

const FILE: &str = "[assets.notes]\nfile = 'data/notes.txt'\nsave_path = 'in/deep/n.txt'\n[assets.tree]\nfolder = 'data/tree'\n";

fn with_data() -> Place {
    let place = Place::new();
    place.write("data/notes.txt", "some notes");
    place.write("data/tree/a/b.txt", "leaf");
    place.write("worldflux.toml", FILE);
    place
}

/// F167, F205, F212, F213, X70, X71
#[test]
fn in_an_evaluation_assets_lie_beside_the_workspace_and_are_gone_afterwards() {
    let place = with_data();
    let script = "echo {{static:notes}}; cat {{static:notes}} {{static:tree}}/a/b.txt; stat -c ' %a %a' {{static:notes}} {{static:tree}}";
    let answer = place.run(&["--run-id", "r", "--env", "WHERE={{static:tree}}", "--setup", "test -d $WHERE"], script).expect(0);
    let out = answer.text();
    let (path, rest) = out.split_once('\n').unwrap();
    assert_eq!(rest, "some notesleaf 444 444\n 555 555\n");
    assert!(path.starts_with(place.state().to_str().unwrap()) && path.ends_with("/assets/in/deep/n.txt"), "{path}");
    assert!(!Path::new(path).exists(), "what was beside the workspace goes with the run");
    assert!(!place.work().join("in").exists() && !place.work().join("a").exists());
}

/// F167, F213
#[test]
fn for_an_agent_assets_are_copied_into_the_workspace_again_and_again() {
    let place = with_data();
    place.write("worldflux.toml", format!("mode = 'agent'\nworkspace = 'space'\n{FILE}"));
    place.write("space/data/tree/own.txt", "mine");
    for _ in 0..2 {
        let script = "cat in/deep/n.txt data/tree/a/b.txt data/tree/own.txt; cat {{static:notes}} > copy; echo changed > in/deep/n.txt";
        assert_eq!(place.run(&[], script).expect(0).text(), "some notesleafmine");
        assert_eq!(fs::read_to_string(place.work().join("space/copy")).unwrap(), "some notes");
    }
    assert_eq!(fs::read_to_string(place.work().join("data/notes.txt")).unwrap(), "some notes");
}

/// F211
#[test]
fn of_two_groups_the_later_one_wins() {
    let place = Place::new();
    for name in ["base", "hard", "own"] {
        place.write(name, name);
    }
    let groups = "[assets.one]\nfile = 'own'\n[asset_groups.hard.one]\nfile = 'hard'\n[asset_groups.base.one]\nfile = 'base'\n[asset_groups.base.two]\nfile = 'base'\nsave_path = 'two'\n";
    for (order, expected) in [("asset_order = ['base', 'hard']\n", "hardbase"), ("asset_order = ['hard', 'base']\n", "basebase")] {
        place.write("worldflux.toml", format!("{order}{groups}"));
        assert_eq!(place.run(&[], "cat {{static:one}} {{static:two}}").expect(0).text(), expected);
    }
    for (order, complaint) in [("", "groups need an order"), ("asset_order = ['bsae']\n", "such as `base`")] {
        place.write("worldflux.toml", format!("{order}{groups}"));
        let answer = place.run(&[], "true").expect(2);
        assert!(answer.stderr.contains(complaint), "{}", answer.stderr);
    }
}

/// F210, N14, X54
#[test]
fn an_asset_comes_from_its_project_and_goes_among_the_assets_or_there_is_no_run() {
    let place = with_data();
    std::os::unix::fs::symlink("/etc", place.work().join("data/tree/link")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", place.work().join("data/link")).unwrap();
    for (asset, complaint) in [
        ("file = '../state/key'", "expected a path below the folder of this file"),
        ("file = '/etc/hostname'", "expected a path below the folder of this file"),
        ("file = 'data/../../x'", "expected a path below the folder of this file"),
        ("file = 'data/link'", "goes through a link"),
        ("file = 'data/tree/link/hostname'", "goes through a link"),
        ("file = 'data/none.txt'", "there is no `data/none.txt`"),
        ("file = 'data/tree'", "is a folder, not a regular file"),
        ("folder = 'data/notes.txt'", "asset `x`: "),
        ("folder = 'data/tree'", "goes through a link"),
        ("file = 'data/notes.txt'\nsave_path = '../x'", "expected a relative path"),
        ("file = 'data/notes.txt'\nsave_path = '/x'", "expected a relative path"),
        ("file = 'data/notes.txt'\nfolder = 'data'", "exactly one of"),
        ("", "exactly one of"),
        ("url = 'https://files.test.net/x'", "what is fetched needs a `sha256`"),
        ("url = 'http://files.test.net/x?sign=s3cret'\nsha256 = '00'", "expected a URL that begins with `https://`"),
        ("file = 'data/notes.txt'\nsha256 = '1'", "64 hexadecimal digits"),
        ("fil = 'x'", "did you mean `assets.x.file`?"),
    ] {
        place.write("worldflux.toml", format!("[assets.x]\n{asset}\n"));
        let answer = place.run(&["--run-id", "r"], "touch ran");
        assert_ne!(answer.code, Some(0), "{asset}");
        assert!(answer.stderr.contains(complaint) && !answer.stderr.contains("s3cret"), "{asset}: {}", answer.stderr);
        assert!(!place.work().join("ran").exists());
        let _ = fs::remove_dir_all(place.state().join("runs"));
        let _ = fs::remove_file(place.state().join("worldflux.db"));
    }
    let digest = Digest::of(b"some notes");
    place.write("worldflux.toml", format!("[assets.x]\nfile = 'data/notes.txt'\nsha256 = '{}'", digest.hex()));
    place.run(&[], "cat {{static:x}}").expect(0);
    place.write("data/notes.txt", "other notes");
    let answer = place.run(&[], "true");
    assert!(answer.stderr.contains(&format!("and should have {digest}")), "{}", answer.stderr);
}

/// F212
#[test]
fn a_name_that_no_asset_has_ends_the_run_before_it_begins() {
    let place = with_data();
    let answer = place.run(&[], "cat {{static:note}}");
    assert_ne!(answer.code, Some(0));
    assert!(
        answer.stderr.contains("`{{static:note}}` names no asset") && answer.stderr.contains("did you mean `notes`?"),
        "{}",
        answer.stderr
    );
    assert!(place.runs().is_empty());
}

/// F214
#[test]
fn a_file_behind_a_signed_url_is_fetched_once_and_its_signature_is_nowhere() {
    let place = Place::new();
    let authority = Authority::new();
    let origin = Origin::start_tls(&authority.issue("files.test.net"), |seen, stream| match seen.path() {
        "/data.bin?signature=s3cr3t-s1gn" => text(stream, "200 OK", "from afar"),
        _ => text(stream, "403 Forbidden", "no"),
    });
    let at = origin.address.to_string();
    let ca = authority.file();
    place.type_in(["endpoint", "add", "files.test.net", "--at", &at, "--ca", ca.to_str().unwrap()]).expect(0);
    let asset = |query: &str, content: &str| {
        format!("[assets.far]\nurl = 'https://files.test.net/data.bin?{query}'\nsha256 = '{}'\n", Digest::of(content.as_bytes()).hex())
    };
    let run_file = place.write("worldflux.toml", asset("signature=s3cr3t-s1gn", "from afar"));
    for _ in 0..2 {
        assert_eq!(place.run(&["--json"], "cat {{static:far}} >&2").expect(0).stderr, "from afar");
        assert_eq!(place.run(&[], "cat {{static:far}}").expect(0).text(), "from afar");
    }
    assert_eq!(origin.seen().len(), 1, "it is kept by its digest");
    for folder in [place.state(), place.work()] {
        for file in files(&folder).into_iter().filter(|file| *file != run_file) {
            let content = fs::read(&file).unwrap();
            assert!(!content.windows(12).any(|window| window == b"s3cr3t-s1gn?" || &window[..11] == b"s3cr3t-s1gn"), "{}", file.display());
        }
    }
    place.write("worldflux.toml", asset("signature=s3cr3t-s1gn", "something else"));
    let answer = place.run(&[], "true");
    assert!(answer.stderr.contains("from https://files.test.net/data.bin?...: it has digest"), "{}", answer.stderr);
    place.write("worldflux.toml", asset("signature=0th3r", "something else"));
    let answer = place.run(&[], "true");
    assert!(answer.stderr.contains("the server answers 403 Forbidden") && !answer.stderr.contains("0th3r"), "{}", answer.stderr);
}
