//! Snapshots of a folder of 10,000 text files and 500 MB, against `tar | zstd -1`, and what changed, against `git diff --no-index`.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    cell::Cell,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use kit::{Bound, Measured, Table, alone, clock, in_turns};
use worldflux::workspace::{Diff, Leftovers, Objects, Root, Selection, Snapshot, Version};

const TURNS: usize = 5;

/// Files of the folder, and bytes of each.
const FILES: usize = 10_000;
const BYTES: usize = 50_000;

/// Files that change between two snapshots.
const CHANGED: usize = 10;

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots");
    let work = workspace(&folder)?;
    let root = Root::open(&work)?;
    let place = tempfile::tempdir_in(&folder)?;
    let archive = place.path().join("archive");
    let objects = |name: &str| -> Result<Objects> {
        let path = place.path().join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir(&path)?;
        Ok(Objects::open(Root::open(&path)?)?)
    };
    let take = |objects: &Objects| -> Result<Snapshot> { Ok(objects.writer()?.take(&root, &Selection::everything())?.snapshot) };

    let mut table = Table::new();
    let first = in_turns(
        TURNS,
        || {
            let objects = objects("first")?;
            clock(|| take(&objects))
        },
        || {
            kit::process(
                Command::new("sh").arg("-c").arg("tar -cf - . | zstd -1 -q -f -o \"$ARCHIVE\"").env("ARCHIVE", &archive).current_dir(&work),
            )
        },
    )?;
    table.add("first snapshot", "tar | zstd -1", &first, Bound::Ratio(1.0));

    let kept = objects("again")?;
    let old = take(&kept)?;
    let turn = Cell::new(0);
    let again = alone(TURNS, || {
        turn.set(turn.get() + 1);
        change(&work, turn.get())?;
        clock(|| take(&kept))
    })?;
    let ratio = again.median.as_secs_f64() / first.median.as_secs_f64();
    let again = Measured { median: again.median, against: Some((first.median, ratio)) };
    table.add("again, 10 files changed", "first snapshot", &again, Bound::Ratio(0.05));

    let new = take(&kept)?;
    let (before, after) = (place.path().join("before"), place.path().join("after"));
    for (path, snapshot) in [(&before, &old), (&after, &new)] {
        fs::create_dir(path)?;
        kept.restore(&snapshot.tree, &Root::open(path)?, Leftovers::Remove)?;
    }
    let diff = in_turns(
        TURNS,
        || {
            clock(|| {
                let (old, new) = (kept.snapshot(&old.digest)?, kept.snapshot(&new.digest)?);
                let diff = Diff::between(Version::kept(&old.tree, &kept), Version::kept(&new.tree, &kept))?;
                ensure!(diff.stats().modified == CHANGED, "{:?}", diff.stats());
                Ok(())
            })
        },
        || git_diff(&before, &after),
    )?;
    table.add("what changed", "git diff --no-index --stat", &diff, Bound::Ratio(1.0));

    let out = place.path().join("out");
    let restore = in_turns(
        TURNS,
        || {
            fresh(&out)?;
            let root = Root::open(&out)?;
            clock(|| Ok(kept.restore(&new.tree, &root, Leftovers::Remove)?))
        },
        || {
            fresh(&out)?;
            kit::process(
                Command::new("sh").arg("-c").arg("zstd -d -q -c \"$ARCHIVE\" | tar -xf - ").env("ARCHIVE", &archive).current_dir(&out),
            )
        },
    )?;
    table.add("restore into nothing", "zstd -d | tar -x", &restore, Bound::None);
    table.print();
    Ok(())
}

/// `git diff` answers 1 where there is a difference.
fn git_diff(before: &Path, after: &Path) -> Result<Duration> {
    let begin = Instant::now();
    let mut command = Command::new("git");
    command.args(["diff", "--no-index", "--stat"]).args([before, after]).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().context("git")?;
    ensure!(status.code() == Some(1), "git: {status}");
    Ok(begin.elapsed())
}

fn fresh(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    Ok(fs::create_dir(path)?)
}

fn file(work: &Path, number: usize) -> PathBuf {
    work.join(format!("{}/{}", number % 100, number))
}

/// Change a line of some files.
fn change(work: &Path, turn: usize) -> Result<()> {
    for number in (0..CHANGED).map(|number| number * (FILES / CHANGED)) {
        let path = file(work, number);
        let mut content = fs::read(&path)?;
        // No content is one that an earlier run of this program left.
        let line = format!("turn {turn:08} of {:08}\n", std::process::id());
        content.splice(..line.len(), line.bytes());
        fs::write(&path, content)?;
    }
    Ok(())
}

/// The folder, made once: files of source-like text, none like another.
fn workspace(folder: &Path) -> Result<PathBuf> {
    let work = folder.join("work");
    if file(&work, FILES - 1).exists() {
        return Ok(work);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..FILES {
        let path = file(&work, number);
        fs::create_dir_all(path.parent().unwrap_or(&work))?;
        let mut content = Vec::with_capacity(BYTES + 100);
        while content.len() < BYTES {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (one, two) = (state >> 40, state >> 52);
            writeln!(content, "    let value_{one:x} = compute({two}, &settings.field_{}) + {one};  // step {number}", two % 100)?;
        }
        content.truncate(BYTES);
        let written = fs::File::create(&path)?;
        (&written).write_all(&content)?;
    }
    Ok(work)
}
