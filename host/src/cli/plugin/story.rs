//! What the record of a run tells about its plugin, put together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use crate::{
    names::{Cause, Export, Failure},
    policy::{FolderName, Grants},
    store::{Body, Call, Entry},
};

/// Different things of one kind that are kept apart; more are counted together. Stops a plugin that opens a million files from filling the
/// memory of whoever asks what it did.
const KEPT: usize = 1_000;

/// What a plugin did, each thing with how often.
#[derive(Debug, Default, Serialize)]
pub(super) struct Deeds {
    /// Programs that were started, with their arguments.
    pub(super) ran: Counted,
    /// Paths that were opened for reading, as the plugin sees them.
    pub(super) read: Counted,
    /// Paths that were opened for writing, made, moved or removed.
    pub(super) wrote: Counted,
    /// Where requests went.
    pub(super) reached: Counted,
    /// Secrets that were used, by name.
    pub(super) secrets: Counted,
    /// Whatever else it called.
    pub(super) other: Counted,
    /// What was refused.
    pub(super) denied: Vec<Denied>,
    /// What was allowed and did not work.
    pub(super) failed: u64,
    /// Lines that it wrote into the log.
    pub(super) said: u64,
    #[serde(skip)]
    used: Used,
}

/// Things, and how often.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counted {
    /// By name.
    pub(super) things: BTreeMap<String, u64>,
    /// How often others happened, once there were too many to name.
    pub(super) more: u64,
}

/// One refusal.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Denied {
    /// What was wanted.
    pub(super) action: String,
    /// The rule that refused it.
    pub(super) rule: String,
    /// The line that would allow it; empty where nothing would.
    pub(super) cure: String,
    /// During which export.
    pub(super) during: Option<Export>,
    /// How often.
    pub(super) times: u64,
}

#[derive(Debug, Default)]
struct Used {
    command: bool,
    programs: BTreeSet<String>,
    variables: BTreeSet<String>,
    folders: BTreeSet<FolderName>,
    secrets: BTreeSet<String>,
}

impl Counted {
    fn add(&mut self, thing: String) {
        if let Some(times) = self.things.get_mut(&thing) {
            *times += 1;
        } else if self.things.len() < KEPT {
            self.things.insert(thing, 1);
        } else {
            self.more += 1;
        }
    }

    /// One line for each thing.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(thing, times): (&String, &u64)| if *times == 1 { thing.clone() } else { format!("{thing} ({times} times)") };
        let mut lines: Vec<_> = self.things.iter().map(line).collect();
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        lines
    }
}

impl Deeds {
    /// Take note of one entry of the record. `granted` tells which folder a path belongs to.
    pub(super) fn note(&mut self, entry: Entry, granted: &Grants) {
        match entry.body {
            Body::Intent(call) => self.did(&call, granted),
            Body::Denial { call, denial } => self.deny(denial.action, denial.rule, denial.cure, call.export),
            Body::Result { outcome, .. } if outcome.get("failed").is_some() => {
                self.failed += 1;
                // What was granted and cannot be had: a program that was replaced since, a machine that confines too little.
                let failure = outcome.get("failed").and_then(|failure| Failure::deserialize(failure).ok());
                if let Some(Failure { cause: Cause::Denied { action, rule, cure }, .. }) = failure {
                    self.deny(action, rule, cure, None);
                }
            }
            Body::Log { .. } => self.said += 1,
            _ => {}
        }
    }

    fn deny(&mut self, action: String, rule: String, cure: String, during: Option<Export>) {
        let same = |known: &&mut Denied| known.action == action && known.rule == rule && known.during == during;
        if let Some(known) = self.denied.iter_mut().find(same) {
            known.times += 1;
        } else if self.denied.len() < KEPT {
            self.denied.push(Denied { action, rule, cure, during, times: 1 });
        }
    }

    fn did(&mut self, call: &Call, granted: &Grants) {
        let text = |key: &str| call.action.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |key: &str| {
            let list = call.action.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let during = call.export.map(|export| format!(" during {export}")).unwrap_or_default();
        self.used.variables.extend(list("adds"));
        match call.import.as_str() {
            "process.launch-command" => {
                self.used.command = true;
                self.ran.add(format!("your command: {}{during}", list("argv").join(" ")));
                let given = call.action.get("secrets").and_then(Value::as_object).into_iter().flatten();
                for name in given.filter_map(|(_, name)| name.as_str()) {
                    self.secret(name);
                }
            }
            "process.output" | "process.launch" => {
                let program = text("program");
                self.used.programs.insert(program.rsplit('/').next().unwrap_or_default().to_owned());
                let words: Vec<_> = std::iter::once(program).chain(list("arguments")).collect();
                self.ran.add(format!("{}{during}", words.join(" ")));
            }
            import if import.starts_with("wasi:filesystem/") => {
                let path = text("path");
                self.used.folders.extend(granted.folders.keys().filter(|folder| Path::new(&path).starts_with(folder.to_string())).cloned());
                let changes = !import.ends_with(".open-at") || call.action.get("writes") == Some(&Value::Bool(true));
                if changes { self.wrote.add(path) } else { self.read.add(path) }
            }
            import if import.starts_with("wasi:http/") => {
                let host = [text("host"), text("authority")].concat();
                let port = call.action.get("port").map(|port| format!(":{port}")).unwrap_or_default();
                self.reached.add(format!("{} {}://{host}{port}{}", text("method"), text("scheme"), text("path")));
                for name in list("secrets") {
                    self.secret(&name);
                }
            }
            "transfer.download" => {
                self.reached.add(format!("GET {}", text("url")));
                self.wrote.add(text("to"));
                for name in list("secrets") {
                    self.secret(&name);
                }
            }
            import => self.other.add(format!("{import}{during}")),
        }
    }

    fn secret(&mut self, name: &str) {
        self.used.secrets.insert(name.to_owned());
        self.secrets.add(name.to_owned());
    }

    /// What was granted and never used by the plugin itself, in words of the options that granted it. What its programs did with folders and
    /// devices stands in no record.
    pub(super) fn unused(&self, granted: &Grants) -> Vec<String> {
        let mut unused = vec![];
        if granted.command && !self.used.command {
            unused.push("--command".to_owned());
        }
        let programs = granted.programs.iter().filter(|name| !self.used.programs.contains(name.as_str()));
        unused.extend(programs.map(|name| format!("--program {name}")));
        let folders = granted.folders.iter().filter(|(name, _)| !self.used.folders.contains(*name));
        unused.extend(folders.map(|(name, access)| format!("--folder {name}={}", access.name())));
        unused
            .extend(granted.variables.iter().filter(|name| !self.used.variables.contains(*name)).map(|name| format!("--variable {name}")));
        let secrets = granted.secrets.keys().filter(|name| !self.used.secrets.contains(name.as_str()));
        unused.extend(secrets.map(|name| format!("--secret {name}")));
        unused
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{names::Moment, policy::Denial};

    fn tell(bodies: Vec<Body>, granted: &Grants) -> Deeds {
        let mut deeds = Deeds::default();
        for (seq, body) in (0..).zip(bodies) {
            deeds.note(Entry { seq, at: Moment::now(), body }, granted);
        }
        deeds
    }

    fn call(import: &str, action: Value) -> Body {
        Body::Intent(Call { export: Some(Export::Doctor), import: import.into(), action })
    }

    #[test]
    fn what_was_done_is_told_by_kind_and_what_was_not_used_is_left_over() {
        let granted: Grants = toml::from_str(
            "command = true\nprograms = ['git', 'df']\nvariables = ['X']\nfolders = { '/env' = 'write', '/data/out' = 'read', '/data/out-evil' = 'read' }",
        )
        .unwrap();
        let denial = Denial { plugin: "p".into(), action: "start program `sh`".into(), rule: "no".into(), cure: String::new() };
        let denied = || Body::Denial {
            call: Call { export: Some(Export::Doctor), import: "process.output".into(), action: json!({}) },
            denial: denial.clone(),
        };
        let deeds = tell(
            vec![
                call("process.output", json!({ "program": "git", "arguments": ["--version"], "adds": ["X"] })),
                call("process.output", json!({ "program": "git", "arguments": ["--version"] })),
                call("wasi:filesystem/types.open-at", json!({ "path": "/data/out/x", "writes": false })),
                call("wasi:filesystem/types.open-at", json!({ "path": "/env/y", "writes": true })),
                call(
                    "wasi:http/outgoing-handler.handle",
                    json!({ "method": "GET", "scheme": "https", "host": "a.b", "port": 443, "path": "/v1", "secrets": ["token"] }),
                ),
                call("wasi:filesystem/types.unlink-file-at", json!({ "path": "/env/z" })),
                denied(),
                denied(),
            ],
            &granted,
        );
        assert_eq!(deeds.ran.lines(), ["git --version during doctor (2 times)"]);
        assert_eq!((deeds.read.lines(), deeds.wrote.lines()), (vec!["/data/out/x".into()], vec!["/env/y".to_owned(), "/env/z".into()]));
        assert_eq!((deeds.reached.lines(), deeds.secrets.lines()), (vec!["GET https://a.b:443/v1".to_owned()], vec!["token".to_owned()]));
        assert_eq!((deeds.denied.len(), deeds.denied[0].times), (1, 2));
        assert_eq!(deeds.unused(&granted), ["--command", "--program df", "--folder /data/out-evil=read"]);
    }

    #[test]
    fn a_plugin_that_does_a_million_things_fills_no_memory() {
        let granted = Grants::default();
        let opens = (0..2_000).map(|n| call("wasi:filesystem/types.open-at", json!({ "path": format!("/env/{n}"), "writes": false })));
        let deeds = tell(opens.collect(), &granted);
        assert_eq!((deeds.read.things.len(), deeds.read.more), (KEPT, 2_000 - KEPT as u64));
        assert_eq!(deeds.read.lines().last().map(String::as_str), Some("and 1000 more"));
    }
}
