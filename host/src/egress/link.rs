//! A connection that speaks HTTP, and who moves its bytes.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes as Buffer;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use tokio::{
    task::{JoinHandle, coop::unconstrained},
    time::timeout,
};

use super::{
    outgoing::{Outgoing, Upload},
    wire::Rest,
};

/// A connection that speaks HTTP.
#[derive(Debug)]
pub(super) enum Link {
    /// For one request at a time.
    Http1(Single),
    /// For many at once.
    Http2(http2::SendRequest<Outgoing>, Arc<Driver>),
}

/// A connection for one request at a time.
pub(super) struct Single {
    sender: http1::SendRequest<Outgoing>,
    mover: Mover,
    rest: Rest,
}

/// Who moves the bytes of a connection for one request at a time.
enum Mover {
    /// Whoever waits for something of it, in the same task. A task of its own would be woken for every request, and would wake whoever waits
    /// for the answer, sometimes on another thread.
    Waiter(Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>),
    /// A task of its own.
    Task { _driver: Driver },
    /// Nobody: it is closed.
    Nobody,
}

/// Moves the bytes of a connection, until nobody has it any more.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

/// How long a connection that has just been used may take until it can be used again.
const SETTLING: Duration = Duration::from_millis(50);

impl Link {
    /// The same connection for others, where it is for many at once.
    pub(super) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender, driver) => Some(Self::Http2(sender.clone(), driver.clone())),
        }
    }

    /// The head of the answer is there. What is not sent of the request yet goes on in any case: who has to send all before the answer can be
    /// looked at would wait for ever.
    pub(super) fn answered(&mut self, upload: &Upload) {
        if let Self::Http1(single) = self
            && !(upload.is_whole() && single.rest.is_none())
        {
            single.let_run();
        }
    }

    /// The next piece of the body of an answer over this connection.
    pub(super) fn poll_frame(&mut self, body: &mut Incoming, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Buffer>>>> {
        match self {
            Self::Http1(single) => single.mover.poll_for(context, |context| Pin::new(&mut *body).poll_frame(context)),
            Self::Http2(..) => Pin::new(body).poll_frame(context),
        }
    }
}

impl Single {
    /// A connection that was made by hyper, and what is left to be sent over it.
    pub(super) fn new<C>(sender: http1::SendRequest<Outgoing>, connection: C, rest: Rest) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        Self { sender, mover: Mover::Waiter(Box::pin(connection)), rest }
    }

    /// Send a request. Its body goes on while its answer is waited for.
    pub(super) async fn send(&mut self, request: Box<Request<Outgoing>>) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        // Nothing but the connection brings the answer. tokio has whoever did much wait for the next turn, for which it wakes whoever asked:
        // nobody, here. So the answer is left out of that account.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(*request)));
        poll_fn(|context| self.mover.poll_for(context, |context| answer.as_mut().poll(context))).await
    }

    /// Whether it is known to be closed.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether the server has left it open while nobody waited for anything of it.
    pub(super) fn is_alive(&mut self) -> bool {
        self.mover.advance(&mut Context::from_waker(Waker::noop()));
        !self.is_over()
    }

    /// Whether it can be used for the next request. Its last answer was read to the end; the connection itself may not have noticed yet.
    pub(super) async fn is_usable(&mut self) -> bool {
        self.sender.is_ready() || matches!(Box::pin(timeout(SETTLING, self.ready())).await, Ok(Ok(())))
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        poll_fn(|context| {
            self.mover.advance(context);
            self.sender.poll_ready(context)
        })
        .await
    }

    /// Have a task move its bytes from here on.
    fn let_run(&mut self) {
        self.mover = match std::mem::replace(&mut self.mover, Mover::Nobody) {
            Mover::Waiter(connection) => {
                let driver = Driver::start(async {
                    // Its errors are told to whoever sent the request.
                    let _ = connection.await;
                });
                Mover::Task { _driver: driver }
            }
            other => other,
        };
    }
}

impl Mover {
    /// Move what can be moved now.
    fn advance(&mut self, context: &mut Context<'_>) {
        if let Self::Waiter(connection) = self
            && connection.as_mut().poll(context).is_ready()
        {
            // Dropped, so that a request of which nothing was written is handed back.
            *self = Self::Nobody;
        }
    }

    /// What `look` finds, once what can be moved was moved for it.
    ///
    /// What the connection finds it hands to somebody, whom it wakes. That is the task that runs right now, and tokio puts a task that is
    /// woken while it runs at the end of the queue, from where another thread takes it. So the connection is moved without a waker first, and
    /// with it where there is nothing to be found but by waiting.
    fn poll_for<T>(&mut self, context: &mut Context<'_>, mut look: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        if !matches!(self, Self::Waiter(_)) {
            return look(context);
        }
        let mut nobody = Context::from_waker(Waker::noop());
        if let Poll::Ready(found) = look(&mut nobody) {
            return Poll::Ready(found);
        }
        self.advance(&mut nobody);
        if let Poll::Ready(found) = look(&mut nobody) {
            return Poll::Ready(found);
        }
        self.advance(context);
        look(&mut nobody)
    }
}

impl Driver {
    /// Let `connection` run until this is dropped.
    pub(super) fn start(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(connection))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Single").field("sender", &self.sender).finish_non_exhaustive()
    }
}
