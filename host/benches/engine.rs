//! What one call of a plugin costs, and the parts of a run, each against the bare thing.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use kit::{Bound, Measured, Table, alone, clock, in_turns, permit, process};
use serde_json::json;
use tokio::runtime::Runtime;
use wasmtime::component::{Component, Linker};
use worldflux::{
    engine::{self, CompiledCache, Compiler, Engine},
    imports::{Call, RuntimePluginPre},
    names::{Export, RunId},
    plugin::{Catalog, PluginFile},
    policy::{Grants, Level, Origin, Profile, Rights},
    sandbox::{Capture, Launcher, StartOptions},
    store::{self, Record, State},
};

const TURNS: usize = 40;

/// Calls in one turn, so that a turn is long against the clock.
const CALLS: u32 = 200;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut table = Table::new();
    let two = Bound::Ratio(2.0);
    table.add("instance and describe", "wasmtime alone", &describe(&runtime)?, two);
    let bare = || process(&mut Command::new("/usr/bin/true"));
    table.add("start and end of `true`", "without supervisor", &spawn(&runtime, Profile::Own, Ready::Nothing, bare)?, Bound::None);
    let strict = |ready, other: &dyn Fn() -> Result<Duration>| spawn(&runtime, Profile::Strict, ready, other);
    table.add("the same in the sandbox", "without supervisor", &strict(Ready::Namespaces, &bare)?, Bound::Ratio(5.0));
    table.add("the same, nothing made ready", "without supervisor", &strict(Ready::Nothing, &bare)?, Bound::None);
    if process(&mut bubblewrap()).is_ok() {
        let other = || process(&mut bubblewrap());
        table.add("in the sandbox", "bubblewrap, same view", &strict(Ready::Namespaces, &other)?, Bound::Ratio(0.7));
        table.add("the same, nothing made ready", "bubblewrap, same view", &strict(Ready::Nothing, &other)?, Bound::None);
    } else {
        table.add_amount("in the sandbox", "no bubblewrap here to compare with", "<= 0.70", false);
    }
    table.add("intent and result in the record", "-", &record(place.path())?, Bound::Time(Duration::from_micros(10)));
    table.add("opening the state", "-", &open(place.path())?, Bound::None);
    table.print();
    Ok(())
}

/// An instance and one call, with everything that the host puts around it, and the same component with nothing around it.
fn describe(runtime: &Runtime) -> Result<Measured> {
    let file = Catalog::open(&[], []).find("local")?;
    let ours = Engine::new(CompiledCache::none(), Compiler::Here)?;
    let plugin = ours.load(file.bytes(), file.digest)?;
    let call = call(&file)?;
    let (bare, pre) = bare(file.bytes()).map_err(|error| of_wasmtime(&error))?;
    let with_host = async || {
        for _ in 0..CALLS {
            let call = Call { deadline: tokio::time::Instant::now() + engine::patience(Export::Describe), ..call.clone() };
            ours.describe(&plugin, call).await?;
        }
        Ok(())
    };
    let alone = async || {
        for _ in 0..CALLS {
            bare_describe(&bare, &pre).await.map_err(|error| of_wasmtime(&error))?;
        }
        Ok(())
    };
    let each = |time: Duration| time / CALLS;
    in_turns(TURNS, || clock(|| runtime.block_on(with_host())).map(each), || clock(|| runtime.block_on(alone())).map(each))
}

/// The component alone: no limits, no clock, and imports that do nothing.
fn bare(component: &[u8]) -> wasmtime::Result<(wasmtime::Engine, RuntimePluginPre<()>)> {
    let engine = wasmtime::Engine::default();
    let component = Component::from_binary(&engine, component)?;
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let pre = RuntimePluginPre::new(linker.instantiate_pre(&component)?)?;
    Ok((engine, pre))
}

async fn bare_describe(engine: &wasmtime::Engine, pre: &RuntimePluginPre<()>) -> wasmtime::Result<()> {
    let mut store = wasmtime::Store::new(engine, ());
    let instance = pre.instantiate_async(&mut store).await?;
    instance.worldflux_runtime_plugin().call_describe(&mut store).await?;
    Ok(())
}

fn of_wasmtime(error: &wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

/// A call as the host makes it outside of a run.
fn call(file: &PluginFile) -> Result<Call> {
    let asks = file.manifest.asks.clone();
    let rights = Rights {
        plugin: file.manifest.plugin.name.clone(),
        typed: "bench".into(),
        origin: Origin::Bundled,
        digest: file.digest,
        asks,
        grants: Grants::default(),
    };
    Ok(Call::outside_of_a_run(Export::Describe, Arc::new(rights), launcher(), tokio::time::Instant::now())?)
}

fn launcher() -> Launcher {
    Launcher::with_helper(PathBuf::from(env!("CARGO_BIN_EXE_worldflux")))
}

/// What the host has made while it did something else: a run makes the supervisors of its commands while it loads its plugin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    Nothing,
    Namespaces,
}

/// Time for what is made ready, so that none of it is left when the clock starts.
const PAUSE: Duration = Duration::from_millis(20);

/// A command under its supervisor, and something else.
fn spawn(runtime: &Runtime, profile: Profile, ready: Ready, other: impl FnMut() -> Result<Duration>) -> Result<Measured> {
    let launcher = Launcher::with_helper(PathBuf::from(env!("CARGO_BIN_EXE_worldflux-supervisor")));
    if profile == Profile::Strict {
        // Found out once, and remembered from one run to the next.
        ensure!(launcher.proof().level == Level::Full, "{}", launcher.proof().why);
    }
    let supervised = async || {
        if ready == Ready::Namespaces {
            launcher.prepare(1, profile);
            tokio::time::sleep(PAUSE).await;
        }
        let begin = Instant::now();
        let child = launcher.start(permit(profile)?, StartOptions::new(Arc::new(Capture::default()))).await?;
        child.wait().await;
        Ok(begin.elapsed())
    };
    in_turns(TURNS, || runtime.block_on(supervised()), other)
}

/// The same program with as much of the machine, without Landlock and without a filter.
fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"]);
    command.args(["--ro-bind", "/usr", "/usr", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    for link in ["bin", "sbin", "lib", "lib64"] {
        command.args(["--symlink", &format!("usr/{link}"), &format!("/{link}")]);
    }
    for file in
        ["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "protocols", "services", "ssl/certs", "ssl/openssl.cnf"]
    {
        command.args(["--ro-bind-try", &format!("/etc/{file}"), &format!("/etc/{file}")]);
    }
    command.args(["--remount-ro", "/", "--chdir", "/", "/usr/bin/true"]);
    command
}

/// What every effect of a plugin costs: two lines in the record.
fn record(folder: &Path) -> Result<Measured> {
    let run = RunId::generate();
    let record = Record::create(&folder.join("record.jsonl"), &run)?;
    let pair = || {
        let action = json!({ "program": "git", "arguments": ["--version"], "adds": [], "working-directory": null, "stdin-bytes": 0 });
        let ticket = record.intent(store::Call { export: Some(Export::Doctor), import: "process.output".into(), action })?;
        Ok(record.result(ticket, json!({ "ok": { "kind": "exited", "code": 0 } }))?)
    };
    alone(TURNS, || clock(|| (0..CALLS).try_for_each(|_| pair())).map(|time| time / CALLS))
}

fn open(folder: &Path) -> Result<Measured> {
    let folder = folder.join("state");
    alone(TURNS, || clock(|| Ok(State::open(&folder)?)))
}
