//! The limits of memory, as wasmtime asks for them.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use wasmtime::ResourceLimiter;

use crate::policy::Limits;

/// Which limit a guest ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exceeded {
    Nothing,
    Memory,
    Table,
}

/// Tells afterwards which limit was met.
#[derive(Debug, Clone)]
pub(super) struct Meter(Arc<AtomicU8>);

impl Meter {
    pub(super) fn exceeded(&self) -> Exceeded {
        match self.0.load(Ordering::Relaxed) {
            1 => Exceeded::Memory,
            2 => Exceeded::Table,
            _ => Exceeded::Nothing,
        }
    }
}

/// Answers wasmtime's questions about growth. A growth that is refused is -1 for the guest, as the specification says; what a guest
/// cannot work with it turns into a trap of its own.
pub(super) struct Limiter {
    limits: Limits,
    memory: usize,
    meter: Meter,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> (Self, Meter) {
        let meter = Meter(Arc::new(AtomicU8::new(Exceeded::Nothing as u8)));
        (Self { limits, memory: 0, meter: meter.clone() }, meter)
    }

    fn refuse(&self, what: Exceeded) -> bool {
        self.meter.0.store(what as u8, Ordering::Relaxed);
        false
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let all = self.memory.saturating_add(desired.saturating_sub(current));
        if all > self.limits.memory.as_len() {
            return Ok(self.refuse(Exceeded::Memory));
        }
        self.memory = all;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.limits.table_elements || self.refuse(Exceeded::Table))
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}
