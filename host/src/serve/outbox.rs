//! What goes to the client: whole lines, one after the other, as fast as it reads them.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot, watch};

use super::limits::{OUTBOX, SPARE_BUFFERS, SPARE_BYTES};

/// Takes lines for the client. Cheap to clone.
///
/// Only so many lines wait; who has one more waits with it. So a client that does not read stops whoever has something to say, and no memory
/// is filled for it.
#[derive(Clone)]
pub(super) struct Outbox {
    items: mpsc::Sender<Item>,
    spare: Arc<Spare>,
    gone: watch::Receiver<bool>,
}

/// The end of an outbox.
pub(super) struct Written(oneshot::Receiver<()>);

enum Item {
    Line(Vec<u8>),
    End,
}

/// Buffers that were written and can be filled again: a fresh one for every piece of a flood costs more than its escaping.
#[derive(Default)]
struct Spare(Mutex<Vec<Vec<u8>>>);

impl Outbox {
    /// Write what comes to `output`, in a thread of its own.
    pub(super) fn open(output: impl Write + Send + 'static) -> (Self, Written) {
        let (items, receiver) = mpsc::channel(OUTBOX);
        let (gone_sender, gone) = watch::channel(false);
        let (done, written) = oneshot::channel();
        let spare = Arc::new(Spare::default());
        let kept = spare.clone();
        std::thread::spawn(move || {
            write(output, receiver, &kept, &gone_sender);
            let _ = done.send(());
        });
        (Self { items, spare, gone }, Written(written))
    }

    /// An empty buffer for a line.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.spare.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Have a line written, which ends with its line feed. Waits until there is room; `false` where the client is gone.
    pub(super) async fn send(&self, line: Vec<u8>) -> bool {
        self.items.send(Item::Line(line)).await.is_ok()
    }

    /// Waits until the client is gone: it reads no more.
    pub(super) async fn gone(&self) {
        let mut gone = self.gone.clone();
        // A writer that is over says so, too.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    /// Have everything written that was sent so far, and no more. Gives up when the client does not read within `patience`.
    pub(super) async fn finish(self, written: Written, patience: Duration) {
        let end = async {
            let _ = self.items.send(Item::End).await;
            let _ = written.0.await;
        };
        let _ = tokio::time::timeout(patience, end).await;
    }
}

fn write(mut output: impl Write, mut items: mpsc::Receiver<Item>, spare: &Spare, gone: &watch::Sender<bool>) {
    while let Some(Item::Line(mut line)) = items.blocking_recv() {
        if output.write_all(&line).and_then(|()| output.flush()).is_err() {
            break;
        }
        line.clear();
        spare.keep(line);
    }
    items.close();
    gone.send_replace(true);
}

impl Spare {
    fn keep(&self, buffer: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS && buffer.capacity() <= SPARE_BYTES {
            spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use super::*;

    #[tokio::test]
    async fn lines_are_written_in_order_and_the_end_waits_for_them() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (outbox, written) = Outbox::open(ours);
        for number in 0..100 {
            let mut line = outbox.buffer();
            assert!(line.is_empty());
            line.extend_from_slice(format!("{number}\n").as_bytes());
            assert!(outbox.send(line).await);
        }
        outbox.finish(written, Duration::from_mins(1)).await;
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert!(text.lines().eq((0..100).map(|number| number.to_string())), "{text}");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_up_who_sends_and_one_that_is_gone_does_not() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (outbox, written) = Outbox::open(ours);
        let sender = outbox.clone();
        let mut flood = tokio::spawn(async move {
            let mut sent = 0_u64;
            while sender.send(vec![b'x'; 1 << 20]).await {
                sent += 1;
            }
            sent
        });
        let still_waits = tokio::time::timeout(Duration::from_millis(300), &mut flood).await;
        assert!(still_waits.is_err(), "nobody reads");
        drop(theirs);
        outbox.gone().await;
        assert!(flood.await.unwrap() <= OUTBOX as u64 + 1, "only so many lines are held");
        outbox.finish(written, Duration::from_mins(1)).await;
    }

    #[tokio::test]
    async fn a_client_that_never_reads_does_not_hold_up_the_end() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (outbox, written) = Outbox::open(ours);
        assert!(outbox.send(vec![b'x'; 64 << 20]).await);
        outbox.finish(written, Duration::from_millis(50)).await;
    }

    #[test]
    fn a_buffer_that_grew_too_large_is_not_kept() {
        let spare = Spare::default();
        spare.keep(Vec::with_capacity(SPARE_BYTES + 1));
        assert!(spare.0.lock().unwrap().is_empty());
        (0..2 * SPARE_BUFFERS).for_each(|_| spare.keep(vec![]));
        assert_eq!(spare.0.lock().unwrap().len(), SPARE_BUFFERS);
    }
}
