//! Commands that see only what was granted, as a person runs them.

use std::{fs, path::Path, process::Command};

use crate::kit::{Place, answer, text};

/// A file in the home folder of the user, which a strict command has no business with.
fn secret(place: &Place) -> String {
    let path = place.write("../user/.ssh/id", "hunter2");
    path.canonicalize().unwrap().display().to_string()
}

#[test]
fn a_strict_command_sees_its_folders_and_nothing_of_the_user_and_the_manifest_says_how() {
    let place = Place::new();
    let secret = secret(&place);
    let script = format!(
        "cat {secret} && exit 9; ls {home} && exit 9; echo here > made; echo out > \"$WORLDFLUX_OUTPUT_DIR/result\"; \
         exec 3<>/dev/tcp/127.0.0.1/22 && exit 9; echo done",
        home = Path::new(&secret).ancestors().nth(2).unwrap().display()
    );
    let line = ["run", "--json", "--run-id", "strict", "--sandbox", "strict", "--", "bash", "-c", &script];
    let manifest = place.type_in(line).expect(0).json();
    assert_eq!((text(&manifest, "/sandbox/profile"), text(&manifest, "/sandbox/level")), ("strict", "full"));
    let log = fs::read_to_string(place.output("strict").join("logs/strict.log")).unwrap();
    assert!(log.contains("done\n") && !log.contains("hunter2"), "{log}");
    assert_eq!(fs::read_to_string(place.work().join("made")).unwrap(), "here\n");
    let own = place.type_in(["run", "--json", "--", "cat", &secret]).expect(0).json();
    assert_eq!((text(&own, "/sandbox/profile"), text(&own, "/sandbox/level")), ("own", "process-tree"));
}

#[test]
fn the_pendulum_learns_the_same_when_it_is_strict() {
    let place = Place::new();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recipes/pendulum");
    for file in fs::read_dir(recipe).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|extension| extension == "py")) {
        fs::copy(file.path(), place.work().join(file.file_name())).unwrap();
    }
    place.write("worldflux.toml", "sandbox = \"strict\"\n");
    let train = |sandbox: &[&str]| {
        let line = [&["run", "--json"][..], sandbox, &["--", "python3", "train.py", "--epochs", "3"]].concat();
        place.type_in(line).expect(0).json()
    };
    let (strict, own) = (train(&[]), train(&["--sandbox", "own"]));
    assert_eq!((text(&strict, "/sandbox/level"), text(&own, "/sandbox/level")), ("full", "process-tree"));
    assert!(strict["metrics"]["open_loop_rmse"].is_number());
    assert_eq!(strict["metrics"], own["metrics"]);
}

#[test]
fn a_link_that_a_command_puts_in_place_of_its_output_changes_nothing_outside() {
    let place = Place::new();
    fs::create_dir_all(place.work().join("../elsewhere")).unwrap();
    let elsewhere = place.work().join("../elsewhere").canonicalize().unwrap();
    let script = format!("mv outputs outputs-2; mkdir outputs; ln -s {} outputs/swap; echo swapped", elsewhere.display());
    let answer = place.type_in(["run", "--run-id", "swap", "--sandbox", "strict", "--", "sh", "-c", &script]);
    assert!(String::from_utf8_lossy(&answer.stdout).contains("swapped"), "{}", answer.stderr);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "something was written where the link leads");
    assert!(place.work().join("outputs-2/swap/manifest.json").is_file(), "the manifest is in the folder that was the output");
}

#[test]
fn a_whole_home_is_no_workspace_for_somebody_who_is_not_trusted() {
    let place = Place::new();
    let home = place.work().parent().unwrap().to_owned();
    let refused = answer(place.command(["run", "--sandbox", "strict", "--", "true"]).current_dir(&home)).expect(2);
    assert!(refused.stderr.contains("it is a whole home") && refused.stderr.contains("--workspace DIR"), "{}", refused.stderr);
    let above = place.type_in(["run", "--sandbox", "strict", "--output", place.state().to_str().unwrap(), "--", "true"]).expect(2);
    assert!(above.stderr.contains("worldflux keeps there what it decides by"), "{}", above.stderr);
    answer(place.command(["run", "--", "true"]).current_dir(&home)).expect(0);
}

#[test]
fn a_project_opens_nothing_outside_of_it_to_a_strict_command() {
    let place = Place::new();
    let secret = secret(&place);
    let folder = Path::new(&secret).parent().unwrap().display().to_string();
    std::os::unix::fs::symlink(&folder, place.work().join("link")).unwrap();
    for line in ["workspace = 'link'", &format!("source = '{folder}'"), &format!("stdin = '{secret}'"), "output = 'link/{run_id}'"] {
        place.write("worldflux.toml", format!("sandbox = 'strict'\ncommand = 'cat'\n{line}\n"));
        let refused = place.type_in(["run"]).expect(2);
        assert!(refused.stderr.contains("a project cannot open what lies outside of it"), "{line}: {}", refused.stderr);
    }
    // The user can.
    let typed = place.type_in(["run", "--output", "out", "--stdin", &secret]).expect(0);
    assert_eq!(typed.text(), "hunter2");
}

#[test]
fn where_user_namespaces_are_refused_strict_is_refused_and_a_weaker_level_is_the_users_choice() {
    let place = Place::new();
    let without = |line: &[&str]| {
        let typed = place.command(line);
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"]);
        command.arg(typed.get_program()).args(typed.get_args()).current_dir(place.work()).env_clear();
        command.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        answer(&mut command)
    };
    let refused = without(&["run", "--sandbox", "strict", "--", "true"]).expect(2);
    for part in ["it needs level `full`", "has proven `kernel-filter`", "worldflux plugin grant local --level kernel-filter"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    without(&["plugin", "grant", "local", "--level", "kernel-filter"]).expect(0);
    let secret = secret(&place);
    let script = format!("cat {secret} && exit 9; echo kept");
    let manifest = without(&["run", "--json", "--sandbox", "strict", "--", "sh", "-c", &script]).expect(0).json();
    assert_eq!(text(&manifest, "/sandbox/level"), "kernel-filter");
}

#[test]
fn the_selftest_attacks_and_holds() {
    let place = Place::new();
    let answer = place.type_in(["selftest", "--hostile"]).expect(0);
    let said = String::from_utf8(answer.stdout).unwrap();
    let held = said.lines().filter(|line| line.starts_with("held: ")).count();
    assert!(held > 50 && held == said.lines().count(), "{said}");
    for case in ["RE01", "FS02", "PR01", "see-outside"] {
        assert!(said.contains(&format!("held: {case}: ")), "{case}: {said}");
    }
    let document = place.type_in(["selftest", "--json"]).expect(0).json();
    assert_eq!(text(&document, "/proof/level"), "full");
    let document = place.type_in(["selftest", "--json", "--level", "kernel-filter"]).expect(0).json();
    assert_eq!(text(&document, "/proof/level"), "kernel-filter");
    // Where there is no bubblewrap of an age that counts, it says so.
    let document = place.type_in(["selftest", "--json", "--level", "full-bwrap"]).expect(0).json();
    let level = text(&document, "/proof/level");
    assert!(level == "full-bwrap" || level == "kernel-filter" && document.to_string().contains("bubblewrap"), "{document:#}");
}
