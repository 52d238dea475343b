//! Snapshots of the workspace of a session, as its caller asks for them.

use std::path::PathBuf;

use super::{
    checkpoint::{Checkpoint, Checkpointed},
    error::SessionError,
    handle::Session,
    life::Life,
    memory::{self, Memory},
};
use crate::{
    config::Mode,
    names::Digest,
    run::{error::RunError, story::Story},
    workspace::{Compression, DiffDocument, Restored},
};

impl Session {
    /// Remember what the workspace holds. What is remembered is gone when the session is over, unless it is a checkpoint.
    pub async fn snapshot(&self) -> Result<Digest, SessionError> {
        self.with_memory(|_, story, memory| memory.take(story)).await
    }

    /// Remember it, and have [`Session::reset`] go back to it. Answers what that went back to before, if anything.
    pub async fn update_snapshot(&self) -> Result<Option<Digest>, SessionError> {
        self.with_memory(|_, story, memory| memory.update(story)).await
    }

    /// What [`Session::reset`] goes back to: what the workspace held when the session was open, or at the last
    /// [`Session::update_snapshot`], [`Session::checkpoint`] or [`Session::restore`]. Nothing at first for a workspace that is the user's,
    /// unless the settings enable snapshots.
    pub async fn current_snapshot(&self) -> Result<Option<Digest>, SessionError> {
        self.with_memory(|_, _, memory| Ok(memory.current())).await
    }

    /// Put the workspace back in place: it stays the same folder, and whoever works in it goes on. What snapshots never look at, such as
    /// installed packages, stays; assets are put in place again.
    pub async fn reset(&self) -> Result<Restored, SessionError> {
        let restored = self.with_memory(|_, story, memory| memory.reset(story)).await?;
        self.materialize_assets().await?;
        Ok(restored)
    }

    /// Make the workspace what a checkpoint says, then put the assets in place and run the resume lines of the environment. A workspace that
    /// is the session's own then holds exactly the checkpoint, and what those made; in the user's, what snapshots never look at stays.
    ///
    /// A resume line that fails ends the session.
    pub async fn restore(&self, checkpoint: Checkpoint) -> Result<Restored, SessionError> {
        let restored = self.with_memory(move |_, story, memory| memory.restore(story, checkpoint.snapshot)).await?;
        let has_assets = self.materialize_assets().await?;
        let story = self.life().lend().await?;
        let environment = &story.question.settings.environment;
        let resumes = !environment.setup_disabled && !environment.resume_commands.is_empty();
        if let Err(verdict) = story.resume().await {
            self.life().fail(verdict.clone());
            return Err(SessionError::resume(&verdict));
        }
        drop(story);
        if has_assets || resumes {
            self.update_snapshot().await?;
        }
        Ok(restored)
    }

    /// Take a snapshot that outlives the session, and tell what changed since the last one. For sessions in agent mode.
    ///
    /// With `copy_to` that folder, which has to be absolute, and empty unless this session filled it, becomes a copy of it.
    pub async fn checkpoint(&self, copy_to: Option<PathBuf>) -> Result<Checkpointed, SessionError> {
        if self.mode() != Mode::Agent {
            return Err(SessionError::Mode { what: "a checkpoint", mode: "agent" });
        }
        self.with_memory(move |_, story, memory| memory.checkpoint(story, copy_to.as_deref())).await
    }

    /// What is different between two snapshots.
    pub async fn diff(&self, old: Digest, new: Digest) -> Result<DiffDocument, SessionError> {
        self.with_memory(move |_, story, _| memory::diff(story, old, new)).await
    }

    /// The same as a patch that `git apply` and `patch -p1` take; at most 64 MiB.
    pub async fn patch(&self, old: Digest, new: Digest) -> Result<Vec<u8>, SessionError> {
        self.with_memory(move |_, story, _| memory::patch(story, old, new)).await
    }

    /// Write a snapshot as an archive, to the archive folder of the settings, or to a folder that is gone when the session is over. Answers
    /// its path.
    pub async fn export(&self, snapshot: Digest, compression: Compression) -> Result<PathBuf, SessionError> {
        self.with_memory(move |life, story, _| memory::archive(life, story, snapshot, compression)).await
    }

    /// Work with files, on a thread that may wait; one after the other.
    async fn with_memory<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Life, &Story, &mut Memory) -> Result<T, SessionError> + Send + 'static,
    ) -> Result<T, SessionError> {
        let life = self.life().clone();
        let story = life.lend().await?;
        let mut memory = life.memory.clone().lock_owned().await;
        blocking(move || work(&life, &story, &mut memory)).await
    }
}

/// Do `work` on a thread that may wait. Goes on to its end when it is given up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SessionError> + Send + 'static,
) -> Result<T, SessionError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(RunError::Output { path: "the workspace".into(), cause: std::io::Error::other(error) }.into()),
        },
    }
}
