//! What the workspace of a session held: snapshots, what a reset goes back to, what is handed over.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    checkpoint::{Checkpoint, Checkpointed},
    error::SessionError,
    life::Life,
};
use crate::{
    names::{Bytes, Digest, Moment},
    policy::Folder,
    run::{error::RunError, story::Story, verdict::Verdict},
    store::{ReasonCode, Snapshots},
    workspace::{
        Compression, Diff, DiffDocument, Leftovers, Objects, Restored, Root, Selection, Version, WorkspaceError, archive_name, export,
    },
};

/// Bytes of patches in one document. A reader has all of it in memory; whoever wants more asks for the patch.
const ROOM: Bytes = Bytes::mebi(8);

/// Bytes of one patch, which is handed over in one piece.
const PATCH: Bytes = Bytes::mebi(64);

/// What is known of the workspace of a session.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Snapshots,
    /// What a reset goes back to.
    current: Option<Digest>,
    /// Folders to which this session copied a checkpoint: what is in them is its own.
    copies: BTreeSet<PathBuf>,
}

impl Memory {
    /// While the story takes its own snapshot it has to know of these.
    pub(super) fn lend_to(&self, story: &mut Story) {
        story.snapshots = Some(self.known.clone());
    }

    /// It was taken, if it was wanted.
    pub(super) fn take_back(&mut self, story: &mut Story) {
        self.known = story.snapshots.take().unwrap_or_default();
        self.current = self.current.or(self.known.before);
    }

    /// The session was not opened.
    pub(super) fn forget(story: &mut Story, verdict: Verdict) -> Verdict {
        let known = story.host.state.snapshots(&story.question.settings.run_id).unwrap_or_default();
        Self { known, ..Self::default() }.hand_over(story, verdict)
    }

    /// Remember the workspace as it is now.
    pub(super) fn take(&mut self, story: &Story) -> Result<Digest, SessionError> {
        let objects = story.host.objects()?;
        let writer = objects.writer().map_err(SessionError::Write)?;
        let digest = writer.take(workspace(story)?, &selection(story)?).map_err(SessionError::Write)?.snapshot.digest;
        self.know(story, |known| drop(known.passing.insert(digest)))?;
        Ok(digest)
    }

    /// Remember it, and have a reset go back to it.
    pub(super) fn update(&mut self, story: &Story) -> Result<Option<Digest>, SessionError> {
        let digest = self.take(story)?;
        Ok(self.current.replace(digest))
    }

    /// What a reset goes back to.
    pub(super) const fn current(&self) -> Option<Digest> {
        self.current
    }

    /// Make the workspace what a reset goes back to. What snapshots never look at, such as installed packages, stays.
    pub(super) fn reset(&self, story: &Story) -> Result<Restored, SessionError> {
        let digest = self.current.ok_or(SessionError::NoSnapshot)?;
        let objects = story.host.objects()?;
        let tree = objects.snapshot(&digest).map_err(unknown)?.tree;
        objects.restore(&tree, workspace(story)?, Leftovers::KeepUnselected(&selection(story)?)).map_err(SessionError::Write)
    }

    /// Make the workspace what a snapshot says. One that is the session's own holds exactly that afterwards; in the user's, what snapshots
    /// never look at stays.
    pub(super) fn restore(&mut self, story: &Story, digest: Digest) -> Result<Restored, SessionError> {
        let objects = story.host.objects()?;
        // Held, so that nobody removes it between the look and the note.
        let _writer = objects.writer().map_err(SessionError::Write)?;
        let tree = objects.snapshot(&digest).map_err(unknown)?.tree;
        self.know(story, |known| drop(known.passing.insert(digest)))?;
        let selection = selection(story)?;
        let leftovers = if story.own_workspace.is_some() { Leftovers::Remove } else { Leftovers::KeepUnselected(&selection) };
        let restored = objects.restore(&tree, workspace(story)?, leftovers).map_err(SessionError::Write)?;
        self.current = Some(digest);
        Ok(restored)
    }

    /// Make the workspace a copy of a folder of the user, less what snapshots leave out.
    pub(super) fn copy(&mut self, story: &Story, folder: &Path) -> Result<(), SessionError> {
        let digest = {
            let objects = story.host.objects()?;
            let writer = objects.writer().map_err(SessionError::Write)?;
            let source = Root::open(folder).map_err(SessionError::Read)?;
            let digest = writer.take(&source, &story.selection(folder, false)?).map_err(SessionError::Read)?.snapshot.digest;
            self.know(story, |known| drop(known.passing.insert(digest)))?;
            digest
        };
        self.restore(story, digest).map(drop)
    }

    /// Take a snapshot to hand over, tell what changed since the last, and copy it to a folder.
    pub(super) fn checkpoint(&mut self, story: &Story, copy_to: Option<&Path>) -> Result<Checkpointed, SessionError> {
        let target = copy_to.map(|folder| self.target(folder)).transpose()?;
        let before = self.update(story)?;
        let snapshot = self.current.ok_or(SessionError::NoSnapshot)?;
        self.know(story, |known| known.checkpoints.push(snapshot))?;
        let objects = story.host.objects()?;
        if let (Some(target), Some(folder)) = (&target, copy_to) {
            let tree = objects.snapshot(&snapshot).map_err(unknown)?.tree;
            objects.restore(&tree, target, Leftovers::Remove).map_err(SessionError::Write)?;
            self.copies.insert(folder.to_owned());
        }
        let diff = document(&objects, before, snapshot)?;
        Ok(Checkpointed { checkpoint: Checkpoint { run: story.question.settings.run_id.clone(), snapshot }, diff })
    }

    /// A folder for a copy. Nothing of anybody else is removed from it.
    fn target(&self, folder: &Path) -> Result<Root, SessionError> {
        let shown = folder.to_string_lossy();
        if !folder.is_absolute() {
            return Err(SessionError::invalid("copy_to", &shown, "an absolute path"));
        }
        let failed = |cause| SessionError::Write(WorkspaceError::Folder { path: folder.to_owned(), cause });
        fs::create_dir_all(folder).map_err(failed)?;
        let is_empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
        if !is_empty && !self.copies.contains(folder) {
            return Err(SessionError::invalid("copy_to", &shown, "a folder that is empty, or that does not exist yet"));
        }
        Root::open(folder).map_err(SessionError::Write)
    }

    /// The story goes home: from here on only what was handed over is kept.
    pub(super) fn hand_over(&mut self, story: &mut Story, mut verdict: Verdict) -> Verdict {
        let run = &story.question.settings.run_id;
        self.known.passing.clear();
        if self.known != Snapshots::default() {
            if let Err(error) = story.host.state.keep_snapshots(run, &self.known) {
                verdict = verdict.or_incomplete(ReasonCode::HostFault, error.to_string());
            }
            story.snapshots = Some(std::mem::take(&mut self.known));
        }
        let archives = story.host.state.layout().archives_of(run);
        if let Ok(root) = Root::open(&archives) {
            let left = root.empty().into_iter().next().map(|left| left.why);
            let left = left.or_else(|| fs::remove_dir(&archives).err().map(|error| error.to_string()));
            if let Some(why) = left {
                let message = format!("the archives in `{}` are still there: {why}", archives.display());
                verdict = verdict.or_incomplete(ReasonCode::TeardownFailed, message);
            }
        }
        verdict
    }

    fn know(&mut self, story: &Story, change: impl FnOnce(&mut Snapshots)) -> Result<(), SessionError> {
        let mut known = self.known.clone();
        change(&mut known);
        if known != self.known {
            story.host.state.keep_snapshots(&story.question.settings.run_id, &known).map_err(RunError::from)?;
            self.known = known;
        }
        Ok(())
    }
}

/// What is different between two snapshots.
pub(super) fn diff(story: &Story, old: Digest, new: Digest) -> Result<DiffDocument, SessionError> {
    document(&story.host.objects()?, Some(old), new)
}

fn document(objects: &Objects, old: Option<Digest>, new: Digest) -> Result<DiffDocument, SessionError> {
    let new = objects.snapshot(&new).map_err(unknown)?.tree;
    let old = old.map(|old| objects.snapshot(&old).map_err(unknown)).transpose()?;
    let before = old.as_ref().map_or_else(Version::nothing, |old| Version::kept(&old.tree, objects));
    let diff = Diff::between(before, Version::kept(&new, objects)).map_err(SessionError::Read)?;
    diff.document(ROOM).map_err(SessionError::Read)
}

/// The same as a patch.
pub(super) fn patch(story: &Story, old: Digest, new: Digest) -> Result<Vec<u8>, SessionError> {
    let objects = story.host.objects()?;
    let (old, new) = (objects.snapshot(&old).map_err(unknown)?.tree, objects.snapshot(&new).map_err(unknown)?.tree);
    let diff = Diff::between(Version::kept(&old, &objects), Version::kept(&new, &objects)).map_err(SessionError::Read)?;
    let mut patch = Bounded(Vec::new());
    diff.write_patch(&mut patch).map_err(SessionError::Read)?;
    Ok(patch.0)
}

/// Write a snapshot as an archive.
pub(super) fn archive(life: &Life, story: &Story, snapshot: Digest, compression: Compression) -> Result<PathBuf, SessionError> {
    let objects = story.host.objects()?;
    let tree = objects.snapshot(&snapshot).map_err(unknown)?.tree;
    let own = story.host.state.layout().archives_of(&life.id);
    let folder = story.question.settings.environment.snapshot.archive_folder.clone().unwrap_or(own);
    let failed = |cause| SessionError::Write(WorkspaceError::Folder { path: folder.clone(), cause });
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    let of = life.workspace.file_name().unwrap_or_default().to_string_lossy();
    let path = folder.join(archive_name(Moment::now(), &of, compression));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let mut out = io::BufWriter::new(file);
    let written = export(&objects, &tree, compression, &mut out)
        .and_then(|()| out.flush().map_err(|cause| WorkspaceError::Hand { what: "archive", cause }));
    if let Err(error) = written {
        let _ = fs::remove_file(&path);
        return Err(SessionError::Write(error));
    }
    Ok(path)
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PATCH.as_len() {
            return Err(io::Error::other(format!("it is larger than {PATCH}")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The workspace, held open.
pub(super) fn workspace(story: &Story) -> Result<&Root, SessionError> {
    let none = || SessionError::Read(WorkspaceError::BadPath { path: "/workspace".into(), rule: "this session has none" });
    story.folders.root(Folder::Workspace).ok_or_else(none)
}

/// What snapshots of the workspace look at.
fn selection(story: &Story) -> Result<Selection, SessionError> {
    Ok(story.selection(&story.question.settings.workspace, true)?)
}

fn unknown(error: WorkspaceError) -> SessionError {
    match error {
        WorkspaceError::NoSnapshot(digest) => SessionError::UnknownSnapshot(digest),
        other => SessionError::Read(other),
    }
}
