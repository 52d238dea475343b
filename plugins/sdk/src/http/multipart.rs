//! A form with files (`multipart/form-data`, RFC 7578).

use std::{
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
};

use super::request::Content;

/// The parts of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    boundary: String,
    content: Vec<Content>,
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

impl Multipart {
    /// A form without parts.
    #[must_use]
    pub fn new() -> Self {
        // Random, so that no file can hold it on purpose.
        let random = RandomState::new();
        Self { boundary: format!("worldflux-{:016x}{:016x}", random.hash_one(1), random.hash_one(2)), content: Vec::new() }
    }

    /// One more field.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n", self.boundary, quoted(name));
        self.content.push(Content::Bytes(head.into_bytes()));
        self
    }

    /// One more file, at `path` in one of the folders, which the server sees as `file_name`.
    #[must_use]
    pub fn file(mut self, name: &str, file_name: &str, media_type: &str, path: impl Into<PathBuf>) -> Self {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n",
            self.boundary,
            quoted(name),
            quoted(file_name),
        );
        self.content.extend([Content::Bytes(head.into_bytes()), Content::File(path.into()), Content::Bytes(b"\r\n".to_vec())]);
        self
    }

    /// Its media type, and what is sent.
    pub(super) fn into_parts(mut self) -> (String, Vec<Content>) {
        self.content.push(Content::Bytes(format!("--{}--\r\n", self.boundary).into_bytes()));
        (format!("multipart/form-data; boundary={}", self.boundary), self.content)
    }
}

/// As browsers write a name between quotes.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_parts_in_order() {
        let (media_type, content) = Multipart::new().text("a", "1").file("content", "x\"y.txt", "text/plain", "/workspace/x").into_parts();
        let boundary = media_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text: String = content
            .iter()
            .map(|part| match part {
                Content::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
                Content::File(path) => format!("<{}>", path.display()),
            })
            .collect();
        let wanted = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name=\"content\"; \
            filename=\"x%22y.txt\"\r\nContent-Type: text/plain\r\n\r\n</workspace/x>\r\n--B--\r\n";
        assert_eq!(text, wanted.replace('B', boundary));
    }
}
