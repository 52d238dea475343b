//! What a component could ask for, read from its bytes before anything of it is compiled or run.

use serde::Serialize;
use wasmparser::{Parser, Payload};

use super::{error::PluginError, manifest::PROTOCOL};

/// Interfaces that this host has, as package and interface; every 0.2 version of WASI is the same to it.
const KNOWN: &[(&str, &[&str])] = &[
    ("worldflux:runtime", &["types", "process", "secrets", "transfer", "log"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["wall-clock", "monotonic-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    ("wasi:filesystem", &["types", "preopens"]),
    ("wasi:http", &["types", "outgoing-handler"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:sockets", &["network", "instance-network", "ip-name-lookup", "tcp", "tcp-create-socket", "udp", "udp-create-socket"]),
];

/// Levels of components inside each other. Stops a file of nothing but beginnings, each of which the reader would remember.
const DEPTH: usize = 100;

/// The imports and exports of a component, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What it could call.
    pub imports: Vec<String>,
    /// What it answers.
    pub exports: Vec<String>,
}

impl Inspection {
    /// Read the outermost imports and exports of `component`.
    pub(super) fn of(component: &[u8], origin: &str) -> Result<Self, PluginError> {
        let malformed = |error: wasmparser::BinaryReaderError| PluginError::Malformed {
            origin: origin.to_owned(),
            message: format!("{} (at byte {})", error.message(), error.offset()),
        };
        let (mut imports, mut exports, mut depth) = (vec![], vec![], 0_usize);
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(malformed)? {
                Payload::Version { range, .. } => {
                    depth += 1;
                    if depth > DEPTH {
                        let message = format!("components inside each other, more than {DEPTH} deep (at byte {})", range.start);
                        return Err(PluginError::Malformed { origin: origin.to_owned(), message });
                    }
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        imports.push(import.map_err(malformed)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        exports.push(export.map_err(malformed)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(Self { imports, exports })
    }

    /// Refuse what cannot be a plugin of this protocol.
    pub(super) fn check(&self, origin: &str) -> Result<(), PluginError> {
        if let Some(import) = self.imports.iter().find(|import| !is_known(import)) {
            return Err(PluginError::UnknownImport { origin: origin.to_owned(), import: import.escape_debug().take(200).collect() });
        }
        let expected = PROTOCOL.replace('@', "/plugin@");
        let fits = |export: &&String| base(export) == base(&expected) && is_same_minor(export, &expected);
        if self.exports.iter().any(|export| fits(&export)) {
            return Ok(());
        }
        let found = if self.exports.is_empty() { "nothing".to_owned() } else { self.exports.join(", ").escape_debug().take(400).collect() };
        Err(PluginError::NotAPlugin { origin: origin.to_owned(), expected, found })
    }
}

fn is_known(import: &str) -> bool {
    let Some((package, interface)) = base(import).split_once('/') else { return false };
    let version = import.split_once('@').map_or("", |(_, version)| version);
    let spoken = if package == "worldflux:runtime" { is_same_minor(import, PROTOCOL) } else { version.starts_with("0.2.") };
    spoken && KNOWN.iter().any(|(known, interfaces)| *known == package && interfaces.contains(&interface))
}

fn base(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

fn is_same_minor(one: &str, other: &str) -> bool {
    let minor = |name: &str| name.split_once('@').and_then(|(_, version)| version.rsplit_once('.')).map(|(minor, _)| minor.to_owned());
    minor(one).is_some() && minor(one) == minor(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_that_the_host_lacks_is_named() {
        let check = |import: &str| Inspection { imports: vec![import.into()], exports: vec![] }.check("x").unwrap_err().to_string();
        assert_eq!(check("wasi:nn/tensor@0.2.0"), "`x` imports `wasi:nn/tensor@0.2.0`, which this host does not have");
        assert!(check("wasi:cli/run@0.3.0").contains("imports"));
        assert!(check("worldflux:runtime/process@0.9.0").contains("imports"));
        assert!(check("env").contains("imports"));
        assert!(check("wasi:io/poll@0.2.3").contains("does not export `worldflux:runtime/plugin@0.1.0`; it exports: nothing"));
    }

    /// The bytes of a component in a component, this many deep: the text form has a limit of its own.
    fn nested(levels: usize) -> Vec<u8> {
        let empty = b"\0asm\x0d\0\x01\0".to_vec();
        (1..levels).fold(empty.clone(), |inner, _| {
            let mut outer = empty.clone();
            outer.push(4);
            let mut length = inner.len();
            while length >= 0x80 {
                outer.push(u8::try_from(length & 0x7f | 0x80).unwrap());
                length >>= 7;
            }
            outer.push(u8::try_from(length).unwrap());
            outer.extend(inner);
            outer
        })
    }

    #[test]
    fn components_inside_each_other_are_counted() {
        let check = |levels| Inspection::of(&nested(levels), "x");
        assert!(check(DEPTH).is_ok());
        assert!(check(DEPTH + 1).unwrap_err().to_string().contains("more than 100 deep"));
    }

    #[test]
    fn only_the_outermost_imports_count() {
        let bytes = wat::parse_str(r#"(component (component (import "inner" (func))) (import "outer" (func)))"#).unwrap();
        assert_eq!(Inspection::of(&bytes, "x").unwrap().imports, ["outer"]);
    }
}
