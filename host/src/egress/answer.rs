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
    outgoing::Upload,
    pool::{Key, Link, Pool},
};
use crate::policy::EndpointName;

/// The body of an answer, bounded in size and time. Read to its end it gives its connection back; dropped before, it closes it.
#[derive(Debug)]
pub struct Answer {
    inner: Incoming,
    received: u64,
    limits: HttpLimits,
    begin: Instant,
    /// When the next byte has to be there: armed while one is waited for.
    next_byte: Option<Pin<Box<Sleep>>>,
    whole: Pin<Box<Sleep>>,
    upload: Arc<Upload>,
    link: Option<(Key, Link)>,
    /// Whether the connection can be used for another request afterwards.
    pool: Weak<Pool>,
    is_over: bool,
    name: EndpointName,
}

impl Answer {
    pub(super) fn new(
        inner: Incoming,
        key: Key,
        link: Link,
        pool: &Arc<Pool>,
        upload: Arc<Upload>,
        begin: Instant,
        limits: HttpLimits,
    ) -> Self {
        let mut answer = Self {
            received: 0,
            limits,
            begin,
            next_byte: None,
            whole: Box::pin(sleep_until(begin + limits.whole)),
            upload,
            name: key.name.clone(),
            link: Some((key, link)),
            pool: Arc::downgrade(pool),
            is_over: false,
            inner,
        };
        if answer.inner.is_end_stream() {
            answer.give_back();
        }
        answer
    }

    fn received(&mut self, frame: Frame<Buffer>) -> Result<Frame<Buffer>, EgressError> {
        self.next_byte = None;
        if let Some(data) = frame.data_ref() {
            self.received = self.received.saturating_add(data.len() as u64);
            if self.received > self.limits.response_body.0 {
                return Err(EgressError::ResponseBody { host: self.name.clone(), most: self.limits.response_body, announced: None });
            }
            let seconds = self.begin.elapsed().as_secs();
            if seconds >= self.limits.slow_after.as_secs().max(1) && self.received / seconds < self.limits.slow.0 {
                return Err(EgressError::TooSlow { host: self.name.clone(), least: self.limits.slow });
            }
        }
        if frame.trailers_ref().is_some_and(|trailers| !fits(trailers, &self.limits)) {
            return Err(EgressError::ResponseHeaders(self.name.clone()));
        }
        Ok(frame)
    }

    /// Whether it took too long already.
    fn late(&mut self, context: &mut Context<'_>) -> Option<EgressError> {
        let too_long = |what, limit| Some(EgressError::TooLong { host: self.name.clone(), what, limit });
        if self.whole.as_mut().poll(context).is_ready() {
            return too_long(Wait::Whole, self.limits.whole);
        }
        let idle = self.limits.idle;
        let next = self.next_byte.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + idle)));
        if next.as_mut().poll(context).is_ready() {
            return too_long(Wait::NextByte, idle);
        }
        None
    }

    /// Have the connection used for the next request, where all of this one was sent.
    fn give_back(&mut self) {
        self.is_over = true;
        let Some((key, link)) = self.link.take() else { return };
        // One for many at once is there already.
        if let (Link::Http1(..), true, Some(pool)) = (&link, self.upload.is_whole(), self.pool.upgrade()) {
            pool.put(key, link);
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
        match Pin::new(&mut this.inner).poll_frame(context) {
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
                let error = this.upload.failure().unwrap_or_else(|| broken(&this.name, &error));
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
