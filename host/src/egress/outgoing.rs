//! The body of a request on its way out.

use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes as Buffer;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use super::{error::EgressError, headers::check_trailers, limits::HttpLimits};

/// What a plugin sends, as it comes.
pub type RequestBody = UnsyncBoxBody<Buffer, Box<dyn Error + Send + Sync>>;

/// The body of a request, counted: as long as was announced, no longer than it may be, and with nothing odd behind it.
#[derive(Debug)]
pub(super) struct Outgoing {
    inner: RequestBody,
    sent: u64,
    upload: Arc<Upload>,
}

/// What may become of the body of a request, and what became of it.
#[derive(Debug)]
pub(super) struct Upload {
    announced: Option<u64>,
    /// Those of the request and of its answer.
    pub(super) limits: HttpLimits,
    is_whole: AtomicBool,
    is_over: AtomicBool,
    waiter: AtomicWaker,
    failure: Mutex<Option<EgressError>>,
}

/// An error that tells nothing: the reason lies in [`Upload`].
#[derive(Debug, thiserror::Error)]
#[error("the body of the request cannot be sent")]
struct Broken;

impl Outgoing {
    /// The body, and what becomes of it.
    pub(super) fn new(inner: RequestBody, announced: Option<u64>, limits: HttpLimits) -> (Self, Arc<Upload>) {
        let upload = Arc::new(Upload {
            announced,
            limits,
            is_whole: AtomicBool::new(inner.is_end_stream()),
            is_over: AtomicBool::new(false),
            waiter: AtomicWaker::new(),
            failure: Mutex::default(),
        });
        (Self { inner, sent: 0, upload: upload.clone() }, upload)
    }

    fn checked(&mut self, frame: Frame<Buffer>) -> Result<Frame<Buffer>, EgressError> {
        let Upload { announced, limits, .. } = &*self.upload;
        if let Some(data) = frame.data_ref() {
            self.sent = self.sent.saturating_add(data.len() as u64);
            if self.sent > limits.request_body.0 {
                return Err(EgressError::RequestBody(limits.request_body));
            }
            if let Some(announced) = announced.filter(|announced| self.sent > *announced) {
                return Err(EgressError::RequestAborted(format!("is longer than the {announced} bytes that were announced")));
            }
        }
        if let Some(trailers) = frame.trailers_ref() {
            check_trailers(trailers, limits)?;
        }
        Ok(frame)
    }

    fn end(&self) -> Result<(), EgressError> {
        match self.upload.announced {
            Some(announced) if self.sent != announced => {
                let message = format!("has {} bytes, and {announced} were announced", self.sent);
                Err(EgressError::RequestAborted(message))
            }
            _ => Ok(()),
        }
    }
}

impl Upload {
    /// Whether all of it was sent.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// Wait until all of it was handed over, or nothing is handed over any more.
    pub(super) fn poll_over(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_over.load(Ordering::Acquire) {
            self.waiter.register(context.waker());
            // It may have come to its end in between.
            if !self.is_over.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Why it could not be sent.
    pub(super) fn failure(&self) -> Option<EgressError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: EgressError) -> Box<dyn Error + Send + Sync> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Box::new(Broken)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.upload.is_over.store(true, Ordering::Release);
        self.upload.waiter.wake();
    }
}

impl Body for Outgoing {
    type Data = Buffer;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Buffer>, Self::Error>>> {
        let this = &mut *self;
        let next = ready!(Pin::new(&mut this.inner).poll_frame(context));
        let checked = match next {
            Some(Ok(frame)) => this.checked(frame).map(Some),
            Some(Err(error)) => Err(EgressError::RequestAborted(format!("was given up: {error}"))),
            None => this.end().map(|()| None),
        };
        Poll::Ready(match checked {
            Ok(Some(frame)) => {
                if this.upload.announced == Some(this.sent) || this.inner.is_end_stream() {
                    this.upload.is_whole.store(true, Ordering::Release);
                }
                Some(Ok(frame))
            }
            Ok(None) => {
                this.upload.is_whole.store(true, Ordering::Release);
                None
            }
            Err(error) => Some(Err(this.upload.fail(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.end().is_ok()
    }

    fn size_hint(&self) -> SizeHint {
        match self.upload.announced {
            Some(announced) => SizeHint::with_exact(announced.saturating_sub(self.sent)),
            None => self.inner.size_hint(),
        }
    }
}
