//! What a run has used up of the host.

use std::{
    future::ready,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::coop::unconstrained,
    time::{sleep, timeout},
};

use crate::{
    names::{Bytes, Cause, Failure},
    policy::{Limits, Rate},
};

/// Processes that a plugin may start for one command that the user asked for: the command itself, and what it takes to look after it.
const STARTS: u64 = 8;

/// Bytes that even an empty file takes of a disk.
const ENTRY: Bytes = Bytes::kibi(4);

/// What one run has used up, in all calls of its plugin together, and the limits of it.
#[derive(Debug)]
pub struct Usage {
    limits: Limits,
    calls: Bucket,
    starts: Bucket,
    lines: Bucket,
    requests: Bucket,
    places: Arc<Semaphore>,
    started: AtomicU64,
    allowed: AtomicU64,
    alive: Arc<AtomicU64>,
    written: AtomicU64,
    made: AtomicU64,
    deepened: AtomicU64,
}

/// Counts as one process until it is dropped.
#[derive(Debug)]
pub(super) struct Alive(Arc<AtomicU64>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When a request may go on, and its place among those that go on at once.
pub(super) struct Turn {
    pause: Duration,
    place: Result<OwnedSemaphorePermit, Queued>,
}

/// A place that is not free yet.
type Queued = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl Turn {
    /// Wait for it; `None` where no place became free for so long.
    pub(super) async fn wait(self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        if !self.pause.is_zero() {
            Box::pin(sleep(self.pause)).await;
        }
        match self.place {
            Ok(place) => Some(place),
            Err(queued) => Box::pin(timeout(patience, queued)).await.ok()?.ok(),
        }
    }
}

/// A limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exceeded {
    /// Bytes that may be written.
    #[error("this run has written the {0} that it may")]
    Written(Bytes),
    /// Files and folders that may be made.
    #[error("this run has made the {0} files and folders that it may")]
    Made(u64),
    /// Folders inside each other.
    #[error("more than {0} folders inside each other")]
    Depth(usize),
    /// The disk is nearly full.
    #[error("the disk has less than {0} left")]
    Disk(Bytes),
}

impl Usage {
    /// Nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let Limits { call_rate, start_rate, line_rate, request_rate, .. } = limits;
        let [calls, starts, lines, requests] = [call_rate, start_rate, line_rate, request_rate].map(Bucket::full);
        let places = Arc::new(Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS)));
        let zero = AtomicU64::default;
        Self {
            limits,
            calls,
            starts,
            lines,
            requests,
            places,
            started: zero(),
            allowed: zero(),
            alive: Arc::default(),
            written: zero(),
            made: zero(),
            deepened: zero(),
        }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How long the next host call has to wait.
    pub(super) fn pause(&self) -> Duration {
        self.calls.borrow()
    }

    /// The turn of the next request over the network. The order is that in which this is called.
    pub(super) fn turn(&self) -> Turn {
        let pause = self.pause().max(self.requests.borrow());
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            // Whoever is polled stands in the queue. A plugin that reads its answers one after the other would wait for ever for one whose
            // place was taken by a later one.
            let mut place: Queued = Box::pin(unconstrained(self.places.clone().acquire_owned()));
            match place.as_mut().now_or_never() {
                Some(place) => Box::pin(ready(place)),
                None => place,
            }
        });
        Turn { pause, place }
    }

    /// Whether one more log line is taken.
    pub(super) fn line(&self) -> bool {
        self.lines.take().is_ok()
    }

    /// The user asked for one more command: what its start takes is not the plugin's doing.
    pub fn allow_command(&self) {
        self.allowed.fetch_add(STARTS, Ordering::Relaxed);
        self.starts.give_back(STARTS);
    }

    /// The right to start one more process.
    pub(super) fn start(&self) -> Result<Alive, Failure> {
        let quota = |message| Err(Failure::new(Cause::Quota, message));
        let Limits { alive, starts, start_rate, .. } = self.limits;
        let one = Alive(self.alive.clone());
        if self.alive.fetch_add(1, Ordering::Relaxed) >= alive {
            return quota(format!("{alive} processes of this run live already, which is the most at once"));
        }
        let starts = starts.saturating_add(self.allowed.load(Ordering::Relaxed));
        if self.started.load(Ordering::Relaxed) >= starts {
            return quota(format!("this run started {starts} processes already"));
        }
        if let Err(wait) = self.starts.take() {
            let message = format!("this run starts processes too fast: {} a second in the long run", start_rate.per_second);
            let failure = Failure::new(Cause::Unavailable { retry_after: Some(wait) }, message);
            return Err(Failure { repeatable: true, ..failure });
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        Ok(one)
    }

    /// The right to make files longer by so many bytes.
    pub(super) fn write(&self, bytes: u64) -> Result<(), Exceeded> {
        spend(&self.written, bytes, self.limits.written.0).ok_or(Exceeded::Written(self.limits.written))
    }

    /// The right to make one more file or folder, so deep below a folder of the run.
    pub(super) fn make(&self, depth: usize) -> Result<(), Exceeded> {
        if depth > self.limits.depth {
            return Err(Exceeded::Depth(self.limits.depth));
        }
        spend(&self.made, 1, self.limits.made).ok_or(Exceeded::Made(self.limits.made))?;
        self.write(ENTRY.0)
    }

    /// The right to move a folder so many levels down. What is in it goes down with it, so all such moves of a run count together.
    pub(super) fn deepen(&self, levels: usize) -> Result<(), Exceeded> {
        let depth = self.limits.depth;
        spend(&self.deepened, levels as u64, depth as u64).ok_or(Exceeded::Depth(depth))
    }
}

/// Add `amount` to `sum`, unless that would be more than `most`.
fn spend(sum: &AtomicU64, amount: u64, most: u64) -> Option<()> {
    let more = |sum: u64| sum.checked_add(amount).filter(|sum| *sum <= most);
    sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(drop)
}

/// Something that may happen at a rate: tokens that come back with time.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    /// Tokens that are there, less than none where some were borrowed, and when that was so.
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    fn full(rate: Rate) -> Self {
        Self { rate, level: Mutex::new((f64::from(rate.burst), Instant::now())) }
    }

    /// Take a token, or tell how long it takes until there is one.
    fn take(&self) -> Result<(), Duration> {
        self.with_level(|level, per_second| {
            if *level >= 1.0 {
                *level -= 1.0;
                return Ok(());
            }
            Err(Duration::from_secs_f64((1.0 - *level) / per_second))
        })
    }

    /// Put tokens back, up to the burst.
    fn give_back(&self, tokens: u64) {
        let burst = f64::from(self.rate.burst);
        self.with_level(|level, _| *level = (*level + f64::from(u32::try_from(tokens).unwrap_or(u32::MAX))).min(burst));
    }

    /// Take a token now, and tell how long to wait for its sake.
    fn borrow(&self) -> Duration {
        self.with_level(|level, per_second| {
            *level -= 1.0;
            Duration::from_secs_f64((-*level).max(0.0) / per_second)
        })
    }

    fn with_level<T>(&self, act: impl FnOnce(&mut f64, f64) -> T) -> T {
        let mut state = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, then) = &mut *state;
        let now = Instant::now();
        let per_second = f64::from(self.rate.per_second.max(1));
        *level = (*level + now.duration_since(*then).as_secs_f64() * per_second).min(f64::from(self.rate.burst));
        *then = now;
        act(level, per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(limits: Limits) -> Usage {
        Usage::new(limits)
    }

    #[test]
    fn processes_are_counted_while_they_live_and_in_all() {
        let usage = usage(Limits { alive: 2, starts: 4, ..Limits::default() });
        let (one, _two) = (usage.start().unwrap(), usage.start().unwrap());
        assert!(matches!(usage.start().unwrap_err().cause, Cause::Quota));
        drop(one);
        let three = usage.start().unwrap();
        assert!(usage.start().is_err());
        drop(three);
        drop(usage.start().unwrap());
        assert!(usage.start().unwrap_err().message.contains("started 4 processes already"));
        assert_eq!(usage.alive.load(Ordering::Relaxed), 1, "a refusal leaves nothing behind");
    }

    #[test]
    fn a_command_that_the_user_asks_for_takes_nothing_from_the_plugin() {
        let usage = usage(Limits { starts: 1, start_rate: Rate { burst: 9, per_second: 1 }, ..Limits::default() });
        for _ in 0..2_000 {
            usage.allow_command();
            drop(usage.start().unwrap());
        }
        // What was allowed and not used is little beside what a plugin could do in any case.
        assert!(usage.allowed.load(Ordering::Relaxed) <= 2_000 * STARTS);
        drop(usage.start().unwrap());
    }

    #[test]
    fn starts_that_come_too_fast_are_told_when_to_come_again() {
        let usage = usage(Limits { start_rate: Rate { burst: 3, per_second: 1 }, ..Limits::default() });
        for _ in 0..3 {
            drop(usage.start().unwrap());
        }
        let Cause::Unavailable { retry_after: Some(wait) } = usage.start().unwrap_err().cause else { panic!("it is a rate") };
        assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(500), "{wait:?}");
    }

    #[test]
    fn calls_wait_once_their_burst_is_used_up_and_longer_the_more_there_are() {
        let usage = usage(Limits { call_rate: Rate { burst: 10, per_second: 10 }, ..Limits::default() });
        assert!((0..10).all(|_| usage.pause().is_zero()));
        let waits: Vec<_> = (0..10).map(|_| usage.pause()).collect();
        assert!(waits.is_sorted() && waits[9] > Duration::from_millis(900) && waits[9] <= Duration::from_secs(1), "{waits:?}");
    }

    #[test]
    fn bytes_files_and_depth_end_at_their_limits_and_a_refusal_costs_nothing() {
        let usage = usage(Limits { written: Bytes::kibi(64), made: 3, depth: 4, ..Limits::default() });
        assert_eq!(usage.write(1 << 40), Err(Exceeded::Written(Bytes::kibi(64))));
        assert_eq!(usage.write(u64::MAX), Err(Exceeded::Written(Bytes::kibi(64))));
        assert_eq!(usage.write(32 << 10), Ok(()));
        assert_eq!(usage.make(5), Err(Exceeded::Depth(4)));
        assert!((0..3).all(|_| usage.make(4).is_ok()));
        assert_eq!(usage.make(1), Err(Exceeded::Made(3)));
        assert_eq!(usage.write(20 << 10), Ok(()));
        assert_eq!(usage.write(1), Err(Exceeded::Written(Bytes::kibi(64))), "an empty file costs 4 KiB");
        assert_eq!((usage.deepen(4), usage.deepen(1)), (Ok(()), Err(Exceeded::Depth(4))));
    }
}
