//! How much of the host one plugin may use.

use serde::{Deserialize, Serialize};

use crate::names::Bytes;

/// What one plugin may use up. Each number is generous for a plugin that translates between a backend and the protocol.
///
/// The first part holds for one call of an export, the second for all calls of a run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// All linear memories of an instance together. Stops `memory.grow` to 4 GiB; a Python plugin needs 60 MiB. At the limit the growth is
    /// refused, which the guest sees as -1.
    pub memory: Bytes,
    /// Elements of one table. Stops `table.grow`, which is host memory outside of any linear memory. At the limit the growth is refused.
    pub table_elements: usize,
    /// Core instances in the component; a Python component has about ten. Beyond it no instance is made.
    pub instances: usize,
    /// Bytes that one host call may copy from the guest. Stops a 100 MB string to `log`; beyond it the guest traps.
    pub host_call_fuel: Bytes,
    /// Host calls in one call of an export. Stops a plugin from filling the record or keeping the host busy with calls that are each
    /// allowed; at the limit every further call fails with `quota`.
    pub calls: u64,
    /// Handles of the host at once: descriptors, streams, pollables, requests. Stops a plugin from growing the host's table; at the limit
    /// the guest traps.
    pub handles: usize,
    /// Files and folders open at once. Stops one plugin from taking all descriptors of the host; at the limit an opening fails with
    /// `insufficient-memory`.
    pub open: usize,
    /// Random bytes in one host call. Stops a gigabyte of them, which the host would have to make and to copy; beyond it the guest traps.
    pub random: Bytes,
    /// Waits for a pollable in one call of an export. Stops a storm of sleeps of no length, each of which costs the host more than the
    /// guest; beyond it the guest traps.
    pub waits: u64,

    /// How fast host calls may come. Stops a plugin from keeping the record and the disk for itself; beyond it each call waits.
    pub call_rate: Rate,
    /// Programs that a run may start. Stops a plugin from starting programs without end; beyond it every start fails with `quota`.
    pub starts: u64,
    /// How fast programs may be started. Stops ten thousand starts a minute, which cost the whole machine; beyond it a start fails with
    /// `unavailable`, and the time after which it may be tried again.
    pub start_rate: Rate,
    /// Processes of a run that live at once, the user's command among them, their own children not. Stops a plugin from launching until the
    /// host has no descriptors left; beyond it a start fails with `quota`.
    pub alive: u64,
    /// How fast log lines may come. Stops a plugin from filling record and screen call by call; lines beyond it are counted and dropped.
    pub line_rate: Rate,
    /// Bytes by which a plugin's own writing may make files longer. Stops a plugin from filling the disk, also with files that are long
    /// without holding anything; beyond it a write fails with `quota`.
    pub written: Bytes,
    /// Files and folders that a plugin may make. Stops a million empty files, which fill a file system without a byte; beyond it the making
    /// fails with `quota`.
    pub made: u64,
    /// Folders inside each other below a folder of the run. Stops trees so deep that the tools of a person cannot remove them; beyond it
    /// the making fails with `quota`.
    pub depth: usize,
    /// Bytes of a disk that a plugin's writing leaves free, or a twentieth of a small disk. Stops a plugin from taking the last of a disk
    /// that was nearly full before; below it a write fails with `insufficient-space`.
    pub left_free: Bytes,
    /// Requests over the network at once, from their beginning until their answers were read to the end. Stops a plugin from taking all
    /// connections of the host or of a server; beyond it a request waits, and fails with `connection-limit-reached` where it waits in vain.
    pub requests: usize,
    /// How fast requests over the network may come. Stops a plugin from flooding a server in the name of the user; beyond it each request
    /// waits.
    pub request_rate: Rate,
}

/// How fast something may happen: at once at most `burst` times, and `per_second` times a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How often at once.
    pub burst: u32,
    /// How often in a second, in the long run. At least 1.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Bytes::mebi(256),
            table_elements: 100_000,
            instances: 64,
            host_call_fuel: Bytes::mebi(16),
            calls: 100_000,
            handles: 4_096,
            open: 256,
            random: Bytes::mebi(1),
            waits: 1_000_000,
            call_rate: Rate { burst: 20_000, per_second: 5_000 },
            starts: 1_000,
            start_rate: Rate { burst: 128, per_second: 20 },
            alive: 64,
            line_rate: Rate { burst: 1_000, per_second: 100 },
            written: Bytes::gibi(2),
            made: 100_000,
            depth: 128,
            left_free: Bytes::gibi(1),
            requests: 16,
            request_rate: Rate { burst: 256, per_second: 50 },
        }
    }
}
