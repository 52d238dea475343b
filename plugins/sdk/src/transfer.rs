//! Files that are too large to go through a plugin: the host fetches them itself.

use crate::{Failure, bindings::worldflux::runtime::transfer as wit, context::Variable};

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
    /// Its media type, as the server says it.
    pub content_type: Option<String>,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    url: String,
    to: String,
    headers: Vec<(String, String)>,
    most: Option<u64>,
    sha256: Option<String>,
}

impl Download {
    /// The file at `url`, which the plugin may `GET`, to become the file `to`, a guest path in a folder in which the plugin may write.
    /// Folders on the way are made, and what is there is replaced in one step.
    pub fn new(url: impl Into<String>, to: impl Into<String>) -> Self {
        Self { url: url.into(), to: to.into(), headers: Vec::new(), most: None, sha256: None }
    }

    /// One more header of the request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The most bytes that are taken. What the plugin may write in a run unless it is said.
    #[must_use]
    pub const fn at_most(mut self, bytes: u64) -> Self {
        self.most = Some(bytes);
        self
    }

    /// The SHA-256 of the content, 64 hexadecimal digits; anything else is a failure.
    #[must_use]
    pub fn sha256(mut self, digest: impl Into<String>) -> Self {
        self.sha256 = Some(digest.into());
        self
    }

    /// Fetch it. Safe to repeat; answers once it is there and whole. A redirect is not followed.
    pub fn fetch(&self) -> Result<Downloaded, Failure> {
        let headers = self.headers.iter().map(|(name, value)| Variable::new(name, value)).collect();
        let Self { url, to, most, sha256, .. } = self.clone();
        let request = wit::DownloadRequest { url, headers, to, most, sha256, details: vec![] };
        let wit::Downloaded { size, sha256, content_type, .. } = wit::download(&request)?;
        Ok(Downloaded { size, sha256, content_type })
    }
}
