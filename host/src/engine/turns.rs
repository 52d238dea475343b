//! Guests that compute for long, and how they leave room for those that do not.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::ticker::TICK;

/// Ticks after which a guest counts as one that computes for long. A doctor, a plan or a start computes for less than one.
const LONG: u32 = 2;

/// The longest wait for a turn. A guest whose neighbours have ended goes on after it.
const LONGEST: Duration = Duration::from_secs(2);

/// The longest turn that counts. What goes beyond it was time in the host, waiting for a program.
const TURN: Duration = TICK.saturating_mul(5);

/// How many guests compute for long at this moment.
///
/// Without this, 64 guests that spin would take turns with a healthy one, which would wait for all of them each time. With it they
/// together take all processors but one.
#[derive(Default)]
pub(super) struct Turns(Arc<AtomicUsize>);

/// The turns of one guest.
pub(super) struct Turn {
    computing: Arc<AtomicUsize>,
    ticks: u32,
    /// When it began, by the clock on the wall: on a busy machine a turn takes longer than its tick.
    began: Arc<Mutex<Instant>>,
}

impl Turns {
    pub(super) fn guest(&self) -> Turn {
        Turn { computing: self.0.clone(), ticks: 0, began: Arc::new(Mutex::new(Instant::now())) }
    }
}

impl Turn {
    /// What the guest waits for at the end of a tick.
    pub(super) fn end(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks == LONG {
            self.computing.fetch_add(1, Ordering::Relaxed);
        }
        let took = self.began.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        let wait = if self.ticks < LONG { Duration::ZERO } else { pause(took, self.computing.load(Ordering::Relaxed), processors()) };
        let began = self.began.clone();
        Box::pin(async move {
            if wait.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(wait).await;
            }
            *began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.ticks >= LONG {
            self.computing.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The pause after a turn of this length with which `computing` guests together take one processor less than there are.
fn pause(turn: Duration, computing: usize, processors: usize) -> Duration {
    let at_once = processors.saturating_sub(1).max(1);
    let waiting = u32::try_from(computing.saturating_sub(at_once)).unwrap_or(u32::MAX);
    let pause = turn.min(TURN).saturating_mul(waiting) / u32::try_from(at_once).unwrap_or(u32::MAX);
    pause.min(LONGEST)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_compute_for_long_share_all_processors_but_one() {
        assert_eq!(pause(TICK, 1, 1), Duration::ZERO);
        assert_eq!(pause(TICK, 1, 2), Duration::ZERO);
        assert_eq!(pause(TICK, 2, 2), TICK);
        assert_eq!(pause(TICK, 64, 2), TICK * 63);
        assert_eq!(pause(TICK * 2, 64, 2), TICK * 126);
        assert_eq!(pause(TICK, 65, 5), TICK * 61 / 4);
        assert_eq!(pause(TICK, 1_000_000, 2), LONGEST);
        assert_eq!(pause(Duration::from_hours(1), 2, 2), TURN);
    }

    #[test]
    fn a_guest_counts_from_its_second_tick_until_it_ends() {
        let turns = Turns::default();
        let mut turn = turns.guest();
        for tick in 1..20 {
            drop(turn.end());
            assert_eq!(turns.0.load(Ordering::Relaxed), usize::from(tick >= LONG), "{tick}");
        }
        drop(turn);
        drop(turns.guest());
        assert_eq!(turns.0.load(Ordering::Relaxed), 0);
    }
}
