//! Everything that reads a stranger's bytes, and what has to hold whatever they are. A failure is a panic.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use worldflux::{
    config::GrantFile,
    names::Bytes,
    plugin::{PackError, PluginFile, PluginManifest, pack, unpack},
    policy::{Host, HostPattern},
    store::{read_record, verify_record},
    workspace::{FileKind, FileLimits, Format, Node, Root, Selection, Tree, UnpackLimits, decode, encode, unpack as unpack_archive},
};

/// Panics where what has to hold does not.
pub(crate) type Reader = fn(&[u8]);

/// A reader, by the name of its corpus.
pub(crate) const READERS: &[(&str, Reader)] = &[
    ("archive", archive),
    ("grants", grants),
    ("host", host),
    ("plugin-file", plugin_file),
    ("plugin-toml", plugin_toml),
    ("record", record),
    ("tree", tree),
    ("typed-file", typed_file),
];

/// What a plugin says of itself, as text. It travels unchanged.
pub(crate) fn plugin_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match PluginManifest::parse(text, "fuzz") {
        Ok(manifest) => {
            // The smallest component there is, to carry it.
            match pack(b"\0asm\x0d\0\x01\0", text) {
                Ok(packed) => assert_eq!(unpack(&packed), Ok(Some(text))),
                Err(error) => assert!(matches!(error, PackError::TooLong { bytes } if bytes == text.len()), "{error}"),
            }
            assert_eq!(PluginManifest::parse(text, "fuzz").expect("it was read before"), manifest);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file that is said to be a plugin: its sections, its custom section, its imports and exports. Nothing of it is compiled.
pub(crate) fn plugin_file(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plugin.wasm");
    fs::write(&path, bytes).expect("a file");
    match PluginFile::read(&path) {
        Ok(file) => {
            assert_eq!(file.bytes(), bytes);
            file.inspection().expect("it was inspected before");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The file of what the user granted. What was read is written and read again as the same: no grant comes or goes.
pub(crate) fn grants(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("grants.toml");
    fs::write(&path, bytes).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    let file = match GrantFile::load(folder.path()) {
        Ok(file) => file,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    file.save(folder.path()).expect("what was read can be written");
    let again = GrantFile::load(folder.path()).expect("what was written can be read");
    assert_eq!(again.entries(), file.entries());
}

/// The record of a run, changed by whoever could. One that verifies can be read to its end, and has as many entries as it says.
pub(crate) fn record(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    fs::write(&path, bytes).expect("a file");
    let entries = entries(&path);
    match verify_record(&path) {
        Ok(summary) => assert_eq!(entries, Some(summary.head.count)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// How many entries there are; none where one of them cannot be read.
fn entries(path: &Path) -> Option<u64> {
    let mut count = 0;
    for entry in read_record(path).ok()? {
        entry.ok()?;
        count += 1;
    }
    Some(count)
}

/// A host, or a pattern of hosts. The canonical text of what was read is read as the same, and is its own canonical text.
pub(crate) fn host(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A file of text ends with a line feed.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let host: Result<Host, _> = text.parse();
    if let Ok(host) = &host {
        let canonical = host.to_string();
        assert_eq!(canonical.parse::<Host>().as_ref(), Ok(host));
        assert!(canonical.is_ascii() && !canonical.contains(['/', '@', '%', '\\', ' ', '\0', '*']), "{canonical:?}");
    }
    let Ok(pattern) = text.parse::<HostPattern>() else { return };
    let canonical = pattern.to_string();
    assert_eq!(canonical.parse::<HostPattern>().as_ref(), Ok(&pattern));
    match (&pattern, &host) {
        (HostPattern::Exact(own), Ok(host)) => assert!(own == host && pattern.matches(host)),
        (HostPattern::Exact(own), Err(_)) => panic!("`{own}` is no host by itself"),
        (HostPattern::Below(suffix), _) => {
            let apex: Host = suffix.parse().expect("what is below a name is below a host");
            assert!(!pattern.matches(&apex), "never the name itself");
        }
    }
}

/// A file of a workspace, read as every type that there is. What was read as a document is written and read again as the same.
pub(crate) fn typed_file(bytes: &[u8]) {
    let limits = FileLimits { bytes: Bytes::mebi(1), rows: 1000, values: 10_000, depth: 50 };
    let _ = decode("file", bytes.to_vec(), None, limits);
    for kind in FileKind::ALL {
        let format = Some(Format::plain(kind));
        let content = match decode("file", bytes.to_vec(), format, limits) {
            Ok(content) => content,
            Err(error) => {
                assert!(error.to_string().starts_with("cannot read `file` as "), "{error}");
                continue;
            }
        };
        if matches!(kind, FileKind::Json | FileKind::JsonLines | FileKind::Yaml) {
            let Ok(written) = encode("file", &content, format, limits) else { continue };
            let wide = FileLimits { values: 100_000, rows: 10_000, ..limits };
            assert_eq!(decode("file", written, format, wide).expect("what was written can be read"), content);
        }
    }
}

/// An archive that is unpacked: nothing of it comes to lie outside of its folder, and no link in it leads there.
pub(crate) fn archive(bytes: &[u8]) {
    let place = tempfile::tempdir().expect("a folder");
    fs::create_dir(place.path().join("inside")).expect("a folder in it");
    let root = Root::open(&place.path().join("inside")).expect("the folder");
    let limits = UnpackLimits { bytes: Bytes::mebi(1), ratio: 100, free: Bytes::kibi(64), members: 100, levels: 20 };
    if let Err(error) = unpack_archive(bytes, &root, limits) {
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(fs::read_dir(place.path()).expect("the folder").count(), 1);
    let tree = Tree::of(&root, &Selection::everything().with_hidden()).expect("what was unpacked can be read");
    assert!(tree.bytes() <= Bytes::mebi(1));
    for entry in tree.entries() {
        let Node::Link(_) = &entry.node else { continue };
        // One that leads nowhere leads nowhere outside either: only its own way is looked at.
        if let Ok(end) = root.path().join(entry.path.as_path()).canonicalize() {
            assert!(end.starts_with(root.path().canonicalize().expect("the folder")), "{}", entry.path);
        }
    }
}

/// The document of a tree. One that was read is written as it was: there is one document for one tree.
pub(crate) fn tree(bytes: &[u8]) {
    match Tree::parse(bytes) {
        Ok(tree) => assert_eq!(tree.text(), bytes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
