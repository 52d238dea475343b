//! The server: reads requests, has each done, sends the answers, and cleans everything up at the end.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{FutureExt as _, join_all};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::{
    error::ServeError,
    limits::{ANSWERS, HEAVY, REQUEST_BYTES, REQUESTS, SESSIONS},
    line::Line,
    message::{Request, write_error, write_result},
    method::{Answered, Entry, Order},
    opened::Opened,
    outbox::Outbox,
};
use crate::{config::Environment, names::RunId, run::Host};

/// How long a client may take to read each of the last things that are said to it when the server is about to end, and how long requests may
/// take to end once every session is closed.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The state of the server.
pub(super) struct Server {
    pub(super) host: Arc<Host>,
    /// The environment of the program.
    pub(super) environment: Environment,
    /// Where paths of the client begin that are not absolute.
    pub(super) folder: PathBuf,
    pub(super) outbox: Outbox,
    sessions: Mutex<BTreeMap<RunId, Arc<Opened>>>,
    stopping: watch::Sender<bool>,
    heavy: Arc<Semaphore>,
    requests: AtomicUsize,
    request_bytes: AtomicU64,
    unfinished: watch::Sender<usize>,
}

/// Something that the server does not end without.
pub(super) struct Unfinished(watch::Sender<usize>);

/// A request at work, for the limits.
struct AtWork {
    server: Arc<Server>,
    bytes: u64,
}

impl Server {
    pub(super) fn new(host: Arc<Host>, environment: Environment, folder: PathBuf, outbox: Outbox) -> Arc<Self> {
        Arc::new(Self {
            host,
            environment,
            folder,
            outbox,
            sessions: Mutex::default(),
            stopping: watch::Sender::new(false),
            heavy: Arc::new(Semaphore::new(HEAVY)),
            requests: AtomicUsize::new(0),
            request_bytes: AtomicU64::new(0),
            unfinished: watch::Sender::new(0),
        })
    }

    /// Answer requests until there are no more, the client is gone, or `stop` says so; then close every session. Answers with what could not
    /// be cleaned up.
    pub(super) async fn lead(self: Arc<Self>, mut lines: mpsc::Receiver<Line>, stop: impl Future<Output = ()>) -> Vec<String> {
        let mut answers = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        let mut gone = std::pin::pin!(self.outbox.gone());
        loop {
            tokio::select! {
                line = lines.recv(), if answers.len() < ANSWERS => match line {
                    Some(line) => self.take(line, &mut answers),
                    None => break,
                },
                Some(_) = answers.join_next() => {}
                () = &mut stop => break,
                () = &mut gone => break,
            }
        }
        self.stopping.send_replace(true);
        let problems = self.close_all().await;
        // A request that waits for a command has its answer now that the command is gone. Where nobody reads it, it is not waited for.
        let last = async { while answers.join_next().await.is_some() {} };
        tokio::select! {
            _ = tokio::time::timeout(LAST_WORDS, last) => {}
            () = self.outbox.gone() => {}
        }
        problems
    }

    /// Close every session, those that are just being opened included.
    async fn close_all(&self) -> Vec<String> {
        let mut problems = Vec::new();
        loop {
            let open: Vec<_> = std::mem::take(&mut *self.sessions()).into_values().collect();
            let closed = join_all(open.iter().map(|session| session.close())).await;
            problems.extend(closed.into_iter().filter_map(Result::err).map(|error| error.to_string()));
            let _ = self.unfinished.subscribe().wait_for(|unfinished| *unfinished == 0).await;
            if self.sessions().is_empty() {
                return problems;
            }
        }
    }

    /// Begin what a line asks for.
    fn take(self: &Arc<Self>, line: Line, answers: &mut JoinSet<()>) {
        let (request, bytes) = match line {
            Line::Whole(line) => match Request::read(&line) {
                None => return,
                Some(Ok(request)) => (request, line.len() as u64),
                Some(Err((id, error))) => return self.refuse(id, error, answers),
            },
            Line::TooLong { bytes } => return self.refuse(Value::Null, ServeError::LineTooLong { bytes }, answers),
        };
        let entry = match Entry::named(&request.method) {
            Ok(entry) => entry,
            Err(error) => return self.refuse_request(request, error, answers),
        };
        let work = match self.at_work(bytes) {
            Err(error) if entry.order != Order::AtOnce => return self.refuse_request(request, error, answers),
            work => work.ok(),
        };
        let doing = AssertUnwindSafe((entry.call)(self.clone(), request.parameters)).catch_unwind();
        let mut doing = doing.map(|done| done.unwrap_or(Err(ServeError::Broken(entry.name)))).boxed();
        let begun = match entry.order {
            Order::Any => None,
            Order::InTurn | Order::AtOnce => (&mut doing).now_or_never(),
        };
        let server = self.clone();
        answers.spawn(async move {
            let answered = match begun {
                Some(answered) => answered,
                None => doing.await,
            };
            drop(work);
            server.answer(request.id, answered).await;
        });
    }

    fn at_work(self: &Arc<Self>, bytes: u64) -> Result<AtWork, ServeError> {
        let work = AtWork { server: self.clone(), bytes };
        let requests = self.requests.fetch_add(1, Ordering::AcqRel);
        let others = self.request_bytes.fetch_add(bytes, Ordering::AcqRel);
        if *self.stopping.borrow() {
            return Err(ServeError::Stopping);
        }
        let is_too_much = requests >= REQUESTS || (others > 0 && others + bytes > REQUEST_BYTES);
        if is_too_much { Err(ServeError::too_many_requests()) } else { Ok(work) }
    }

    fn refuse(self: &Arc<Self>, id: Value, error: ServeError, answers: &mut JoinSet<()>) {
        let server = self.clone();
        answers.spawn(async move { server.answer(Some(id), Err(error)).await });
    }

    /// A notification has no answer, not even where it could not be done.
    fn refuse_request(self: &Arc<Self>, request: Request, error: ServeError, answers: &mut JoinSet<()>) {
        if let Some(id) = request.id {
            self.refuse(id, error, answers);
        }
    }

    async fn answer(self: Arc<Self>, id: Option<Value>, answered: Result<Answered, ServeError>) {
        if let Some(id) = id {
            let mut line = self.outbox.buffer();
            match &answered {
                Ok(answered) => write_result(&mut line, &id, &answered.json),
                Err(error) => write_error(&mut line, &id, error),
            }
            self.say(line).await;
        }
        if let Ok(Answered { then: Some(then), .. }) = answered {
            tokio::spawn(then);
        }
    }

    /// Have a line written. Waits until there is room; `false` where the client is gone, or does not read although the server is about to end.
    pub(super) async fn say(&self, line: Vec<u8>) -> bool {
        let enough = async {
            self.stopped().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            sent = self.outbox.send(line) => sent,
            () = enough => false,
        }
    }

    /// A session that is open.
    pub(super) fn session(&self, id: &RunId) -> Result<Arc<Opened>, ServeError> {
        self.sessions().get(id).cloned().ok_or_else(|| ServeError::NoSession(id.clone()))
    }

    /// The sessions that are open.
    pub(super) fn names(&self) -> Vec<RunId> {
        self.sessions().keys().cloned().collect()
    }

    /// Whether there may be one session more. Asked by what is [`Unfinished`] already, so that none is opened behind the back of the end.
    pub(super) fn may_open(&self) -> Result<(), ServeError> {
        if *self.stopping.borrow() {
            return Err(ServeError::Stopping);
        }
        if self.sessions().len() < SESSIONS { Ok(()) } else { Err(ServeError::too_many_sessions()) }
    }

    /// A session was opened.
    pub(super) fn keep(&self, session: Arc<Opened>) {
        self.sessions().insert(session.id().clone(), session);
    }

    /// A session is about to be closed: nobody finds it any more.
    pub(super) fn forget(&self, id: &RunId) -> Result<Arc<Opened>, ServeError> {
        self.sessions().remove(id).ok_or_else(|| ServeError::NoSession(id.clone()))
    }

    /// Begin something that the server does not end without: a session is opened or closed whole.
    pub(super) fn unfinished(&self) -> Unfinished {
        self.unfinished.send_modify(|unfinished| *unfinished += 1);
        Unfinished(self.unfinished.clone())
    }

    /// Waits until the server is about to end.
    pub(super) async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// A turn to do something that holds much in memory.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.heavy.clone().acquire_owned().await.ok()
    }

    /// A path of the client.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, Arc<Opened>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.send_modify(|unfinished| *unfinished -= 1);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.server.requests.fetch_sub(1, Ordering::AcqRel);
        self.server.request_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
