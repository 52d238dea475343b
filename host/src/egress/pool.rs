//! Connections that wait for the next request.
//!
//! One is used again only for the plugin that it was made for, with the same secrets, to the same host: a server that takes a connection for
//! a person must not take one plugin for another.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::client::conn::{http1, http2};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    limits::{IDLE, IDLE_AT_ONCE},
    outgoing::Outgoing,
};
use crate::{
    names::Digest,
    policy::{Credential, EndpointName, Scheme, SendRequest},
};

/// For whom and where to a connection is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) plugin: Digest,
    pub(super) scheme: Scheme,
    pub(super) name: EndpointName,
    pub(super) credentials: Vec<Credential>,
}

/// A connection that speaks HTTP.
#[derive(Debug)]
pub(super) enum Link {
    /// For one request at a time.
    Http1(http1::SendRequest<Outgoing>, Driver),
    /// For many at once.
    Http2(http2::SendRequest<Outgoing>, Arc<Driver>),
}

/// Moves the bytes of a connection, until nobody has it any more.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

/// The connections that wait.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    idle: BTreeMap<Key, Vec<Idle>>,
    shared: BTreeMap<Key, Shared>,
    is_swept: bool,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<Outgoing>,
    driver: Driver,
    since: Instant,
}

#[derive(Debug)]
struct Shared {
    sender: http2::SendRequest<Outgoing>,
    driver: Arc<Driver>,
    since: Instant,
}

impl Key {
    pub(super) fn new(plugin: Digest, action: &SendRequest) -> Self {
        let SendRequest { scheme, host, port, credentials, .. } = action;
        let name = EndpointName { host: host.clone(), port: *port };
        Self { plugin, scheme: *scheme, name, credentials: credentials.clone() }
    }
}

impl Link {
    /// The same connection for others, where it is for many at once.
    pub(super) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(..) => None,
            Self::Http2(sender, driver) => Some(Self::Http2(sender.clone(), driver.clone())),
        }
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

/// How long a connection that has just been used may take until it can be used again.
const SETTLING: Duration = Duration::from_millis(50);

impl Pool {
    /// A connection that can be used now, the one that waited least.
    pub(super) async fn take(&self, key: &Key, only_http2: bool) -> Option<Link> {
        if let Some(link) = self.shared(key) {
            return Some(link);
        }
        if only_http2 {
            return None;
        }
        loop {
            let Idle { mut sender, driver, .. } = self.newest(key)?;
            // Its last answer was read to the end; the connection itself may not have noticed yet.
            if sender.is_ready() || matches!(timeout(SETTLING, sender.ready()).await, Ok(Ok(()))) {
                return Some(Link::Http1(sender, driver));
            }
        }
    }

    /// Keep a connection for later, or for others at once.
    pub(super) fn put(self: &Arc<Self>, key: Key, link: Link) {
        let mut shelves = self.shelves();
        let since = Instant::now();
        match link {
            Link::Http1(sender, _) if sender.is_closed() => return,
            Link::Http2(sender, _) if sender.is_closed() => return,
            Link::Http1(sender, driver) => shelves.idle.entry(key).or_default().push(Idle { sender, driver, since }),
            Link::Http2(sender, driver) => drop(shelves.shared.insert(key, Shared { sender, driver, since })),
        }
        shelves.shrink();
        if !std::mem::replace(&mut shelves.is_swept, true) {
            let pool = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(IDLE / 2).await;
                    let Some(pool) = pool.upgrade() else { return };
                    if pool.shelves().sweep() {
                        return;
                    }
                }
            });
        }
    }

    /// How many wait that the server has not closed.
    pub(super) fn waiting(&self) -> usize {
        let shelves = self.shelves();
        let idle = shelves.idle.values().flatten().filter(|idle| !idle.sender.is_closed()).count();
        idle + shelves.shared.values().filter(|shared| !shared.sender.is_closed()).count()
    }

    fn shared(&self, key: &Key) -> Option<Link> {
        let mut shelves = self.shelves();
        let shared = shelves.shared.get_mut(key)?;
        if shared.sender.is_closed() {
            shelves.shared.remove(key);
            return None;
        }
        shared.since = Instant::now();
        Some(Link::Http2(shared.sender.clone(), shared.driver.clone()))
    }

    fn newest(&self, key: &Key) -> Option<Idle> {
        let mut shelves = self.shelves();
        let waiting = shelves.idle.get_mut(key)?;
        waiting.retain(|idle| idle.since.elapsed() < IDLE && !idle.sender.is_closed());
        waiting.pop()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Close what waited too long. Whether nothing is left; whoever sweeps can go then.
    fn sweep(&mut self) -> bool {
        self.idle.retain(|_, waiting| {
            waiting.retain(|idle| idle.since.elapsed() < IDLE && !idle.sender.is_closed());
            !waiting.is_empty()
        });
        // One that is in use is held by its requests as well.
        self.shared.retain(|_, shared| {
            let in_use = Arc::strong_count(&shared.driver) > 1;
            !shared.sender.is_closed() && (in_use || shared.since.elapsed() < IDLE)
        });
        let is_empty = self.idle.is_empty() && self.shared.is_empty();
        self.is_swept = !is_empty;
        is_empty
    }

    /// Close the oldest where too many wait.
    fn shrink(&mut self) {
        while self.idle.values().map(Vec::len).sum::<usize>() > IDLE_AT_ONCE {
            let oldest = self.idle.values_mut().min_by_key(|waiting| waiting.first().map(|idle| idle.since));
            let Some(waiting) = oldest else { return };
            if !waiting.is_empty() {
                waiting.remove(0);
            }
            self.idle.retain(|_, waiting| !waiting.is_empty());
        }
        while self.shared.len() > IDLE_AT_ONCE {
            let oldest = self.shared.iter().min_by_key(|(_, shared)| shared.since).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.shared.remove(&oldest);
        }
    }
}
