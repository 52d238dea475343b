//! Breaks the rules of the component model itself, as a compiler never would.

use crate::wit::{
    wasi::{clocks::monotonic_clock, filesystem::types::Descriptor, io::poll::Pollable},
    worldflux::runtime::log::{self, Level},
};

/// Hands the host a text that is none.
pub fn bad_text(kind: &str) -> String {
    let bytes = match kind {
        "surrogate" => vec![b'a', 0xed, 0xa0, 0x80],
        "overlong" => vec![0xc0, 0x80],
        "cut" => vec![b'a', 0xe2, 0x82],
        _ => vec![0xff, 0xfe],
    };
    // SAFETY: none. This is what a compiler never does, and what the host has to refuse.
    let text = unsafe { String::from_utf8_unchecked(bytes) };
    log::write(Level::Info, &text, &[]);
    format!("ok: {kind} was taken")
}

/// Uses a handle that it was never given.
pub fn forged_handle(kind: &str) -> String {
    // SAFETY: none, as above.
    unsafe {
        match kind {
            "descriptor" => format!("ok: {:?}", Descriptor::from_handle(7).get_type()),
            _ => {
                Pollable::from_handle(4_242).block();
                "ok: a made-up handle was waited for".into()
            }
        }
    }
}

/// Uses a handle after it gave it back.
pub fn dropped_handle() -> String {
    let pollable = monotonic_clock::subscribe_duration(0);
    let handle = pollable.handle();
    drop(pollable);
    // SAFETY: none, as above.
    unsafe { Pollable::from_handle(handle) }.block();
    "ok: a handle that was given back was waited for".into()
}

/// Gives a handle back twice.
pub fn dropped_twice() -> String {
    let pollable = monotonic_clock::subscribe_duration(0);
    let handle = pollable.handle();
    drop(pollable);
    // SAFETY: none, as above.
    drop(unsafe { Pollable::from_handle(handle) });
    "ok: a handle was given back twice".into()
}
