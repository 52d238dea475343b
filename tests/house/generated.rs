//! What the documents repeat from the code is generated from it. `WORLDFLUX_BLESS=1` writes it anew.

use std::fs;

use worldflux::cli::{EXIT_CODES, args::Arguments};

use crate::sources::{read, root};

#[test]
fn generated_tables_are_up_to_date() {
    keep("README.md", "verbs", &verbs());
    keep("host/README.md", "exit codes", &exit_codes());
    keep("host/README.md", "rooms", &rooms());
}

/// The verbs with their one line of help.
fn verbs() -> String {
    let definition = Arguments::definition("");
    let verbs = definition.get_subcommands().filter(|verb| !verb.is_hide_set()).map(|verb| {
        let inside: Vec<_> = verb.get_subcommands().map(|inner| format!("`{}`", inner.get_name())).collect();
        let inside = if inside.is_empty() { String::new() } else { format!(": {}", inside.join(", ")) };
        format!("| `worldflux {}` | {}{inside} |\n", verb.get_name(), verb.get_about().unwrap())
    });
    format!("| verb | what it does |\n|---|---|\n{}", verbs.collect::<String>())
}

fn exit_codes() -> String {
    let rows = EXIT_CODES.iter().map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code()));
    format!("| code | meaning |\n|---|---|\n{}", rows.collect::<String>())
}

/// Each room with the first paragraph, the `Never` and the `Callers` of its door.
fn rooms() -> String {
    let order =
        ["names", "policy", "sandbox", "workspace", "store", "imports", "config", "plugin", "engine", "run", "check", "serve", "cli"];
    let mut text = String::new();
    for room in order {
        let door = read(&format!("host/src/{room}/mod.rs"));
        let lines = door.lines().take_while(|line| line.starts_with("//!")).map(|line| line.trim_start_matches("//!").trim());
        let comment = lines.collect::<Vec<_>>().join("\n");
        let purpose = comment.split("\n\n").next().unwrap().replace('\n', " ");
        let part = |begin: &str, end: &str| {
            let rest = comment.split_once(begin).unwrap().1;
            rest.split_once(end).map_or(rest, |(part, _)| part).trim().replace('\n', " ")
        };
        let (never, callers) = (part("Never: ", "\nCallers: "), part("Callers: ", "\nRead in order: "));
        text.push_str(&plain(&format!("**`{room}`** {purpose}\n- Never: {never}\n- Callers: {callers}\n\n")));
    }
    text.trim_end().to_owned() + "\n"
}

/// A link of rustdoc leads nowhere in a document.
fn plain(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}

/// Compare what stands between the two marks of a document with what should stand there.
pub(crate) fn keep(path: &str, name: &str, wanted: &str) {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
    let text = read(path);
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("`{path}` has no `{}`", begin.trim()));
    let (found, after) = rest.split_once(end).unwrap();
    if found == wanted {
        return;
    }
    assert!(std::env::var_os("WORLDFLUX_BLESS").is_some(), "the part `{name}` of `{path}` is out of date: run `just bless`");
    fs::write(root().join(path), format!("{before}{begin}{wanted}{end}{after}")).unwrap();
}
