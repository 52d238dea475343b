//! Has the host fetch files, from where and to where it may not.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::Path,
};

use serde_json::json;
use worldflux::{
    names::{Digest, Export},
    policy::Folder,
};

use crate::{
    authority::Authority,
    lab::{Attack, attack},
    origin::{Origin, text},
};

const IMPORT: &str = "transfer.download";

/// The file at `http://allowed.test/`, with what comes after each `|`.
fn download(line: &str) -> Attack {
    attack(Export::Doctor, &format!("download:{line}"))
}

/// Three megabytes, which are no text.
fn content() -> Vec<u8> {
    (0..3_000_000_u32).map(|n| u8::try_from(n * n % 251).unwrap()).collect()
}

fn large(stream: &mut dyn Write) -> io::Result<()> {
    let content = content();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: image/x\r\ncontent-length: {}\r\n\r\n", content.len())?;
    stream.write_all(&content)
}

/// The names in a folder, without those of folders.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_is_there_whole_and_written_down_without_its_query() {
    let origin = Origin::start(|_, stream| large(stream));
    let attack = download("http://allowed.test/x/y?token=hunter2|to=/output/deep/data.bin").at("allowed.test:80", origin.address);
    let file = attack.folder(Folder::Output).join("deep/data.bin");
    let report = attack.run();
    let digest = Digest::of(&content());
    assert_eq!(report.said(), format!("ok: 3000000 {} image/x", digest.hex()));
    assert_eq!(fs::read(&file).unwrap(), content());
    assert_eq!(files(file.parent().unwrap()), ["data.bin"], "nothing is left of the writing");
    let asked = json!({ "url": "http://allowed.test/x/y", "to": "/output/deep/data.bin", "secrets": [] });
    assert_eq!(report.effects(IMPORT), [(asked, Some(json!({ "ok": { "bytes": 3_000_000, "sha256": digest } })))]);
}

#[test]
fn a_file_comes_over_tls_from_the_host_whose_certificate_it_is() {
    let authority = Authority::new();
    let origin = Origin::start_tls(&authority.issue("allowed.test"), |_, stream| text(stream, "200 OK", "hello"));
    let other = Origin::start_tls(&authority.issue("other.test"), |_, stream| text(stream, "200 OK", "hello"));
    let ask = |origin: &Origin| {
        let line = format!("'allowed.test' = {{ at = '{}', ca = '{}' }}", origin.address, authority.file().display());
        download("https://allowed.test/").endpoint(&line).run().said().to_owned()
    };
    assert!(ask(&origin).starts_with("ok: 5 "), "{}", ask(&origin));
    let refused = ask(&other);
    assert!(refused.contains("certificate of `allowed.test` cannot be trusted: it is not for `allowed.test`"), "{refused}");
    assert_eq!(other.seen().len(), 0);
}

/// NE01, NE02, NE04, NE05, NE17
#[test]
fn a_file_from_where_nothing_was_granted_is_not_asked_for() {
    let origin = Origin::hello();
    for (url, refusal) in [
        ("http://other.test/", "denied: GET http://other.test/"),
        ("https://allowed.test:8444/", "denied: GET https://allowed.test:8444/"),
        ("http://paths.test/admin", "denied: GET http://paths.test/admin"),
        ("http://paths.test/allowed/../admin", "failed: invalid"),
        ("http://allowed.test@127.0.0.1/", "failed: invalid"),
        ("http://127.1/", "failed: invalid"),
        ("file:///etc/passwd", "failed: invalid"),
        ("/etc/passwd", "failed: invalid"),
        ("", "failed: invalid"),
    ] {
        let report = download(url).at("allowed.test:80", origin.address).at("paths.test:80", origin.address).run();
        assert!(report.said().starts_with(refusal), "{url}: {}", report.said());
    }
    let bare = download("http://allowed.test/").granted("folders = { '/output' = 'write' }").at("allowed.test:80", origin.address).run();
    assert!(bare.said().contains("worldflux plugin grant rogue --http http://allowed.test"), "{}", bare.said());
    assert_eq!(origin.connections(), 0);
}

/// FS01, FS02, FS03
#[test]
fn a_file_goes_nowhere_but_into_a_folder_that_may_be_written() {
    let origin = Origin::hello();
    for to in ["/workspace/x", "/etc/x", "/output/../x", "/output", "x", "", "/output/a//b", "/source/x"] {
        let report = download(&format!("http://allowed.test/|to={to}")).at("allowed.test:80", origin.address).run();
        assert!(!report.said().starts_with("ok"), "{to}: {}", report.said());
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let attack = download("http://allowed.test/|to=/output/link/x").at("allowed.test:80", origin.address);
    symlink(elsewhere.path(), attack.folder(Folder::Output).join("link")).unwrap();
    let report = attack.run();
    assert!(report.said().starts_with("failed: "), "{}", report.said());
    assert!(files(elsewhere.path()).is_empty());
    let kept = elsewhere.path().join("kept");
    fs::write(&kept, "kept").unwrap();
    let attack = download("http://allowed.test/|to=/output/x").at("allowed.test:80", origin.address);
    let target = attack.folder(Folder::Output).join("x");
    symlink(&kept, &target).unwrap();
    let report = attack.run();
    assert!(report.said().starts_with("ok: "), "{}", report.said());
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept", "a link is replaced, not followed");
    assert!(fs::symlink_metadata(&target).unwrap().is_file());
}

/// NE11, NE18
#[test]
fn what_is_no_file_or_too_large_or_another_leaves_what_was_there() {
    let origin = Origin::start(|seen, stream| match seen.path() {
        "/moved" => write!(stream, "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/secret\r\ncontent-length: 0\r\n\r\n"),
        "/gone" => text(stream, "404 Not Found", "no"),
        "/shut" => text(stream, "403 Forbidden", "no"),
        "/busy" => text(stream, "503 Service Unavailable", "later"),
        "/short" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")?;
            Err(io::ErrorKind::BrokenPipe.into())
        }
        "/endless" => {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            // Ends when the other side has had enough.
            loop {
                write!(stream, "10000\r\n{}\r\n", "x".repeat(0x10000))?;
            }
        }
        _ => large(stream),
    });
    let other = "0".repeat(64);
    for (line, failure) in [
        ("/moved".to_owned(), "failed: other: http://allowed.test/moved answers 302 Found, and leads to http://127.0.0.1/secret"),
        ("/gone".to_owned(), "failed: not-found: "),
        ("/shut".to_owned(), "failed: auth: "),
        ("/busy".to_owned(), "failed: unavailable: "),
        ("/short".to_owned(), "failed: "),
        ("/endless|most=1000000".to_owned(), "failed: "),
        ("/large|most=1000".to_owned(), "failed: "),
        (format!("/large|sha256={other}"), "failed: conflict: "),
        ("/large|sha256=beef".to_owned(), "failed: invalid: "),
        ("/large|header=proxy-authorization: x".to_owned(), "failed: "),
        ("/large|header=x: a%0ab".to_owned(), "failed: invalid: "),
    ] {
        let attack = download(&format!("http://allowed.test{line}")).at("allowed.test:80", origin.address);
        let folder = attack.folder(Folder::Output);
        fs::write(folder.join("file"), "what was there").unwrap();
        let report = attack.run();
        assert!(report.said().starts_with(failure), "{line}: {}", report.said());
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "what was there", "{line}");
        assert_eq!(files(&folder), ["file"], "{line}: nothing is left of the writing");
    }
}
