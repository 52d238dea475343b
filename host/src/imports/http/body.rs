//! The body of an answer on its way into a plugin, written down as it passes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes as Buffer;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::Error;

use super::{code, exchange::Exchange, scrubbed::Scrubbed};
use crate::names::Failure;

/// The body of an answer. Its request counts as going on until this is dropped.
pub(super) struct Recorded {
    inner: Scrubbed,
    exchange: Arc<Exchange>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Recorded {
    pub(super) fn new(inner: Scrubbed, exchange: Arc<Exchange>, place: OwnedSemaphorePermit) -> Self {
        let is_over = inner.is_end_stream() && exchange.end().is_ok();
        Self { inner, exchange, is_over, _place: place }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.is_over = true;
        self.exchange.end().map_err(|failure: Failure| Error::InternalError(Some(failure.message)))
    }
}

impl Body for Recorded {
    type Data = Buffer;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Buffer>, Error>>> {
        let this = &mut *self;
        let next = ready!(Pin::new(&mut this.inner).poll_frame(context));
        Poll::Ready(match next {
            Some(Ok(frame)) => {
                this.exchange.received(frame.data_ref().map_or(0, Buffer::len));
                let is_last = frame.is_trailers() || this.inner.is_end_stream();
                Some(if is_last { this.end().map(|()| frame) } else { Ok(frame) })
            }
            Some(Err(error)) => {
                this.is_over = true;
                this.exchange.fail(&Failure::from(&error));
                Some(Err(code::of_egress(&error)))
            }
            None if this.is_over => None,
            None => this.end().err().map(Err),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if !self.is_over {
            self.exchange.stop();
        }
    }
}
