//! The body of an answer without the secrets of the run: a server that repeats what it was sent tells a plugin nothing.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes as Buffer;
use http_body::{Body, Frame, SizeHint};

use crate::{
    egress::{Answer, EgressError},
    secrets::{ScrubStream, Scrubber},
};

/// The body of an answer; as long as it was.
pub(super) struct Scrubbed {
    inner: Answer,
    /// `None` where there is nothing to hide.
    stream: Option<Stream>,
}

struct Stream {
    scrub: ScrubStream,
    scrubber: Arc<Scrubber>,
    /// Bytes that came and have not been passed on.
    held: u64,
    /// Trailers that came after what is passed on now.
    trailers: Option<Frame<Buffer>>,
    is_over: bool,
}

impl Scrubbed {
    pub(super) fn new(inner: Answer, scrubber: &Arc<Scrubber>) -> Self {
        let stream = || Stream {
            scrub: ScrubStream::new(scrubber.clone()),
            scrubber: scrubber.clone(),
            held: 0,
            trailers: None,
            is_over: inner.is_end_stream(),
        };
        let stream = (!scrubber.is_empty()).then(stream);
        Self { inner, stream }
    }
}

impl Stream {
    /// What can be passed on of the next frame; `None` where all of it is held back.
    fn take(&mut self, frame: Frame<Buffer>) -> Option<Frame<Buffer>> {
        match frame.into_data() {
            Ok(data) => {
                let came = data.len() as u64;
                let shown = self.scrub.push(data);
                self.held = (self.held + came).saturating_sub(shown.len() as u64);
                (!shown.is_empty()).then(|| Frame::data(shown))
            }
            Err(mut other) => {
                if let Some(trailers) = other.trailers_mut() {
                    self.scrubber.headers(trailers);
                }
                match self.rest() {
                    Some(rest) => {
                        self.trailers = Some(other);
                        Some(rest)
                    }
                    None => Some(other),
                }
            }
        }
    }

    /// What was held back, once nothing more comes.
    fn rest(&mut self) -> Option<Frame<Buffer>> {
        self.held = 0;
        let rest = self.scrub.finish();
        (!rest.is_empty()).then(|| Frame::data(rest))
    }
}

impl Body for Scrubbed {
    type Data = Buffer;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Buffer>, EgressError>>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else { return Pin::new(&mut this.inner).poll_frame(context) };
        loop {
            if let Some(trailers) = stream.trailers.take() {
                return Poll::Ready(Some(Ok(trailers)));
            }
            if stream.is_over {
                return Poll::Ready(stream.rest().map(Ok));
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    stream.is_over = frame.is_trailers() || this.inner.is_end_stream();
                    if let Some(frame) = stream.take(frame) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Some(Err(error)) => {
                    stream.is_over = true;
                    // What was held back belongs to an answer that is not whole, and is not shown.
                    let _ = stream.rest();
                    return Poll::Ready(Some(Err(error)));
                }
                None => stream.is_over = true,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.is_over && stream.held == 0 && stream.trailers.is_none(),
            None => self.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.stream.as_ref().map_or(0, |stream| stream.held);
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
