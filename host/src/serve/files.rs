//! Files of the workspace of a session.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    data::Data,
    error::ServeError,
    limits::CONTENTS,
    method::{Done, Method},
    server::Server,
};
use crate::{
    names::{Bytes, RunId},
    workspace::{Body, Content, ContentLimits, FileKind, FileLimits, Format, InputFile, RelativePath, Wrapping, decode},
};

/// `workspace.read`.
pub(super) struct Read;
/// `workspace.write`.
pub(super) struct Write;
/// `workspace.unpack`.
pub(super) struct Unpack;

/// What is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadParameters {
    /// The session.
    session: RunId,
    /// Files, folders, or patterns in which `*` and `?` do not cross `/` and `**` does; relative to the workspace.
    paths: Vec<String>,
    /// Read JSON, JSON lines, CSV, TSV, YAML, SQLite and Parquet as values, compressed or not; otherwise every file is bytes.
    #[serde(default)]
    typed: bool,
    /// Most bytes that are answered, at most and otherwise 64 MiB.
    #[serde(default)]
    most_bytes: Option<u64>,
}

/// What was read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReadAnswer {
    /// Each file once, sorted by path.
    files: Vec<ReadFile>,
    /// Names that were asked for and do not exist.
    missing: Vec<String>,
    /// What a pattern or a folder led to and that is not read: links, pipes, files with a second name.
    skipped: Vec<String>,
}

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
struct ReadFile {
    /// Where it is, in the workspace.
    path: String,
    /// What is in it, where it is read as bytes, or is no more than text or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    /// What is in it, as a value: a table is `{"columns": [...], "rows": [...]}`, tables are `{"tables": {...}}`, bytes within are
    /// `{"$bytes": "..."}` and numbers that JSON does not have are `{"$float": "nan"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
    /// What it was read as: `json`, `csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// What is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteParameters {
    /// The session.
    session: RunId,
    /// The files, in order. Each is written in one step; at the first that cannot be, it stops, and those before it stay.
    files: Vec<GivenFile>,
}

/// A file for the workspace: it has one of `data`, `content` and `from`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct GivenFile {
    /// Where it goes, in the workspace. Folders are made as they are needed.
    path: String,
    /// Its bytes, as they are.
    data: Option<Data>,
    /// Its content as a value, written as its name or `kind` says.
    content: Option<Value>,
    /// A file of the machine that the server runs on, taken as it is.
    from: Option<String>,
    /// What `content` is written as, where the name does not say it.
    kind: Option<FileKind>,
    /// What `content` is compressed with, where the name does not say it.
    compression: Option<Wrapping>,
    /// Whether it can be executed; a file that is taken from this machine is as it is there, where nothing is said.
    executable: Option<bool>,
}

/// What was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WriteAnswer {
    /// The files, in order.
    files: Vec<WrittenFile>,
}

/// A file that was written.
#[derive(Debug, Serialize, JsonSchema)]
struct WrittenFile {
    /// Where, in the workspace.
    path: String,
    /// How large it is.
    bytes: u64,
}

/// An archive to unpack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnpackParameters {
    /// The session.
    session: RunId,
    /// A tar archive on the machine that the server runs on, compressed with gz, bz2, xz, zstd or not at all.
    archive: String,
}

/// What was unpacked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UnpackAnswer {
    /// Files, links and folders.
    members: usize,
    /// Bytes of the files.
    bytes: u64,
}

impl Method for Read {
    const NAME: &'static str = "workspace.read";
    const SUMMARY: &'static str = "Read files of the workspace, by name, folder or pattern. Nothing outside of the workspace is ever read.";
    type Parameters = ReadParameters;
    type Answer = ReadAnswer;

    async fn call(server: Arc<Server>, asked: ReadParameters) -> Result<Done<ReadAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let turn = server.turn().await;
        let most = Bytes(asked.most_bytes.unwrap_or(CONTENTS.0).min(CONTENTS.0));
        let limits = ContentLimits { file_bytes: most, bytes: most, ..ContentLimits::default() };
        let contents = open.session.contents(asked.paths, limits).await?;
        let (found, missing, skipped) = (contents.files, contents.missing, contents.skipped);
        let read = move || found.into_iter().map(|(path, body)| ReadFile::of(&path, body, asked.typed)).collect::<Result<_, _>>();
        let files = blocking(Self::NAME, read).await?;
        let skipped = skipped.iter().map(ToString::to_string).collect();
        Ok(Done::holding(ReadAnswer { files, missing, skipped }, turn))
    }
}

impl Method for Write {
    const NAME: &'static str = "workspace.write";
    const SUMMARY: &'static str =
        "Write files into the workspace, as bytes or as values. Nothing outside of the workspace is ever written.";
    type Parameters = WriteParameters;
    type Answer = WriteAnswer;

    async fn call(server: Arc<Server>, asked: WriteParameters) -> Result<Done<WriteAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let _turn = server.turn().await;
        let meant = move || asked.files.into_iter().enumerate().map(|(index, file)| file.meant(index, &server)).collect::<Result<_, _>>();
        let placed = open.session.materialize(blocking(Self::NAME, meant).await?).await?;
        let files = placed.iter().map(|placed| WrittenFile { path: placed.path.to_string(), bytes: placed.bytes });
        Ok(WriteAnswer { files: files.collect() }.into())
    }
}

impl Method for Unpack {
    const NAME: &'static str = "workspace.unpack";
    const SUMMARY: &'static str = "Unpack a tar archive into the workspace. Members that lead out of it, devices and bombs are refused.";
    type Parameters = UnpackParameters;
    type Answer = UnpackAnswer;

    async fn call(server: Arc<Server>, asked: UnpackParameters) -> Result<Done<UnpackAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let unpacked = open.session.take_archive(server.path(&asked.archive)).await?;
        Ok(UnpackAnswer { members: unpacked.members, bytes: unpacked.bytes.0 }.into())
    }
}

/// Read or make sense of files, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    method: &'static str,
    work: impl FnOnce() -> Result<T, ServeError> + Send + 'static,
) -> Result<T, ServeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ServeError::Broken(method)))
}

impl ReadFile {
    fn of(path: &RelativePath, body: Body, typed: bool) -> Result<Self, ServeError> {
        let path = path.to_string();
        let bytes = match body {
            Body::Text(text) => text.into_bytes(),
            Body::Bytes(bytes) => bytes,
        };
        if !typed {
            return Ok(Self { path, data: Some(Data(bytes.into())), content: None, kind: None });
        }
        let kind = Format::of(&path, &bytes).kind;
        let content = decode(&path, bytes, None, FileLimits::default()).map_err(ServeError::File)?;
        let (data, content) = match content {
            Content::Text(text) => (Some(Data(text.into())), None),
            Content::Bytes(bytes) => (Some(Data(bytes.into())), None),
            other => (None, Some(other.to_json())),
        };
        Ok(Self { path, data, content, kind: Some(kind.name()) })
    }
}

impl GivenFile {
    fn meant(self, index: usize, server: &Server) -> Result<InputFile, ServeError> {
        let wrong = |field: &str, value: &str, problem: String| {
            ServeError::parameter(Write::NAME, &format!("files.{index}.{field}"), value, problem)
        };
        let path: RelativePath =
            self.path.parse().map_err(|error: crate::workspace::WorkspaceError| wrong("path", &self.path, error.to_string()))?;
        let mut file = match (self.data, self.content, self.from) {
            (Some(Data(bytes)), None, None) => InputFile::literal(path, Content::Bytes(bytes.into()), Some(Format::BINARY)),
            (None, None, Some(from)) => InputFile::from_path(&server.path(&from), &server.folder, Some(path), Some(Format::BINARY))
                .map_err(ServeError::Workspace)?,
            (None, Some(value), None) => {
                let named = Format::of_name(&self.path).unwrap_or(Format::plain(FileKind::Text));
                let format = Format { kind: self.kind.unwrap_or(named.kind), wrapping: self.compression.unwrap_or(named.wrapping) };
                let content = Content::from_json(format.kind, value);
                InputFile::literal(path, content.map_err(|problem| wrong("content", &self.path, problem))?, Some(format))
            }
            _ => return Err(wrong("path", &self.path, "a file has one of `data`, `content` and `from`".into())),
        };
        file.executable = self.executable.unwrap_or(file.executable);
        Ok(file)
    }
}
