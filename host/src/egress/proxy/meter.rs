//! Counts what goes through a connection, and tells it when that is over.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    limits::IDLE,
    watcher::{Begun, Outcome},
};
use crate::names::Bytes;

/// Bytes of one connection, and when the last of them came.
pub(super) struct Meter {
    began: Instant,
    up: AtomicU64,
    down: AtomicU64,
    /// Milliseconds from the beginning.
    last: AtomicU64,
}

impl Meter {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), up: AtomicU64::new(0), down: AtomicU64::new(0), last: AtomicU64::new(0) })
    }

    /// Waits until nothing has come or gone for too long.
    pub(super) async fn idle(&self) {
        loop {
            let quiet_from = self.began + Duration::from_millis(self.last.load(Ordering::Relaxed));
            if quiet_from.elapsed() >= IDLE {
                return;
            }
            tokio::time::sleep_until(quiet_from + IDLE).await;
        }
    }

    fn count(&self, counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// A connection to a host, counted: what is read from it is `down`.
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) const fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_ready() {
            this.meter.count(&this.meter.down, buffer.filled().len() - before);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = written {
            this.meter.count(&this.meter.up, written);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Tells the end of a connection when it is dropped, whatever the reason.
pub(super) struct Report {
    begun: Box<dyn Begun>,
    meter: Arc<Meter>,
    failed: Mutex<Option<String>>,
}

impl Report {
    pub(super) fn new(begun: Box<dyn Begun>, meter: Arc<Meter>) -> Self {
        Self { begun, meter, failed: Mutex::default() }
    }

    /// Why it did not come about, or is broken off. The first reason counts.
    pub(super) fn fail(&self, why: impl Into<String>) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.into());
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Meter { began, up, down, .. } = &*self.meter;
        let [up, down] = [up, down].map(|bytes| Bytes(bytes.load(Ordering::Relaxed)));
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.begun.ended(&Outcome { up, down, lasted: began.elapsed(), failed });
    }
}
