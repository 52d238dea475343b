//! What a command costs in a session, against the same program started by the sandbox alone.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use kit::{Bound, Table, clock, in_turns, permit, stream};
use tokio::runtime::Runtime;
use worldflux::{
    config::{Environment, Folders, RunOverrides, RunSettings},
    policy::{Level, Profile},
    run::{CommandLog, Host, HostOptions, Session, SessionCommand, SessionOptions, SessionWorkspace},
    sandbox::{Capture, Launcher, StartOptions},
};

const TURNS: usize = 10;

/// Commands in one turn.
const COMMANDS: usize = 100;

/// Bytes of a long output.
const LONG: usize = 256 << 20;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let place = tempfile::tempdir()?;
    let launcher = Launcher::with_supervisor(PathBuf::from(env!("CARGO_BIN_EXE_worldflux-supervisor")));
    let mut table = Table::new();
    for (profile, what, other) in [
        (Profile::Own, "100 commands of a session", "100 starts of `true`"),
        (Profile::Strict, "the same, confined", "100 confined starts of `true`"),
    ] {
        if profile == Profile::Strict && launcher.proof().level != Level::Full {
            continue;
        }
        let session = runtime.block_on(open(place.path(), profile))?;
        let in_session = || clock(|| runtime.block_on(commands(&session)));
        let measured = in_turns(TURNS, in_session, || clock(|| starts(&runtime, &launcher, profile)))?;
        table.add(what, other, &measured, Bound::Ratio(2.0));
        if profile == Profile::Own {
            let pipe = || clock(|| pipe(&runtime, &session));
            let head = |log| SessionCommand { log, ..SessionCommand::argv(["head", "-c", &LONG.to_string(), "/dev/zero"]) };
            let streamed = |log| clock(|| runtime.block_on(stream(&session, head(log), LONG)));
            let measured = in_turns(TURNS, || streamed(CommandLog::None), pipe)?;
            table.add("256 MiB, streamed", "`head | cat` in a session", &measured, Bound::Ratio(2.5));
            let measured = in_turns(TURNS, || streamed(CommandLog::Kept), pipe)?;
            table.add("256 MiB, streamed and logged", "`head | cat` in a session", &measured, Bound::None);
        }
        runtime.block_on(session.close())?;
    }
    table.print();
    Ok(())
}

async fn open(place: &Path, profile: Profile) -> Result<Session> {
    let environment = Environment::from_pairs([("PATH", "/usr/bin:/bin"), ("HOME", "/nonexistent")]);
    let folders = Folders { state: place.join("state"), config: place.join("config") };
    let launcher = Launcher::with_supervisor(PathBuf::from(env!("CARGO_BIN_EXE_worldflux-supervisor")));
    let host = Arc::new(Host::open(HostOptions { folders, plugins: vec![], environment: environment.clone(), launcher })?);
    let output = place.join(format!("{profile:?}")).to_string_lossy().into_owned();
    let overrides = RunOverrides { output: Some(output), ..RunOverrides::default() };
    let mut settings = RunSettings::resolve_session(&overrides, &environment, place)?;
    settings.sandbox = profile;
    Ok(host.open_session(settings, SessionOptions { workspace: SessionWorkspace::Fresh, ..SessionOptions::default() }).await?)
}

async fn commands(session: &Session) -> Result<()> {
    for _ in 0..COMMANDS {
        session.run(SessionCommand::argv(["/usr/bin/true"])).await?;
    }
    Ok(())
}

fn starts(runtime: &Runtime, launcher: &Launcher, profile: Profile) -> Result<()> {
    runtime.block_on(async {
        for _ in 0..COMMANDS {
            let child = launcher.start(permit(profile)?, StartOptions::new(Arc::new(Capture::default()))).await?;
            child.wait().await;
        }
        Ok(())
    })
}

/// The same bytes through a pipe between two programs.
fn pipe(runtime: &Runtime, session: &Session) -> Result<()> {
    let line = format!("head -c {LONG} /dev/zero | cat > /dev/null");
    runtime.block_on(session.run(SessionCommand::shell(line)))?;
    Ok(())
}
