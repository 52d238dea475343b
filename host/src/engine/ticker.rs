//! The clock that interrupts guests.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Time between two interruptions of a guest. Long enough to cost nothing, short enough that a deadline is kept to a hundredth of a
/// second.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A thread of its own that advances the engine's epoch while guests run, and sleeps while none does.
///
/// A task of the async runtime would not do: guests that spin keep its threads busy, and it would starve with them.
pub(super) struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    running: Mutex<u64>,
    woken: Condvar,
    closed: AtomicBool,
}

/// Keeps the ticker going.
pub(super) struct Running(Arc<Shared>);

impl Ticker {
    /// Start the thread. Without it there is no deadline for guests, so a failure to start it is the caller's to handle.
    pub(super) fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { running: Mutex::new(0), woken: Condvar::new(), closed: AtomicBool::new(false) });
        let (engine, seen) = (engine.weak(), shared.clone());
        thread::Builder::new().name("worldflux-epoch".into()).spawn(move || {
            while seen.wait_for_work() {
                thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { shared })
    }

    /// Tick until the answer is dropped.
    pub(super) fn run(&self) -> Running {
        *self.shared.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.shared.woken.notify_one();
        Running(self.shared.clone())
    }
}

impl Shared {
    /// Wait until a guest runs; false when the engine is gone.
    fn wait_for_work(&self) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running == 0 && !self.closed.load(Ordering::Acquire) {
            running = self.woken.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        !self.closed.load(Ordering::Acquire)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let _running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.closed.store(true, Ordering::Release);
        self.shared.woken.notify_one();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = running.saturating_sub(1);
    }
}
