//! What a command costs in a session in a container, and how fast its output comes, against `docker exec` into a container of its own.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../../tests/kit/daemon.rs"]
#[allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each program uses a part of it, and fails where it cannot"
)]
mod daemon;
#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Result, ensure};
use daemon::IMAGE;
use kit::{Bound, Table, clock, in_turns, process, stream};
use rustix::process::geteuid;
use worldflux::{
    config::{Environment, Folders, RunOverrides, RunSettings},
    run::{CommandLog, Host, HostOptions, Session, SessionCommand, SessionOptions, SessionWorkspace},
    sandbox::Launcher,
};

const TURNS: usize = 5;

/// Commands in one turn.
const COMMANDS: usize = 100;

/// Bytes of a long output, and the file in each container that has them.
const LONG: usize = 256 << 20;
const FILE: &str = "/tmp/long";

/// The container beside that of the session.
const BESIDE: &str = "beside";

/// The folders of the client that both use.
const PATH: &str = "/usr/bin:/bin";

/// Both rows: what, against what, and the most that it may take of that.
const COMMANDS_ROW: (&str, &str, f64) = ("100 commands of a session in a container", "100 times `docker exec`", 1.2);
const OUTPUT_ROW: (&str, &str, f64) = ("256 MiB of output of a container, streamed", "`docker exec ... cat > /dev/null`", 1.0 / 0.7);

fn main() -> Result<()> {
    let mut table = Table::new();
    if !(geteuid().is_root() && process(Command::new("dockerd").arg("--version")).is_ok()) {
        for (what, _, most) in [COMMANDS_ROW, OUTPUT_ROW] {
            table.add_amount(what, "no dockerd here that may be started", &format!("<= {most:.2}"), false);
        }
        table.print();
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let place = tempfile::tempdir()?;
    let session = runtime.block_on(open(place.path()))?;
    let alone = ["run", "--detach", "--name", BESIDE, "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    process(docker(&alone).args([IMAGE, "sleep", "86400"]))?;

    let (what, other, most) = COMMANDS_ROW;
    let in_session = || clock(|| runtime.block_on(commands(&session)));
    let measured = in_turns(TURNS, in_session, || process(&mut from_the_shell()))?;
    table.add(what, other, &measured, Bound::Ratio(most));

    let (what, other, most) = OUTPUT_ROW;
    let filled = format!("head -c {LONG} /dev/zero > {FILE}");
    process(&mut docker(&["exec", BESIDE, "sh", "-c", &filled]))?;
    runtime.block_on(run(&session, SessionCommand::argv(["sh", "-c", &filled])))?;
    let cat = || SessionCommand { log: CommandLog::None, ..SessionCommand::argv(["cat", FILE]) };
    let streamed = || clock(|| runtime.block_on(stream(&session, cat(), LONG)));
    let measured = in_turns(TURNS, streamed, || process(&mut docker(&["exec", BESIDE, "cat", FILE])))?;
    table.add(what, other, &measured, Bound::Ratio(most));

    runtime.block_on(session.close())?;
    table.print();
    Ok(())
}

/// A session in a container of the daemon that this program starts.
async fn open(place: &Path) -> Result<Session> {
    let folders = Folders { state: place.join("state"), config: place.join("config") };
    let mut endpoint = Command::new(env!("CARGO_BIN_EXE_worldflux"));
    endpoint.args(["endpoint", "add", "docker.sock:80", "--at", &format!("unix:{}", daemon::docker().socket().display())]);
    process(endpoint.env("WORLDFLUX_STATE_DIR", &folders.state).env("WORLDFLUX_CONFIG_DIR", &folders.config))?;
    let file = format!("runtime = 'docker'\n[environment.docker]\nimage = '{IMAGE}'\nuser = '0:0'\n");
    fs::write(place.join("worldflux.toml"), file)?;
    let environment = Environment::from_pairs([("PATH", PATH), ("HOME", "/nonexistent")]);
    let launcher = Launcher::with_supervisor(PathBuf::from(env!("CARGO_BIN_EXE_worldflux-supervisor")));
    let host = Arc::new(Host::open(HostOptions { folders, plugins: vec![], environment: environment.clone(), launcher })?);
    let overrides = RunOverrides { output: Some(place.join("output").to_string_lossy().into_owned()), ..RunOverrides::default() };
    let settings = RunSettings::resolve_session(&overrides, &environment, place)?;
    Ok(host.open_session(settings, SessionOptions { workspace: SessionWorkspace::Fresh, ..SessionOptions::default() }).await?)
}

async fn commands(session: &Session) -> Result<()> {
    for _ in 0..COMMANDS {
        run(session, SessionCommand::argv(["true"])).await?;
    }
    Ok(())
}

async fn run(session: &Session, command: SessionCommand) -> Result<()> {
    let executed = session.run(command).await?;
    ensure!(executed.exit_code() == 0, "{executed:?}");
    Ok(())
}

/// The client of the same daemon.
fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.env("PATH", PATH).args(["--host", &socket()]).args(arguments);
    command
}

fn from_the_shell() -> Command {
    let script = format!("i=0; while [ $i -lt {COMMANDS} ]; do docker --host \"$1\" exec {BESIDE} true || exit; i=$((i + 1)); done");
    let mut command = Command::new("sh");
    command.env("PATH", PATH).args(["-c", &script, "sh", &socket()]);
    command
}

fn socket() -> String {
    format!("unix://{}", daemon::docker().socket().display())
}
