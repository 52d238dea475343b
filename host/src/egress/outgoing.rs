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
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::oneshot;

use super::{error::EgressError, headers::check_trailers, limits::HttpLimits};

/// What a plugin sends, as it comes.
pub type RequestBody = UnsyncBoxBody<Buffer, Box<dyn Error + Send + Sync>>;

/// The body of a request, counted: as long as was announced, no longer than it may be, and with nothing odd behind it.
#[derive(Debug)]
pub(super) struct Outgoing {
    inner: RequestBody,
    announced: Option<u64>,
    sent: u64,
    limits: HttpLimits,
    upload: Arc<Upload>,
    /// Dropped when all was sent, or when nothing is sent any more.
    _unsent: oneshot::Sender<()>,
}

/// What became of the body of a request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    is_whole: AtomicBool,
    failure: Mutex<Option<EgressError>>,
}

/// An error that tells nothing: the reason lies in [`Upload`].
#[derive(Debug, thiserror::Error)]
#[error("the body of the request cannot be sent")]
struct Broken;

impl Outgoing {
    /// The body, what is to become of it, and what ends when all of it was handed over.
    pub(super) fn new(inner: RequestBody, announced: Option<u64>, limits: HttpLimits) -> (Self, Arc<Upload>, oneshot::Receiver<()>) {
        let (unsent, sent) = oneshot::channel();
        let upload = Arc::new(Upload { is_whole: AtomicBool::new(inner.is_end_stream()), failure: Mutex::default() });
        (Self { inner, announced, sent: 0, limits, upload: upload.clone(), _unsent: unsent }, upload, sent)
    }

    fn checked(&mut self, frame: Frame<Buffer>) -> Result<Frame<Buffer>, EgressError> {
        if let Some(data) = frame.data_ref() {
            self.sent = self.sent.saturating_add(data.len() as u64);
            if self.sent > self.limits.request_body.0 {
                return Err(EgressError::RequestBody(self.limits.request_body));
            }
            if let Some(announced) = self.announced.filter(|announced| self.sent > *announced) {
                return Err(EgressError::RequestAborted(format!("is longer than the {announced} bytes that were announced")));
            }
        }
        if let Some(trailers) = frame.trailers_ref() {
            check_trailers(trailers, &self.limits)?;
        }
        Ok(frame)
    }

    fn end(&self) -> Result<(), EgressError> {
        match self.announced {
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

    /// Why it could not be sent.
    pub(super) fn failure(&self) -> Option<EgressError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: EgressError) -> Box<dyn Error + Send + Sync> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Box::new(Broken)
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
                if this.announced == Some(this.sent) || this.inner.is_end_stream() {
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
        match self.announced {
            Some(announced) => SizeHint::with_exact(announced.saturating_sub(self.sent)),
            None => self.inner.size_hint(),
        }
    }
}
