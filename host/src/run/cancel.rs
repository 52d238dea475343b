//! Asking a run to end before its time.

use tokio::sync::watch;

/// How strongly a run is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cancel {
    /// Not at all.
    No,
    /// Let the plugin end the command, collect, clean up, finish the manifest.
    Stop,
    /// End the command by force, clean up, finish the manifest.
    Kill,
}

/// Asks. Cheap to clone; any number may ask.
#[derive(Debug, Clone)]
pub struct Canceller(watch::Sender<Cancel>);

/// Is asked.
#[derive(Debug, Clone)]
pub(super) struct Cancelled(watch::Receiver<Cancel>);

pub(super) fn channel() -> (Canceller, Cancelled) {
    let (sender, receiver) = watch::channel(Cancel::No);
    (Canceller(sender), Cancelled(receiver))
}

impl Canceller {
    /// Ask the run to end. A stronger wish replaces a weaker one, never the other way round.
    pub fn ask(&self, wish: Cancel) {
        self.0.send_if_modified(|strongest| {
            let stronger = wish > *strongest;
            if stronger {
                *strongest = wish;
            }
            stronger
        });
    }
}

impl Cancelled {
    /// The strongest wish so far.
    pub(super) fn now(&self) -> Cancel {
        *self.0.borrow()
    }

    /// Wait until somebody asks for at least this. Never answers where nobody does.
    pub(super) async fn at_least(&mut self, wish: Cancel) -> Cancel {
        let asked = self.0.wait_for(|strongest| *strongest >= wish).await.ok().map(|strongest| *strongest);
        match asked {
            Some(strongest) => strongest,
            // Nobody is left who could ask.
            None => std::future::pending().await,
        }
    }
}
