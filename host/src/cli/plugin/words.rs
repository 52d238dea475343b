//! What the imports of a component make possible, in plain words.

/// What a component could do if everything were granted, a line each, and what it can never do.
pub(super) fn possible(imports: &[String]) -> Vec<String> {
    let has = |prefix: &str| imports.iter().any(|import| import.starts_with(prefix));
    let lines = [
        (
            "worldflux:runtime/process",
            "could start programs of this machine, those that it asks for and you grant, and the command that you type",
        ),
        ("wasi:filesystem/", "could read and write files, in folders that it asks for or you give, and nowhere else"),
        ("wasi:http/", "could send requests over HTTP, to hosts that it asks for and you grant"),
        ("wasi:sockets/", "has code for network connections, as every program in some languages; every connection is denied"),
        ("worldflux:runtime/log", "could write lines into the log of a run, marked as its own"),
        ("wasi:clocks/", "could read the time"),
    ];
    let possible: Vec<_> = lines.into_iter().filter(|(import, _)| has(import)).map(|(_, words)| words.to_owned()).collect();
    if possible.is_empty() { vec!["could do nothing but compute and answer".to_owned()] } else { possible }
}

/// What no plugin can do, whatever it imports.
pub(super) const NEVER: &str =
    "can never open a network connection of its own, see your environment variables or a secret, or outlive its call";
