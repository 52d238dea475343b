//! `wasi:io/poll`: waiting, counted.

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::{
    DynPollable,
    bindings::io::poll::{Host, HostPollable},
};

/// What an import function of this interface sees.
pub(super) struct Waits<'a> {
    pub(super) table: &'a mut ResourceTable,
    /// How many more times the guest may wait.
    pub(super) left: &'a mut u64,
}

/// The interface, for the linker.
pub(super) struct CountedWaits;

impl HasData for CountedWaits {
    type Data<'a> = Waits<'a>;
}

impl Waits<'_> {
    /// A wait that is over at once still costs the host more than the guest.
    fn count(&mut self) -> wasmtime::Result<()> {
        let left = self.left.checked_sub(1).ok_or_else(|| wasmtime::format_err!("it waited more often than one call may"))?;
        *self.left = left;
        Ok(())
    }
}

impl Host for Waits<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.count()?;
        Host::poll(self.table, pollables).await
    }
}

impl HostPollable for Waits<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.count()?;
        HostPollable::block(self.table, pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.count()?;
        HostPollable::ready(self.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(self.table, pollable)
    }
}
