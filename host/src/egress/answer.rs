//! The body of an answer on its way in.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use bytes::Bytes as Buffer;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    error::{EgressError, Wait},
    headers::fits,
    limits::HttpLimits,
    link::Link,
    outgoing::Upload,
    pool::{Key, Pool},
};
use crate::policy::EndpointName;

/// The body of an answer, bounded in size and time. Read to its end it gives its connection back; dropped before, it closes it.
#[derive(Debug)]
pub struct Answer {
    inner: Incoming,
    received: u64,
    begin: Instant,
    /// Until when the next byte has to be there, and all.
    clock: Option<Pin<Box<Sleep>>>,
    /// Whether a next byte is waited for, since when the clock counts.
    is_awaited: bool,
    upload: Arc<Upload>,
    link: Option<Link>,
    /// Where the connection can be used for another request afterwards.
    pool: Weak<Pool>,
    key: Key,
    is_over: bool,
}

impl Answer {
    pub(super) fn new(inner: Incoming, key: Key, link: Link, pool: &Arc<Pool>, upload: Arc<Upload>, begin: Instant) -> Self {
        let mut answer = Self {
            received: 0,
            begin,
            clock: None,
            is_awaited: false,
            upload,
            link: Some(link),
            pool: Arc::downgrade(pool),
            key,
            is_over: false,
            inner,
        };
        if answer.inner.is_end_stream() {
            answer.give_back();
        }
        answer
    }

    fn received(&mut self, frame: Frame<Buffer>) -> Result<Frame<Buffer>, EgressError> {
        self.is_awaited = false;
        let limits = &self.upload.limits;
        if let Some(data) = frame.data_ref() {
            self.received = self.received.saturating_add(data.len() as u64);
            if self.received > limits.response_body.0 {
                return Err(EgressError::ResponseBody { host: self.key.name.clone(), most: limits.response_body, announced: None });
            }
            let seconds = self.begin.elapsed().as_secs();
            if seconds >= limits.slow_after.as_secs().max(1) && self.received / seconds < limits.slow.0 {
                return Err(EgressError::TooSlow { host: self.key.name.clone(), least: limits.slow });
            }
        }
        if frame.trailers_ref().is_some_and(|trailers| !fits(trailers, limits)) {
            return Err(EgressError::ResponseHeaders(self.key.name.clone()));
        }
        Ok(frame)
    }

    /// Whether it took too long already.
    fn late(&mut self, context: &mut Context<'_>) -> Option<EgressError> {
        let HttpLimits { whole, idle, .. } = self.upload.limits;
        let end = self.begin + whole;
        let clock = match &mut self.clock {
            Some(clock) if self.is_awaited => clock,
            Some(clock) => {
                clock.as_mut().reset(end.min(Instant::now() + idle));
                clock
            }
            none => none.insert(Box::pin(sleep_until(end.min(Instant::now() + idle)))),
        };
        self.is_awaited = true;
        if clock.as_mut().poll(context).is_pending() {
            return None;
        }
        let (what, limit) = if clock.deadline() == end { (Wait::Whole, whole) } else { (Wait::NextByte, idle) };
        Some(EgressError::TooLong { host: self.key.name.clone(), what, limit })
    }

    /// Have the connection used for the next request, where all of this one was sent.
    fn give_back(&mut self) {
        self.is_over = true;
        let Some(link) = self.link.take() else { return };
        // One for many at once is there already.
        if let (Link::Http1(_), true, Some(pool)) = (&link, self.upload.is_whole(), self.pool.upgrade()) {
            pool.put(&self.key, link);
        }
    }

    /// The next frame, with the bytes of the connection moved where nobody else does.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Buffer>>>> {
        match &mut self.link {
            Some(link) => link.poll_frame(&mut self.inner, context),
            None => Pin::new(&mut self.inner).poll_frame(context),
        }
    }

    fn fail(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Buffer>, EgressError>>> {
        self.is_over = true;
        self.link = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for Answer {
    type Data = Buffer;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Buffer>, EgressError>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        match this.next(context) {
            Poll::Ready(Some(Ok(frame))) => match this.received(frame) {
                Ok(frame) => {
                    if this.inner.is_end_stream() {
                        this.give_back();
                    }
                    Poll::Ready(Some(Ok(frame)))
                }
                Err(error) => this.fail(error),
            },
            Poll::Ready(Some(Err(error))) => {
                let error = this.upload.failure().unwrap_or_else(|| broken(&this.key.name, &error));
                this.fail(error)
            }
            Poll::Ready(None) => {
                this.give_back();
                Poll::Ready(None)
            }
            Poll::Pending => match this.late(context) {
                Some(error) => this.fail(error),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What an error of the library means.
pub(super) fn broken(host: &EndpointName, error: &hyper::Error) -> EgressError {
    let host = host.clone();
    let why = explained(error);
    if error.is_parse_too_large() {
        return EgressError::ResponseHeaders(host);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_reset(error) {
        return EgressError::Incomplete { host, why };
    }
    EgressError::Protocol { host, why }
}

fn is_reset(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<std::io::Error>()).is_some()
}

/// The error and what lies behind it, in one line.
fn explained(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
