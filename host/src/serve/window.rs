//! How much output of one execution may be on its way.

use tokio::sync::watch;

/// Bytes of output that were sent and that the client has not said it is done with.
///
/// The pipe to the client alone stops a client that reads nothing. One that reads the pipe for all its sessions, and is slow with one of them,
/// would have to keep that one's output somewhere; with a window it says how much, and the command waits for it while all others go on.
pub(super) struct Window {
    most: Option<u64>,
    done: watch::Sender<u64>,
}

impl Window {
    /// One of so many bytes; `None` is one without an end.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self { most, done: watch::Sender::new(0) }
    }

    /// The client is done with the first `bytes` bytes of the output. Fewer than it said before change nothing.
    pub(super) fn acknowledge(&self, bytes: u64) {
        self.done.send_if_modified(|done| {
            let is_more = bytes > *done;
            *done = bytes.max(*done);
            is_more
        });
    }

    /// Wait until another piece may be sent, after `sent` bytes. A piece may be larger than what is left, so that a small window holds nobody
    /// up for ever.
    pub(super) async fn room(&self, sent: u64) {
        if let Some(most) = self.most {
            let _ = self.done.subscribe().wait_for(|done| sent < done.saturating_add(most)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_piece_waits_for_what_was_sent_before_it() {
        let window = Window::new(Some(10));
        assert!(window.room(0).now_or_never().is_some());
        assert!(window.room(9).now_or_never().is_some());
        assert!(window.room(10).now_or_never().is_none());
        window.acknowledge(1);
        assert!(window.room(10).now_or_never().is_some());
        window.acknowledge(0);
        assert!(window.room(10).now_or_never().is_some(), "what was said stays said");
        window.acknowledge(u64::MAX);
        assert!(window.room(u64::MAX - 1).now_or_never().is_some());
        assert!(Window::new(None).room(u64::MAX).now_or_never().is_some());
    }
}
