//! How much of the host one call of a plugin may use.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use wasmtime::ResourceLimiter;

use crate::names::Bytes;

/// The limits of one call. Each is generous for a plugin that translates between a backend and the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// All linear memories of the instance together. Stops `memory.grow` to 4 GiB; a Python plugin needs 60 MiB.
    pub memory: Bytes,
    /// Elements of one table. Stops `table.grow`, which is host memory outside of any linear memory.
    pub table_elements: usize,
    /// Core instances in the component; a Python component has about ten.
    pub instances: usize,
    /// Bytes that one host call may copy from the guest. Stops a 100 MB string to `log`.
    pub host_call_fuel: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: Bytes::mebi(256), table_elements: 100_000, instances: 64, host_call_fuel: Bytes::mebi(16) }
    }
}

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
