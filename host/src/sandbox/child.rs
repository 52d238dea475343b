//! A running command, as its owner holds it.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::wire::Request;
use crate::{
    names::{Bytes, EndKind, Ending},
    policy::Level,
};

/// A command that was started, with its whole tree of processes. When this is dropped, the tree is killed.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    level: Level,
    wishes: Arc<Wishes>,
    exit: watch::Receiver<Option<Exit>>,
    way_out: Mutex<Option<OwnedFd>>,
}

/// How a command ended, and how long it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// How it ended, and what it wrote.
    pub ending: Ending,
    /// From its start to its end, by a clock that nobody sets.
    pub duration: Duration,
}

impl Child {
    pub(super) const fn new(
        pid: u32,
        level: Level,
        wishes: Arc<Wishes>,
        exit: watch::Receiver<Option<Exit>>,
        way_out: Option<OwnedFd>,
    ) -> Self {
        Self { pid, level, wishes, exit, way_out: Mutex::new(way_out) }
    }

    /// The other end of the command's only way out, where it may reach hosts by name: a socket that listens on 127.0.0.1:3128 inside of its
    /// network, and that is not there for any other process. It does not block. `None` where there is none, and after it was taken.
    ///
    /// While nobody serves it the command reaches nothing: what it connects to waits.
    #[must_use]
    pub fn take_listener(&self) -> Option<OwnedFd> {
        self.way_out.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What confines it. `none` for the profile `own`.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The process id of the command.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Ask the tree to end (SIGTERM); what is left of it after the grace of the launch is killed.
    ///
    /// Returns at once. Safe twice, after the end, and from any thread. The command then counts as killed, however it takes this; one that
    /// had already ended keeps its own ending.
    pub fn stop(&self) {
        self.wishes.add(Request::Stop);
    }

    /// End the tree by force (SIGKILL). Otherwise as [`Child::stop`].
    pub fn kill(&self) {
        self.wishes.add(Request::Kill);
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Wait until the command has ended, nothing of its tree is left, and all its output was taken.
    ///
    /// Every call, from any task, gives the same answer. A call that is given up takes nothing away from the others.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let known = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
        known.unwrap_or_else(|| Exit {
            ending: Ending {
                kind: EndKind::Lost,
                evidence: "the thread that followed it is gone".into(),
                started_at: None,
                ended_at: None,
                stdout_bytes: Bytes(0),
                stderr_bytes: Bytes(0),
                truncated: true,
            },
            duration: Duration::ZERO,
        })
    }
}

impl Child {
    /// Waits for the same, and goes on when this is dropped, which is an end as well.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut exit = self.exit.clone();
        // Where nobody is left to tell it, it is over too.
        async move { drop(exit.wait_for(Option::is_some).await) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the owner of a child wants, told to the thread that follows it.
#[derive(Debug)]
pub(super) struct Wishes {
    strongest: AtomicU8,
    bell: OwnedFd,
}

impl Wishes {
    pub(super) const fn new(bell: OwnedFd) -> Self {
        Self { strongest: AtomicU8::new(0), bell }
    }

    /// Becomes readable when there is something new.
    pub(super) const fn bell(&self) -> &OwnedFd {
        &self.bell
    }

    /// The strongest wish so far. Silences the bell.
    pub(super) fn take(&self) -> Option<Request> {
        // Nothing to read means that nobody rang.
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        match self.strongest.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Request::Stop),
            _ => Some(Request::Kill),
        }
    }

    fn add(&self, wish: Request) {
        let strength = match wish {
            Request::Stop => 1,
            Request::Kill => 2,
        };
        if self.strongest.fetch_max(strength, Ordering::SeqCst) < strength {
            // Fails only where the bell already rings.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}
