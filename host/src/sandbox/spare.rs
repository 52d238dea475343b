//! Supervisors that were started before there was anything to start.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::helper::{Helper, Kind};

/// Supervisors that wait for a launch, for each kind of command. Where the host is gone, their sockets are at their end and so are they.
#[derive(Debug, Default)]
pub(super) struct Spares {
    any: Shelf,
    inside: Shelf,
}

/// The spares of one kind.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stock: Mutex<Stock>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stock {
    /// The oldest first: it is most likely to be ready.
    ready: VecDeque<Helper>,
    coming: usize,
}

impl Spares {
    /// Those for one kind of command.
    pub(super) const fn of(&self, kind: Kind) -> &Shelf {
        match kind {
            Kind::Any => &self.any,
            Kind::Inside => &self.inside,
        }
    }
}

impl Shelf {
    /// There will be so many more, by [`Shelf::fill`].
    pub(super) fn expect(&self, count: usize) {
        self.stock().coming += count;
    }

    /// Start all that are expected: one, and of that one, where it has not made anything ready that is for one alone, copies.
    pub(super) fn fill(&self, program: &Path, kind: Kind) {
        loop {
            let coming = self.stock().coming;
            if coming == 0 {
                return;
            }
            // Whoever needs one starts it then, and tells the error.
            let Ok(first) = Helper::start(program, kind) else { return self.give_up() };
            let copies = if kind == Kind::Any { coming - 1 } else { 0 };
            for copy in (0..copies).map_while(|_| first.double().ok()) {
                self.put(copy);
            }
            self.put(first);
        }
    }

    fn put(&self, helper: Helper) {
        let mut stock = self.stock();
        stock.coming = stock.coming.saturating_sub(1);
        stock.ready.push_back(helper);
        self.changed.notify_all();
    }

    /// Nothing more is expected.
    pub(super) fn give_up(&self) {
        self.stock().coming = 0;
        self.changed.notify_all();
    }

    /// The next; `None` where there is none, and none is coming. One that is coming is there sooner than one that is started now. One that
    /// died here, of the signal of a terminal to all that belongs to it, is passed over.
    pub(super) fn take(&self) -> Option<Helper> {
        loop {
            let mut next = self.wait()?;
            if next.is_waiting() {
                return Some(next);
            }
            next.kill();
            next.reap();
        }
    }

    fn wait(&self) -> Option<Helper> {
        let is_coming = |stock: &mut Stock| stock.ready.is_empty() && stock.coming > 0;
        let waited = self.changed.wait_while(self.stock(), is_coming);
        waited.unwrap_or_else(PoisonError::into_inner).ready.pop_front()
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        for mut helper in self.stock().ready.drain(..) {
            helper.kill();
            helper.reap();
        }
    }
}
