//! Compiles components of strangers, in a short-lived child of the host with limits of its own.
//!
//! Compiling is work whose cost the component decides: a megabyte can cost seconds and hundreds of mebibytes, and a mistake in the compiler
//! can be met by whoever writes the bytes. So the bytes that were hashed go to a child, and machine code comes back, which the host
//! authenticates and keeps.
//!
//! What the child buys is that no component takes the memory, the time or the stack of the host, and that code which takes over the
//! compiler finds itself without files, network and processes, where the machine can confine it. What it does not buy is trust in the
//! answer: the host maps and runs the machine code that comes back, so a component that takes over the compiler can still take over the host.
//!
//! Never: keeps anything (the cache does), compiles a bundled plugin (that one was chosen with the program, and starts faster without).
//! Callers: the cache of this room; main, for `dispatch`.
//! Read in order: job, answer, worker, survey.

mod answer;
mod job;
mod survey;
mod worker;

pub use job::{CompileLimits, Compiler};
pub use worker::dispatch;
