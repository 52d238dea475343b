//! Whole commands, from the start of the process to its end, against a Python that does nothing.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{fs, path::Path, process::Command};

use anyhow::Result;
use kit::{Bound, Table, in_turns, process};
use worldflux::{
    names::RunId,
    store::{NewRun, ReasonCode, RunStatus, State},
};

/// The alternative. The system's own: a `python3` in front of it may be a script of a version manager.
const PYTHON: &str = "/usr/bin/python3";

const TURNS: usize = 40;

/// Runs that somebody has made before.
const MANY: usize = 1_000;

fn main() -> Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // Outside of any repository: in one, git is asked for its state, which takes as long as the repository is large.
    let outside = tempfile::tempdir()?;
    let (workspace, repository) = (outside.path().to_owned(), place.path().join("workspace"));
    fs::create_dir(&repository)?;
    let (few, many) = (place.path().join("few"), place.path().join("many"));
    fill(&many)?;
    // As after an installation: what a linker has just written lies in the page cache in small pieces, which makes every start a millisecond
    // longer.
    let programs = tempfile::tempdir()?;
    let installed = programs.path().join("worldflux");
    fs::copy(env!("CARGO_BIN_EXE_worldflux"), &installed)?;
    fs::copy(env!("CARGO_BIN_EXE_worldflux-supervisor"), programs.path().join("worldflux-supervisor"))?;
    let worldflux = |folder: &Path, state: &Path, arguments: &[&str]| {
        let mut command = Command::new(&installed);
        command.args(arguments).env("WORLDFLUX_STATE_DIR", state).env("PATH", "/usr/bin:/bin").current_dir(folder);
        move || process(&mut command)
    };
    let python = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-c", "pass"]).current_dir(&workspace);
        move || process(&mut command)
    };
    let mut table = Table::new();
    for (what, folder, state, arguments, bound) in [
        ("runtime list", &workspace, &few, &["runtime", "list"][..], Bound::Ratio(1.0)),
        ("runtime doctor local", &workspace, &few, &["runtime", "doctor", "local"], Bound::Ratio(1.0)),
        ("run -- true", &workspace, &few, &["run", "--", "true"], Bound::Ratio(3.0)),
        ("run --sandbox strict -- true", &workspace, &few, &["run", "--sandbox", "strict", "--", "true"], Bound::Ratio(4.0)),
        ("run -- true, in this repository", &repository, &few, &["run", "--", "true"], Bound::None),
        ("run -- true, after 1,000 runs", &workspace, &many, &["run", "--", "true"], Bound::Ratio(3.0)),
        ("runs, of 1,000", &workspace, &many, &["runs"], Bound::None),
    ] {
        let measured = in_turns(TURNS, worldflux(folder, state, arguments), python(PYTHON))?;
        table.add(what, "/usr/bin/python3 -c pass", &measured, bound);
    }
    let measured = in_turns(TURNS, python("python3"), python(PYTHON))?;
    table.add("python3 of PATH, -c pass", "/usr/bin/python3 -c pass", &measured, Bound::None);
    table.print();
    Ok(())
}

fn fill(folder: &Path) -> Result<()> {
    let state = State::open(folder)?;
    for _ in 0..MANY {
        let id = RunId::generate();
        let run = NewRun {
            client_run_id: id.to_string(),
            id: id.clone(),
            adapter_id: String::new(),
            task: String::new(),
            runtime: "local".into(),
            plugin_digest: None,
            command: vec!["true".into()],
            step: "open".into(),
            output_dir: "/nowhere".into(),
        };
        state.create_run(&run)?;
        state.finish_run(&id, RunStatus::Succeeded, ReasonCode::None, "")?;
    }
    Ok(())
}
