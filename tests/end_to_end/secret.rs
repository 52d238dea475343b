//! A secret that is given to a command stays with the command.

use std::fs;

use crate::kit::{Going, Place, command_line, descendants, files, mark};

// N20, T-W13, X33, X34: typed as `--env NAME`, and as `--env NAME=VALUE`.
#[test]
fn the_value_of_a_variable_is_in_no_file_and_on_no_command_line() {
    let place = Place::new();
    for (run, option) in [("taken", "API_TOKEN".to_owned()), ("typed", format!("API_TOKEN={}", mark()))] {
        let secret = option.split_once('=').map_or_else(mark, |(_, secret)| secret.to_owned());
        let script =
            "test -n \"$API_TOKEN\" && echo has it; echo ready > $WORLDFLUX_OUTPUT_DIR/artifact.txt; until [ -e go ]; do sleep 0.02; done";
        let line = ["run", "--run-id", run, "--env", &option, "--setup", "test -n \"$API_TOKEN\"", "--", "sh", "-c", script];
        let mut command = place.command(line);
        if run == "taken" {
            command.env("API_TOKEN", &secret);
        }
        let mut going = Going::start(&mut command);
        assert_eq!(going.line(), "has it\n");
        let family = descendants(going.pid());
        assert!(!family.is_empty());
        for pid in &family {
            assert!(!command_line(*pid).contains(&secret), "{}", command_line(*pid));
        }
        assert!(run == "typed" || !command_line(going.pid()).contains(&secret));
        let look = || {
            for folder in [place.state(), place.work()] {
                for file in files(&folder) {
                    let content = fs::read(&file).unwrap();
                    assert!(!content.windows(secret.len()).any(|window| window == secret.as_bytes()), "{run}: {}", file.display());
                }
            }
        };
        look();
        place.write("go", "");
        let answer = going.end().expect(0);
        assert!(!answer.stderr.contains(&secret));
        look();
        let names = place.manifest(run)["spec"]["variables"].to_string();
        assert!(names.contains("API_TOKEN"), "the name is there: {names}");
        fs::remove_file(place.work().join("go")).unwrap();
    }
}
