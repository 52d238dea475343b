//! What a workspace held: taken, compared, gone back to, handed on.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    data::Data,
    error::ServeError,
    method::{Done, Method},
    server::Server,
    session::SessionParameters,
};
use crate::{
    names::{Digest, RunId},
    run,
    workspace::{Compression, DiffDocument},
};

/// `snapshot.take`.
pub(super) struct Take;
/// `snapshot.update`.
pub(super) struct Update;
/// `snapshot.compare`.
pub(super) struct Compare;
/// `snapshot.patch`.
pub(super) struct Patch;
/// `snapshot.export`.
pub(super) struct Export;
/// `workspace.reset`.
pub(super) struct Reset;
/// `workspace.checkpoint`.
pub(super) struct Checkpoint;
/// `workspace.restore`.
pub(super) struct Restore;

/// A snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SnapshotAnswer {
    /// Its digest: equal content has the equal one, on every machine.
    snapshot: Digest,
}

/// What a reset went back to before.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UpdateAnswer {
    /// The snapshot before this one; nothing where there was none.
    previous: Option<Digest>,
}

/// Two snapshots of a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PairParameters {
    /// The session.
    session: RunId,
    /// What was.
    old: Digest,
    /// What is.
    new: Digest,
}

/// A patch.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PatchAnswer {
    /// What `git apply` and `patch -p1` take.
    patch: Data,
}

/// A snapshot that is wanted as an archive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportParameters {
    /// The session.
    session: RunId,
    /// Which.
    snapshot: Digest,
    /// How it is compressed; gz, where nothing is said.
    #[serde(default)]
    compression: ArchiveCompression,
}

/// How an archive is compressed.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ArchiveCompression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    #[default]
    Gz,
    /// bzip2.
    Bz2,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// An archive.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExportAnswer {
    /// Where it is on the machine that the server runs on. It goes away with the session, unless the spec names a folder for archives.
    archive: String,
}

/// What was done to the workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RestoredAnswer {
    /// Files and links that were written; the rest was as it should be.
    written: usize,
    /// Files, links and folders that were removed.
    removed: usize,
}

/// The end of one part of the work.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointParameters {
    /// The session.
    session: RunId,
    /// Make this folder of the machine that the server runs on what the workspace is.
    #[serde(default)]
    copy_to: Option<String>,
}

/// A checkpoint, and what changed since the one before.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CheckpointAnswer {
    /// Takes another session to the same state.
    checkpoint: run::Checkpoint,
    /// What changed.
    diff: DiffDocument,
}

/// A state to go to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreParameters {
    /// The session.
    session: RunId,
    /// Where to.
    checkpoint: run::Checkpoint,
}

impl Method for Take {
    const NAME: &'static str = "snapshot.take";
    const SUMMARY: &'static str = "Remember what the workspace holds. What has not changed since the last time is not stored again. It is forgotten \
         with the session, unless a checkpoint has it.";
    type Parameters = SessionParameters;
    type Answer = SnapshotAnswer;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<SnapshotAnswer>, ServeError> {
        let snapshot = server.session(&asked.session)?.session.snapshot().await?;
        Ok(SnapshotAnswer { snapshot }.into())
    }
}

impl Method for Update {
    const NAME: &'static str = "snapshot.update";
    const SUMMARY: &'static str = "Let what the workspace holds now be what a reset goes back to; answers with what that was before.";
    type Parameters = SessionParameters;
    type Answer = UpdateAnswer;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<UpdateAnswer>, ServeError> {
        let previous = server.session(&asked.session)?.session.update_snapshot().await?;
        Ok(UpdateAnswer { previous }.into())
    }
}

impl Method for Compare {
    const NAME: &'static str = "snapshot.compare";
    const SUMMARY: &'static str =
        "Say what changed from one snapshot to another: created, deleted, modified and renamed files, with patches of text.";
    type Parameters = PairParameters;
    type Answer = DiffDocument;

    async fn call(server: Arc<Server>, asked: PairParameters) -> Result<Done<DiffDocument>, ServeError> {
        let open = server.session(&asked.session)?;
        let turn = server.turn().await;
        Ok(Done::holding(open.session.diff(asked.old, asked.new).await?, turn))
    }
}

impl Method for Patch {
    const NAME: &'static str = "snapshot.patch";
    const SUMMARY: &'static str = "Give the patch from one snapshot to another, binary files and modes included.";
    type Parameters = PairParameters;
    type Answer = PatchAnswer;

    async fn call(server: Arc<Server>, asked: PairParameters) -> Result<Done<PatchAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let turn = server.turn().await;
        let patch = Data(open.session.patch(asked.old, asked.new).await?.into());
        Ok(Done::holding(PatchAnswer { patch }, turn))
    }
}

impl Method for Export {
    const NAME: &'static str = "snapshot.export";
    const SUMMARY: &'static str = "Write a snapshot into a tar archive.";
    type Parameters = ExportParameters;
    type Answer = ExportAnswer;

    async fn call(server: Arc<Server>, asked: ExportParameters) -> Result<Done<ExportAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let _turn = server.turn().await;
        let archive = open.session.export(asked.snapshot, asked.compression.meant()).await?;
        Ok(ExportAnswer { archive: archive.to_string_lossy().into_owned() }.into())
    }
}

impl Method for Reset {
    const NAME: &'static str = "workspace.reset";
    const SUMMARY: &'static str = "Make the workspace what it was at the beginning, after the last checkpoint, or at `snapshot.update`. It stays the \
         same folder.";
    type Parameters = SessionParameters;
    type Answer = RestoredAnswer;

    async fn call(server: Arc<Server>, asked: SessionParameters) -> Result<Done<RestoredAnswer>, ServeError> {
        let restored = server.session(&asked.session)?.session.reset().await?;
        Ok(RestoredAnswer { written: restored.written, removed: restored.removed }.into())
    }
}

impl Method for Checkpoint {
    const NAME: &'static str = "workspace.checkpoint";
    const SUMMARY: &'static str = "Finish one part of the work: remember the workspace for other sessions, and answer with what changed since the last \
         checkpoint. In agent mode only.";
    type Parameters = CheckpointParameters;
    type Answer = CheckpointAnswer;

    async fn call(server: Arc<Server>, asked: CheckpointParameters) -> Result<Done<CheckpointAnswer>, ServeError> {
        let open = server.session(&asked.session)?;
        let turn = server.turn().await;
        let done = open.session.checkpoint(asked.copy_to.map(|path| server.path(&path))).await?;
        Ok(Done::holding(CheckpointAnswer { checkpoint: done.checkpoint, diff: done.diff }, turn))
    }
}

impl Method for Restore {
    const NAME: &'static str = "workspace.restore";
    const SUMMARY: &'static str = "Make the workspace exactly what a checkpoint says, of this session or another, place the assets again, and run the \
         resume lines of the spec. Where one of them fails, the session is over.";
    type Parameters = RestoreParameters;
    type Answer = RestoredAnswer;

    async fn call(server: Arc<Server>, asked: RestoreParameters) -> Result<Done<RestoredAnswer>, ServeError> {
        let restored = server.session(&asked.session)?.session.restore(asked.checkpoint).await?;
        Ok(RestoredAnswer { written: restored.written, removed: restored.removed }.into())
    }
}

impl ArchiveCompression {
    const fn meant(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gz => Compression::Gz,
            Self::Bz2 => Compression::Bz2,
            Self::Xz => Compression::Xz,
            Self::Zstd => Compression::Zstd,
        }
    }
}
