//! A flood of output into the log, with its digest and with events, against `cat` into a file of the same file system.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use kit::{Bound, Table, flood, in_turns};

const TURNS: usize = 3;

/// Bytes of the flood.
const FLOOD: u64 = 1 << 30;

/// Memory of the host, in KiB.
const MEMORY: u64 = 64 << 10;

/// Pause between two looks at the memory of the host. What counts is its peak, which the system keeps.
const LOOK: Duration = Duration::from_millis(5);

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let flood = flood(folder, FLOOD)?;
    let place = tempfile::tempdir_in(folder)?;
    let peak = Cell::new(0);
    let host = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflux"));
        command.arg("run").args(options).args(["--output", "out", "--", "cat"]).arg(&flood);
        command.env("WORLDFLUX_STATE_DIR", place.path().join("state")).env("PATH", "/usr/bin:/bin").current_dir(place.path());
        let (peak, out) = (&peak, place.path().join("out"));
        move || {
            let (took, memory) = watched(&mut command)?;
            peak.set(peak.get().max(memory));
            fs::remove_dir_all(&out)?;
            Ok(took)
        }
    };
    let cat = |script: &'static str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env("FLOOD", &flood).env("PATH", "/usr/bin:/bin").current_dir(place.path());
        let other = place.path().join("other");
        move || {
            let took = kit::process(&mut command)?;
            fs::remove_file(&other)?;
            Ok(took)
        }
    };
    let mut table = Table::new();
    for (what, options, alternative, script, bound) in [
        ("1 GiB, --events", &["--events"][..], "cat into a file", "cat $FLOOD > other", Bound::Ratio(1.0 / 0.6)),
        ("1 GiB, plain", &[], "cat into a file", "cat $FLOOD > other", Bound::None),
        ("1 GiB, --events", &["--events"], "cat, on disk", "cat $FLOOD > other && sync other", Bound::None),
    ] {
        let measured = in_turns(TURNS, host(options), cat(script))?;
        table.add(what, alternative, &measured, bound);
    }
    table.add_amount("peak memory of the host", &format!("{} KiB", peak.get()), &format!("< {MEMORY} KiB"), peak.get() < MEMORY);
    table.print();
    Ok(())
}

/// How long a process takes, and the peak of its own memory in KiB.
fn watched(command: &mut Command) -> Result<(Duration, u64)> {
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let look = thread::spawn(move || {
        let mut peak = 0;
        // A process that has ended and is not waited for has no memory any more.
        while let Some(now) = fs::read_to_string(&status).ok().as_deref().and_then(peak_memory) {
            peak = now.max(peak);
            thread::sleep(LOOK);
        }
        peak
    });
    let ended = child.wait()?;
    let took = begin.elapsed();
    ensure!(ended.success(), "{command:?}: {ended}");
    Ok((took, look.join().unwrap_or_default()))
}

fn peak_memory(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
