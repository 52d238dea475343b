//! The engine: one configuration of wasmtime for every plugin.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

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
    /// Held while a component is made ready, one lock for each: who comes second finds what the first one kept.
    loading: Mutex<BTreeMap<Digest, Arc<Mutex<()>>>>,
}

impl Engine {
    /// An engine that keeps compiled components in `cache`, and has those of strangers compiled by `compiler`.
    pub fn new(cache: CompiledCache, compiler: Compiler) -> Result<Self, LoadError> {
        let engine = wasmtime::Engine::new(&config()).map_err(|error| LoadError::engine(&error))?;
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker).map_err(|error| LoadError::engine(&error))?;
        let ticker = Ticker::start(&engine).map_err(|error| LoadError::engine(&error.into()))?;
        Ok(Self { wasmtime: engine, linker, cache, ticker, turns: Turns::default(), compiler, loading: Mutex::default() })
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
        let own = self.loading.lock().unwrap_or_else(PoisonError::into_inner).entry(digest).or_default().clone();
        let _alone = own.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn what_many_need_at_once_is_compiled_once() {
        let place = tempfile::tempdir().unwrap();
        let engine = Engine::new(CompiledCache::new(place.path().to_owned(), [7; 32]), Compiler::Here).unwrap();
        // A component with nothing in it.
        let component = b"\0asm\x0d\0\x01\0";
        let compiled = AtomicUsize::new(0);
        let compile = |bytes: &[u8]| {
            compiled.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(50));
            engine.wasmtime.precompile_component(bytes).map_err(|error| LoadError::invalid(&error))
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = engine.link(component, Digest::of(component), compile);
                    assert!(matches!(answer, Err(LoadError::Protocol(_))));
                });
            }
        });
        assert_eq!(compiled.into_inner(), 1);
    }
}
