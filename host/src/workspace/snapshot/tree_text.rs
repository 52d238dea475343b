//! The document of a tree.
//!
//! ```text
//! worldflux tree 1
//! file 0644 12 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 notes/a\20b.txt
//! file 0755 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 run
//! folder scratch
//! link latest notes/a\20b.txt
//! ```
//!
//! One line an entry, sorted by the bytes of the paths. Of a name, every byte that is no visible ASCII character, and the backslash, is
//! written as a backslash and two lower-case hexadecimal digits. There is one text for one tree, so its digest names the tree.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use super::tree::{Entry, Node, Tree};
use crate::{
    names::{Bytes, Digest},
    workspace::{RelativePath, WorkspaceError},
};

const FIRST_LINE: &str = "worldflux tree 1";

impl Tree {
    /// Its document.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = String::with_capacity(64 + 128 * self.entries.len());
        text.push_str(FIRST_LINE);
        text.push('\n');
        for Entry { path, node } in &self.entries {
            match node {
                Node::File { executable, bytes, sha256 } => {
                    let mode = if *executable { "0755" } else { "0644" };
                    let _ = write!(text, "file {mode} {} {} ", bytes.0, sha256.hex());
                    escape(path.as_path().as_os_str(), &mut text);
                }
                Node::Link(target) => {
                    text.push_str("link ");
                    escape(path.as_path().as_os_str(), &mut text);
                    text.push(' ');
                    escape(target, &mut text);
                }
                Node::Folder => {
                    text.push_str("folder ");
                    escape(path.as_path().as_os_str(), &mut text);
                }
            }
            text.push('\n');
        }
        text.into_bytes()
    }

    /// The tree of a document, which has to be exactly what [`Tree::text`] writes.
    pub fn parse(text: &[u8]) -> Result<Self, WorkspaceError> {
        let broken = |line: usize, rule| WorkspaceError::TreeDocument { line, rule };
        let text = std::str::from_utf8(text).map_err(|_| broken(1, "it is not text"))?;
        let text = text.strip_suffix('\n').ok_or_else(|| broken(1, "it does not end with a line feed"))?;
        let mut lines = text.split('\n').enumerate();
        if lines.next().map(|(_, line)| line) != Some(FIRST_LINE) {
            return Err(broken(1, "expected `worldflux tree 1`"));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in lines {
            let entry = parse_entry(line).ok_or_else(|| broken(number + 1, "it is not a file, a link or a folder"))?;
            if entries.last().is_some_and(|last| last.path >= entry.path) {
                return Err(broken(number + 1, "it is not in order"));
            }
            entries.push(entry);
        }
        if let Some(inner) = first_inside_of_another(&entries) {
            return Err(broken(inner + 2, "it lies in something that is no folder, or in an empty one"));
        }
        Ok(Self { entries })
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let entry = match words.next()? {
        "file" => {
            let executable = match words.next()? {
                "0755" => true,
                "0644" => false,
                _ => return None,
            };
            let size = words.next()?;
            let bytes = size.parse().ok().filter(|bytes: &u64| bytes.to_string() == size)?;
            let sha256: Digest = format!("sha256:{}", words.next()?).parse().ok()?;
            Entry { path: path(words.next()?)?, node: Node::File { executable, bytes: Bytes(bytes), sha256 } }
        }
        "link" => Entry { path: path(words.next()?)?, node: Node::Link(unescape(words.next()?).filter(|target| !target.is_empty())?) },
        "folder" => Entry { path: path(words.next()?)?, node: Node::Folder },
        _ => return None,
    };
    words.next().is_none().then_some(entry)
}

fn path(text: &str) -> Option<RelativePath> {
    RelativePath::from_os(&unescape(text)?).ok()
}

/// The index of an entry of which a folder is an entry itself.
fn first_inside_of_another(entries: &[Entry]) -> Option<usize> {
    let all: HashSet<&OsStr> = entries.iter().map(|entry| entry.path.as_path().as_os_str()).collect();
    entries.iter().position(|entry| {
        let path = entry.path.as_path().as_os_str().as_bytes();
        let borders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        borders.filter_map(|(at, _)| path.get(..at)).any(|above| all.contains(OsStr::from_bytes(above)))
    })
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'\\'
}

fn escape(name: &OsStr, text: &mut String) {
    for &byte in name.as_bytes() {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\{byte:02x}");
        }
    }
}

fn unescape(text: &str) -> Option<OsString> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if is_plain(byte) {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next().and_then(digit)?, rest.next().and_then(digit)?);
        let escaped = high << 4 | low;
        // One text for one name: what needs no escape has none.
        if byte != b'\\' || is_plain(escaped) {
            return None;
        }
        bytes.push(escaped);
    }
    Some(OsString::from_vec(bytes))
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
