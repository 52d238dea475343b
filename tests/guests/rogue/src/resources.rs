//! Uses up time, stack, memory, handles and patience.

use std::{
    fmt::Write as _,
    hint::black_box,
    io::{Read as _, Write as _},
    time::Duration,
};

use crate::wit::{
    wasi::clocks::monotonic_clock,
    worldflux::runtime::{
        log::{self, Level, Progress},
        process::{self, ProcessState},
    },
};

/// 100 MB, in pieces of 1 MiB.
const FLOOD: usize = 100;
const PIECE: usize = 1 << 20;

pub fn hang() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Uses up the stack that lies in the memory of the component.
#[allow(unconditional_recursion, reason = "this is what it is for")]
pub fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(black_box(depth + 1)).wrapping_add(frame[(depth % 32) as usize])
}

/// Uses up the stack of calls, which is the host's.
#[allow(unconditional_recursion, reason = "this is what it is for")]
pub fn recurse_calls(depth: u64) -> u64 {
    recurse_calls(black_box(depth + 1)).wrapping_mul(black_box(3))
}

/// Grows the memory page by page until it is refused.
pub fn grow() -> String {
    #[cfg(target_arch = "wasm32")]
    {
        let step = 16 << 20 >> 16;
        let mut last = core::arch::wasm32::memory_size::<0>();
        while core::arch::wasm32::memory_grow::<0>(step) != usize::MAX {
            last = core::arch::wasm32::memory_size::<0>();
            // Touched, so that it is real.
            let address = (last << 16) - 8;
            // SAFETY: the address lies in the memory that was just added.
            unsafe { std::ptr::with_exposed_provenance_mut::<u64>(address).write_volatile(1) };
        }
        return format!("denied: memory ends at {} MiB", last >> 4);
    }
    #[cfg(not(target_arch = "wasm32"))]
    String::new()
}

/// Allocates until the allocator gives up, which ends in a trap.
pub fn allocate() -> String {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 16 << 20]));
    }
}

/// Makes handles of the host, and drops none.
pub fn handles() -> String {
    let mut all = Vec::new();
    for _ in 0..10_000_000 {
        all.push(monotonic_clock::subscribe_duration(u64::MAX));
    }
    format!("ok: {} handles", all.len())
}

/// Sleeps for so many seconds, an hour unless it is said.
pub fn sleep(seconds: &str) -> String {
    std::thread::sleep(Duration::from_secs(seconds.parse().unwrap_or(3600)));
    "ok: slept".into()
}

/// Waits until a process has ended, and a while longer.
pub fn until_ended(process: &str) {
    while matches!(process::observe(process), Ok(ProcessState::Running)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
}

/// Waits for what is there already, ten million times.
pub fn storm_of_sleeps() -> String {
    for _ in 0..10_000_000 {
        monotonic_clock::subscribe_duration(0).block();
    }
    "ok: 10000000 sleeps".into()
}

/// Waits for what never comes.
pub fn endless_wait() -> String {
    monotonic_clock::subscribe_duration(u64::MAX).block();
    "ok: five hundred years have passed".into()
}

/// A million writes of one byte.
pub fn many_writes() -> String {
    let mut output = std::io::stdout();
    for _ in 0..1_000_000 {
        if output.write_all(b"x").and_then(|()| output.flush()).is_err() {
            return "denied: standard output is closed".into();
        }
    }
    "ok: 1000000 writes".into()
}

/// So many random bytes in one call.
pub fn random(bytes: &str) -> String {
    let bytes = crate::wit::wasi::random::random::get_random_bytes(bytes.parse().unwrap_or(1 << 30));
    format!("ok: {} random bytes", bytes.len())
}

/// 100 MB as one line of the log.
pub fn huge_line() -> String {
    log::write(Level::Info, &"x".repeat(FLOOD * PIECE), &[]);
    "ok: 100 MB in one line".into()
}

pub fn flood_stdout() -> String {
    let piece = vec![b'x'; PIECE];
    for _ in 0..FLOOD {
        if let Err(error) = std::io::stdout().write_all(&piece) {
            return format!("failed: {error}");
        }
    }
    "ok: 100 MB on standard output".into()
}

pub fn flood_stderr() -> String {
    let piece = vec![b'x'; PIECE];
    for _ in 0..FLOOD {
        if let Err(error) = std::io::stderr().write_all(&piece) {
            return format!("failed: {error}");
        }
    }
    "ok: 100 MB on standard error".into()
}

pub fn flood_log() -> String {
    let piece = "x".repeat(PIECE);
    (0..FLOOD).for_each(|_| log::write(Level::Info, &piece, &[]));
    "ok: 100 MB in the log".into()
}

pub fn flood_lines() -> String {
    (0..1_000_000).for_each(|_| log::write(Level::Error, "x", &[]));
    "ok: 1000000 lines in the log".into()
}

pub fn flood_progress() -> String {
    for done in 0..1_000_000 {
        log::report(&Progress { label: format!("bar {done}"), done: u64::MAX, total: Some(0), unit: "x".repeat(1000) });
    }
    "ok: 1000000 bars".into()
}

/// Writes what a terminal would obey.
pub fn log_control() -> String {
    log::write(Level::Info, "\u{1b}[2J\u{1b}]0;title\u{7}\r\nerror: forged\u{202e}\0", &[]);
    "ok: control characters in the log".into()
}

pub fn environment() -> String {
    let mut all = String::new();
    for (name, value) in std::env::vars() {
        let _ = write!(all, " {name}={value}");
    }
    for argument in std::env::args() {
        let _ = write!(all, " [{argument}]");
    }
    if all.is_empty() { "denied: no variables and no arguments".into() } else { format!("ok:{all}") }
}

pub fn stdin() -> String {
    let mut bytes = Vec::new();
    match std::io::stdin().read_to_end(&mut bytes) {
        Ok(0) => "denied: standard input is at its end".into(),
        Ok(count) => format!("ok: {count} bytes"),
        Err(error) => format!("failed: {error}"),
    }
}
