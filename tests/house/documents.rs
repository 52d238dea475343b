//! What the documents claim is tried.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use worldflux::plugin::PluginManifest;

use crate::sources::{files, read, root};

/// How the README starts the program before it is installed.
const BY_CARGO: &str = "cargo run --release --locked -- ";

/// Every command that the README shows for `worldflux` is run, in order, and has to print what stands below it.
///
/// Numbers and run ids differ from run to run, so every number stands for any number. `...` alone stands for any lines, `…` for any text.
#[test]
fn the_commands_of_the_readme_print_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path().join("here");
    fs::create_dir(&here).unwrap();
    // A copy: a strict command does not see what a link out of its workspace leads to.
    let recipe = "tests/recipes/pendulum";
    fs::create_dir_all(here.join(recipe)).unwrap();
    for file in fs::read_dir(root().join(recipe)).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        fs::copy(file.path(), here.join(recipe).join(file.file_name())).unwrap();
    }
    let mut tried = 0;
    for (command, shown) in console("README.md") {
        let Some(arguments) = command.strip_prefix(BY_CARGO).or_else(|| command.strip_prefix("worldflux ")) else { continue };
        let output = Command::new(env!("CARGO_BIN_EXE_worldflux"))
            .args(arguments.split_whitespace().map(|word| word.trim_matches('\'')))
            .current_dir(&here)
            .env("WORLDFLUX_STATE_DIR", place.path().join("state"))
            .env("WORLDFLUX_CONFIG_DIR", place.path().join("config"))
            .env_remove("WORLDFLUX_PLUGIN_PATH")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.success(), "`{command}` ends with {}:\n{said}", output.status);
        let (shown, said): (Vec<_>, Vec<_>) = (shown.lines().map(bare).collect(), said.lines().map(bare).collect());
        assert!(fits(&shown, &said), "`{command}` should print\n{}\nand prints\n{}", shown.join("\n"), said.join("\n"));
        tried += 1;
    }
    assert!(tried >= 4, "the README shows {tried} commands");
}

#[test]
fn the_run_file_of_the_readme_means_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    let text = read("README.md");
    fs::write(place.path().join("worldflux.toml"), block(&text, "```toml\n")).unwrap();
    fs::write(place.path().join("requirements.txt"), "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_worldflux"))
        .args(["run", "--dry-run"])
        .current_dir(place.path())
        .env("WORLDFLUX_STATE_DIR", place.path().join("state"))
        .env("WORLDFLUX_CONFIG_DIR", place.path().join("config"))
        .env_remove("WORLDFLUX_PLUGIN_PATH")
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.contains("requirements.txt") && said.contains("train.py"), "{said}");
}

#[test]
fn the_gate_runs_the_cargo_commands_of_the_readme() {
    let gate = read(".ci/run");
    let commands: Vec<_> =
        console("README.md").into_iter().map(|(command, _)| command).filter(|command| command.starts_with("cargo ")).collect();
    assert!(commands.len() >= 2, "{commands:?}");
    for command in commands.iter().filter(|command| !command.starts_with("cargo install")) {
        assert!(gate.lines().any(|line| line == command), "`.ci/run` does not run `{command}`");
    }
}

/// The example is the one that `cargo test` compiles in the SDK.
#[test]
fn the_plugin_in_twenty_lines_is_the_one_that_is_compiled() {
    let text = read("plugins/README.md");
    let shown: Vec<_> = block(&text, "```rust\n").lines().collect();
    let door = read("plugins/sdk/src/lib.rs");
    let lines = door.lines().skip_while(|line| *line != "//! ```").skip(1).take_while(|line| *line != "//! ```");
    let compiled: Vec<_> =
        lines.map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("")).filter(|line| !line.starts_with("# ")).collect();
    assert_eq!(shown, compiled);
    let toml = block(&text, "`plugin.toml`, in which an unknown key is an error:\n```toml\n");
    let manifest = PluginManifest::parse(toml, "plugins/README.md").unwrap();
    assert_eq!(manifest.plugin.name.as_str(), "here");
}

/// What the reference of `plugin.toml` shows is read by the host.
#[test]
fn the_reference_of_plugin_toml_is_one_that_the_host_reads() {
    let text = read("plugins/README.md");
    let reference = text.split_once("## plugin.toml").unwrap().1;
    let manifest = PluginManifest::parse(block(reference, "```toml\n"), "plugins/README.md").unwrap();
    assert!(manifest.asks.command.is_some() && !manifest.asks.program.is_empty() && !manifest.asks.folder.is_empty());
    assert!(!manifest.asks.variables.is_empty() && manifest.plugin.homepage.is_some());
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let mut wrong = Vec::new();
    for file in files("").iter().filter(|file| file.is("md")) {
        let folder = Path::new(&file.path).parent().unwrap();
        for part in file.text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap();
            if !target.is_empty() && !target.contains("://") && !root().join(folder).join(target).exists() {
                wrong.push(format!("{}: {target}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

/// A variable that the code reads stands in the table, and the table names none that nobody reads.
#[test]
fn the_table_of_variables_is_the_list_of_what_is_read_and_set() {
    let code: String = files("host/src").iter().filter(|file| !file.is_test()).map(|file| file.text.clone()).collect();
    let table = read("host/README.md");
    let table = table.split_once("## Environment variables").unwrap().1.split("\n## ").next().unwrap().to_owned();
    assert_eq!(variables(&code, '"'), variables(&table, '`'));
}

/// Names that begin with `WORLDFLUX_` between two of these marks; those for the tests of this repository do not count.
fn variables(text: &str, mark: char) -> BTreeSet<String> {
    let names = text.split(mark).filter(|part| {
        part.starts_with("WORLDFLUX_")
            && !part.ends_with('_')
            && part.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            && !part.starts_with("WORLDFLUX_TEST")
    });
    names.filter(|name| *name != "WORLDFLUX_BLESS").map(str::to_owned).collect()
}

/// The commands of the `console` blocks, each with what it prints.
fn console(path: &str) -> Vec<(String, String)> {
    let text = read(path);
    let mut commands = Vec::new();
    for part in text.split("```console\n").skip(1) {
        let block = part.split("```").next().unwrap();
        for command in block.split("$ ").filter(|part| !part.is_empty()) {
            let (command, shown) = command.split_once('\n').unwrap();
            commands.push((command.to_owned(), shown.to_owned()));
        }
    }
    commands
}

/// The first block that begins so, without its fence.
fn block<'a>(text: &'a str, begin: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("there is no block that begins with `{begin}`")).1;
    rest.split_once("```").unwrap().0
}

/// A line with `RUN` for every run id, `#` for every number and one blank for many.
fn bare(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(c) = rest.chars().next() {
        let number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let length = if is_run_id(rest) {
            text.push_str("RUN");
            RUN_ID
        } else if number > 0 {
            text.push('#');
            number
        } else {
            if c != ' ' || !text.ends_with(' ') {
                text.push(c);
            }
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    text.replace("#.#", "#").trim_end().to_owned()
}

/// How long a run id is: `20261121T102720Z-53315d6e4cfd`.
const RUN_ID: usize = 29;

fn is_run_id(text: &str) -> bool {
    text.get(..RUN_ID).is_some_and(|id| {
        let Some((time, random)) = id.split_at_checked(17) else { return false };
        time.ends_with("Z-") && time.as_bytes()[8] == b'T' && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether lines are as shown.
fn fits(shown: &[String], said: &[String]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        Some((first, rest)) => said.split_first().is_some_and(|(line, others)| fits_line(first, line) && fits(rest, others)),
    }
}

fn fits_line(shown: &str, said: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or("")) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    rest.is_empty() || open
}

#[test]
fn what_is_shown_is_compared_but_for_numbers_and_what_is_left_out() {
    let lines = |text: &str| text.lines().map(bare).collect::<Vec<_>>();
    let said = lines("a 1.5 s\nb\nc\nrun 20261121T102720Z-53315d6e4cfd ok: /x/y.json");
    assert!(fits(&lines("a 22 s\n...\nrun 20250101T000000Z-aaaaaaaaaaaa ok: …/y.json"), &said));
    assert!(!fits(&lines("a 22 s\n...\nrun 20250101T000000Z-aaaaaaaaaaaa ok: …/z.json"), &said));
    assert!(!fits(&lines("a 22 s"), &said) && !fits(&lines("b\n..."), &said));
}
