//! Connections that wait for the next request.
//!
//! One is used again only for the plugin that it was made for, with the same secrets, to the same host: a server that takes a connection for
//! a person must not take one plugin for another.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use hyper::client::conn::http2;

use super::{
    limits::{IDLE, IDLE_AT_ONCE},
    link::{Driver, Link, Single},
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
    single: Single,
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
            let mut single = self.newest(key)?;
            if single.is_usable().await {
                return Some(Link::Http1(single));
            }
        }
    }

    /// Keep a connection for later, or for others at once.
    pub(super) fn put(self: &Arc<Self>, key: &Key, link: Link) {
        let since = Instant::now();
        let mut shelves = self.shelves();
        match link {
            Link::Http1(single) if single.is_over() => return,
            Link::Http2(sender, _) if sender.is_closed() => return,
            Link::Http1(single) => match shelves.idle.get_mut(key) {
                Some(waiting) => waiting.push(Idle { single, since }),
                None => drop(shelves.idle.insert(key.clone(), vec![Idle { single, since }])),
            },
            Link::Http2(sender, driver) => drop(shelves.shared.insert(key.clone(), Shared { sender, driver, since })),
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
        let mut shelves = self.shelves();
        let idle: usize = shelves.idle.values_mut().flatten().map(|idle| usize::from(idle.single.is_alive())).sum();
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

    fn newest(&self, key: &Key) -> Option<Single> {
        let mut shelves = self.shelves();
        let waiting = shelves.idle.get_mut(key)?;
        while let Some(Idle { mut single, since }) = waiting.pop() {
            if since.elapsed() < IDLE && single.is_alive() {
                return Some(single);
            }
        }
        None
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Close what waited too long. Whether nothing is left; whoever sweeps can go then.
    fn sweep(&mut self) -> bool {
        self.idle.retain(|_, waiting| {
            waiting.retain_mut(|idle| idle.since.elapsed() < IDLE && idle.single.is_alive());
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
