//! The engine: one configuration of wasmtime for every plugin.

use wasmtime::{Config, component::Linker};

use super::{
    cache::CompiledCache,
    compiler::Compiler,
    load::{LoadError, Plugin},
    ticker::{Running, Ticker},
    turns::{Turn, Turns},
};
use crate::{
    imports::{self, Guest},
    names::Digest,
};

/// Stack of a guest. Stops recursion without end long before the thread's stack.
const GUEST_STACK: usize = 512 << 10;

/// Stack of the fiber that a guest and the host functions it calls run on.
const FIBER_STACK: usize = 2 << 20;

/// Compiles components and makes instances of them.
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Linker<Guest>,
    cache: CompiledCache,
    ticker: Ticker,
    turns: Turns,
    compiler: Compiler,
}

impl Engine {
    /// An engine that keeps compiled components in `cache`, and has those of strangers compiled by `compiler`.
    pub fn new(cache: CompiledCache, compiler: Compiler) -> Result<Self, LoadError> {
        let engine = wasmtime::Engine::new(&config()).map_err(|error| LoadError::engine(&error))?;
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker).map_err(|error| LoadError::engine(&error))?;
        let ticker = Ticker::start(&engine).map_err(|error| LoadError::engine(&error.into()))?;
        Ok(Self { wasmtime: engine, linker, cache, ticker, turns: Turns::default(), compiler })
    }

    /// Make a stranger's `component` ready to be called. Blocks for a moment where it has to be compiled, see [`Compiler`].
    ///
    /// `component` are the bytes that `digest` was computed of.
    pub fn load(&self, component: &[u8], digest: Digest) -> Result<Plugin, LoadError> {
        self.link(component, digest, |bytes| self.compiler.compile(&self.wasmtime, bytes))
    }

    /// Make a component ready that came with this program. It is compiled in this process, which takes less time.
    pub fn load_bundled(&self, component: &[u8], digest: Digest) -> Result<Plugin, LoadError> {
        self.link(component, digest, |bytes| self.wasmtime.precompile_component(bytes).map_err(|error| LoadError::invalid(&error)))
    }

    fn link(
        &self,
        component: &[u8],
        digest: Digest,
        compile: impl FnOnce(&[u8]) -> Result<Vec<u8>, LoadError>,
    ) -> Result<Plugin, LoadError> {
        let compiled = self.cache.get_or_compile(&self.wasmtime, component, digest, compile)?;
        Plugin::link(&self.linker, &compiled, digest)
    }

    pub(super) const fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    pub(super) fn tick(&self) -> Running {
        self.ticker.run()
    }

    pub(super) fn turn(&self) -> Turn {
        self.turns.guest()
    }
}

/// Only what is finished and needed is switched on; each switch that is off is code that no stranger can reach.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    config
}
