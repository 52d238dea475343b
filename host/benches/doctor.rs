//! Looking at a hundred installed plugins, against looking at ten, ten times.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "the guests are built by the kit of the tests")]

#[allow(dead_code, reason = "each program uses a part of it")]
#[path = "../../tests/kit/guests.rs"]
mod guests;
#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use kit::{Bound, Table, alone, clock, in_turns, process};

const TURNS: usize = 10;

/// The most memory that looking at a hundred plugins may take.
const MEMORY: u64 = 300 << 20;

fn main() -> Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    for (folder, count) in [("many", 100), ("few", 10)] {
        fs::create_dir(place.path().join(folder))?;
        for number in 0..count {
            fs::write(place.path().join(folder).join(format!("{number}.wasm")), guests::rogue_called(&format!("tame-{number}")))?;
        }
    }
    let doctor = |plugins: &str, state: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflux"));
        command
            .args(["runtime", "doctor"])
            .env("WORLDFLUX_PLUGIN_PATH", place.path().join(plugins))
            .env("WORLDFLUX_STATE_DIR", place.path().join(state))
            .env("WORLDFLUX_CONFIG_DIR", place.path().join("config"))
            .env("PATH", "/usr/bin:/bin")
            .current_dir(place.path());
        command
    };
    let mut table = Table::new();
    let mut fresh = 0;
    let first = alone(1, || {
        fresh += 1;
        process(&mut doctor("many", &format!("fresh{fresh}")))
    })?;
    table.add("doctor of 100 plugins, never seen before", "-", &first, Bound::None);
    let ten_times = || clock(|| (0..10).try_for_each(|_| process(&mut doctor("few", "state")).map(drop)));
    let measured = in_turns(TURNS, || process(&mut doctor("many", "state")), ten_times)?;
    table.add("doctor of 100 plugins", "of 10 plugins, 10 times", &measured, Bound::Ratio(1.2));
    for (what, state) in [("memory, 100 plugins", "state"), ("memory, 100 plugins, never seen before", "empty")] {
        let most = peak_memory(&mut doctor("many", state))?;
        table.add_amount(what, &format!("{} MiB", most >> 20), &format!("<= {} MiB", MEMORY >> 20), most <= MEMORY);
    }
    table.print();
    Ok(())
}

/// The most memory that the process ever has, as the kernel counts it.
fn peak_memory(command: &mut Command) -> Result<u64> {
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0;
    while process.try_wait()?.is_none() {
        most = most.max(high_water(Path::new(&status)).unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    ensure!(process.wait()?.success(), "{command:?}");
    Ok(most)
}

fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}
