//! Files that go to the API, and files that come back.

use std::{collections::BTreeSet, fs, io, path::Path};

use serde_json::Value;
use worldflux_plugin::{AtPath as _, Failure, context::Context, http, log, transfer::Download};

use crate::dialect::{self, API, SentFile};

/// The largest file that is sent, in bytes: the host lets a request have 64 MiB, form and all.
const LARGEST: u64 = (64 << 20) - (64 << 10);

/// The longest name that is taken over from the API, in bytes.
const LONGEST_NAME: usize = 100;

/// Names in the output directory that are taken already.
const TAKEN: [&str; 4] = ["logs", "manifest.json", "metrics.json", "output.json"];

/// Tries to fetch one file.
const TRIES: usize = 3;

/// Send a file of the workspace.
pub(crate) fn send(context: &Context, path: &str, media_type: &str) -> Result<SentFile, Failure> {
    let whole = format!("{}/{path}", context.folders.workspace.guest);
    let no_file = || Failure::invalid("input", format!("@{path}"), "a file in the workspace");
    let found = match fs::metadata(&whole) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_file()),
        found => found.at(&whole)?,
    };
    if !found.is_file() {
        return Err(no_file());
    }
    if found.len() > LARGEST {
        let expected = format!("a file of at most {LARGEST} bytes; a larger one can be given as a URL");
        return Err(Failure::invalid("input", format!("@{path}"), expected));
    }
    let name = Path::new(path).file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
    dialect::send_file(&whole, &name, media_type)
}

/// Whether a text of an output stands for a file: an address under which the API gives out files, or the file itself.
pub(crate) fn is_file(text: &str) -> bool {
    if text.starts_with("data:") {
        return text.contains(";base64,");
    }
    let host = if text.starts_with("https://") { http::host_of(text) } else { None };
    let delivered = host.is_some_and(|host| host == "replicate.delivery" || host.ends_with(".replicate.delivery"));
    delivered || text.starts_with(&format!("{API}/files/"))
}

/// Whether there is nothing but files in it.
pub(crate) fn all_are_files(output: &Value) -> bool {
    match output {
        Value::String(text) => is_file(text),
        Value::Array(parts) => !parts.is_empty() && parts.iter().all(all_are_files),
        _ => false,
    }
}

/// Files that were fetched, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    names: BTreeSet<String>,
    /// Names of files that are not there, and why.
    pub(crate) missing: Vec<(String, String)>,
}

impl Fetched {
    /// Fetch every file of an output into the output directory; each text that stands for one becomes the name of the file.
    pub(crate) fn bring(&mut self, context: &Context, output: &mut Value) {
        match output {
            Value::String(text) if is_file(text) => {
                let name = self.name(text);
                let to = format!("{}/{name}", context.folders.output.guest);
                if let Err(failure) = fetch(text, &to) {
                    log::error(&format!("the output file `{name}` could not be fetched: {failure}"));
                    self.missing.push((name.clone(), failure.message));
                }
                *text = name;
            }
            Value::Array(parts) => parts.iter_mut().for_each(|part| self.bring(context, part)),
            Value::Object(parts) => parts.values_mut().for_each(|part| self.bring(context, part)),
            _ => {}
        }
    }

    /// A name of its own, like the one that the file has there.
    fn name(&mut self, address: &str) -> String {
        let wanted = if let Some(data) = address.strip_prefix("data:") {
            format!("output{}", extension(data.split([';', ',']).next().unwrap_or_default()))
        } else {
            let path = address.split(['?', '#']).next().unwrap_or_default();
            plain(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
        };
        let mut name = wanted.clone();
        let mut number = 1;
        while TAKEN.contains(&name.as_str()) || !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{number}-{wanted}");
        }
        name
    }
}

fn fetch(address: &str, to: &str) -> Result<(), Failure> {
    if let Some(data) = address.strip_prefix("data:") {
        let bytes = data.split_once(";base64,").and_then(|(_, text)| decode(text));
        let bytes = bytes.ok_or_else(|| Failure::other("its content is not base64"))?;
        return fs::write(to, bytes).at(to);
    }
    let mut last = Failure::other("it was not tried");
    for _ in 0..TRIES {
        match Download::new(address, to).fetch() {
            Ok(_) => return Ok(()),
            Err(failure) if failure.repeatable => {
                if let worldflux_plugin::Cause::Unavailable { retry_after: Some(wait) } = failure.cause {
                    std::thread::sleep(wait.min(std::time::Duration::from_secs(30)));
                }
                last = failure;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

/// Letters, digits and `._-`, not hidden, not too long.
fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.trim_start_matches('.').chars().map(safe).collect();
    let from = name.len().saturating_sub(LONGEST_NAME);
    let name = name.get(from..).unwrap_or_default();
    if name.is_empty() { "output".into() } else { name.to_owned() }
}

/// By the end of its name.
pub(crate) fn media_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    TYPES.iter().find(|(known, _)| *known == extension).map_or("application/octet-stream", |(_, media_type)| media_type)
}

fn extension(media_type: &str) -> String {
    TYPES.iter().find(|(_, known)| *known == media_type).map(|(extension, _)| format!(".{extension}")).unwrap_or_default()
}

const TYPES: [(&str, &str); 19] = [
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("zip", "application/zip"),
];

/// Base64 in its ordinary alphabet (RFC 4648, 4).
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    (bits < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_api_gives_out_is_a_file() {
        for file in [
            "https://replicate.delivery/pbxt/x/out.png",
            "https://a.b.replicate.delivery/out.png",
            "https://api.replicate.com/v1/files/abc",
            "data:image/png;base64,AAAA",
        ] {
            assert!(is_file(file), "{file}");
        }
        for text in [
            "https://example.org/out.png",
            "http://replicate.delivery/x",
            "https://evilreplicate.delivery/x",
            "https://replicate.delivery.evil.test/x",
            "https://replicate.delivery@evil.test/x",
            "see https://replicate.delivery/x",
            "https://api.replicate.com/v1/account",
            "data:,x",
        ] {
            assert!(!is_file(text), "{text}");
        }
    }

    #[test]
    fn a_file_gets_a_plain_name_of_its_own() {
        let mut fetched = Fetched::default();
        let names = [
            "https://replicate.delivery/a/out.png?x=1",
            "https://replicate.delivery/b/out.png",
            "https://replicate.delivery/b/manifest.json",
            "https://replicate.delivery/b/..",
            "https://replicate.delivery/b/a%2F..%2Fb",
            "data:image/webp;base64,AA",
            "https://replicate.delivery/",
        ]
        .map(|address| fetched.name(address));
        assert_eq!(names, ["out.png", "2-out.png", "2-manifest.json", "output", "a_2F.._2Fb", "output.webp", "replicate.delivery"]);
    }

    #[test]
    fn a_file_inside_of_the_output_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("x").display().to_string();
        for (text, bytes) in [("aGk=", &b"hi"[..]), ("aGk", b"hi"), ("", b""), ("/+8A", &[255, 239, 0])] {
            fetch(&format!("data:text/plain;base64,{text}"), &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), bytes, "{text}");
        }
        assert!(fetch("data:text/plain;base64,a*b", &to).is_err());
        assert!(fetch("data:text/plain;base64,a", &to).is_err());
    }

    #[test]
    fn what_is_nothing_but_files_is_known() {
        let all = |text: &str| all_are_files(&serde_json::from_str(text).unwrap());
        assert!(all(r#"["https://replicate.delivery/a", ["https://replicate.delivery/b"]]"#));
        assert!(!all(r#"["https://replicate.delivery/a", "text"]"#) && !all("[]") && !all("5"));
    }
}
