//! What a request of a plugin costs, against the same request without a plugin, a policy and a record.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../../tests/kit/guests.rs"]
#[allow(dead_code, clippy::expect_used, clippy::indexing_slicing, reason = "each program uses a part of it, and fails where it cannot")]
mod guests;
#[allow(dead_code, reason = "each program uses a part of it")]
mod kit;

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use kit::{Bound, Measured, Table, clock, in_turns, process};
use serde_json::json;
use tokio::{net::TcpStream, runtime::Runtime, time::Instant};
use wasmtime::StoreLimits;
use wasmtime_wasi_http::WasiHttpView as _;
use worldflux::{
    egress::{Client, Dialer},
    engine::{CompiledCache, Compiler, Engine, Plugin},
    imports::{self, Call, Children, Folders},
    names::{Export, RunId},
    plugin::PluginFile,
    policy::{Folder, Grants, Limits, Origin, Rate, Rights},
    sandbox::Launcher,
    store::Record,
};

const TURNS: usize = 20;

/// Requests in one turn, so that making the instance does not count.
const REQUESTS: u32 = 1_000;

/// The file that is fetched, in bytes.
const LARGE: u64 = 1 << 30;

/// How often it is fetched each way.
const DOWNLOADS: usize = 5;

/// What the server writes at once.
const PIECE: Bytes = Bytes::from_static(&[b'x'; 1 << 18]);

/// Requests after which the memory is looked at.
const MANY: u32 = 10_000;

/// What that may add: buffers that were made once, not something for every request.
const GROWTH: u64 = 8 << 20;

fn main() -> Result<()> {
    // One processor for each side: whether the scheduler puts them together or apart would be measured else.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).on_thread_start(|| stay_on(0)).enable_all().build()?;
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let address = serve()?;
    let guest = Arc::new(Guest::new(address, place.path())?);
    let mut table = Table::new();
    let awake = kit::Awake::start();
    table.add("one request through the hook", "hyper alone", &through_hook(&runtime, &guest, address)?, Bound::Ratio(1.3));
    table.add("one request of a plugin", "hyper alone", &request(&runtime, &guest, address)?, Bound::None);
    drop(awake);
    let (before, after) = memory(&runtime, &guest)?;
    let amount = format!("{} KiB before, {} KiB after", before >> 10, after >> 10);
    let grown = after.saturating_sub(before);
    table.add_amount("memory over 10,000 requests", &amount, "<= 8 MiB more", grown <= GROWTH);
    if process(Command::new("curl").arg("--version")).is_ok() {
        table.add("1 GiB into a file of the run", "curl -o", &download(&runtime, &guest, address, place.path())?, Bound::Ratio(1.0 / 0.7));
    } else {
        table.add_amount("1 GiB into a file of the run", "no curl here to compare with", "<= 1.43", false);
    }
    table.print();
    Ok(())
}

/// A file that the host fetches for a plugin, and the same file by curl.
fn download(runtime: &Runtime, guest: &Guest, address: SocketAddr, place: &Path) -> Result<Measured> {
    let output = place.join("output");
    std::fs::create_dir_all(&output)?;
    let ours = || {
        let fetched = clock(|| runtime.block_on(guest.download(&output)));
        ensure!(std::fs::metadata(output.join("file"))?.len() == LARGE, "not all of it is there");
        std::fs::remove_file(output.join("file"))?;
        fetched
    };
    let file = output.join("curl");
    let curl = || {
        let url = format!("http://{address}/large");
        let fetched = process(Command::new("curl").args(["-sS", "-o"]).arg(&file).arg(&url));
        std::fs::remove_file(&file)?;
        fetched
    };
    in_turns(DOWNLOADS, ours, curl)
}

/// What the host does for a request that a plugin has handed over: decided, written down, sent, its answer scrubbed, written down again.
fn through_hook(runtime: &Runtime, guest: &Arc<Guest>, address: SocketAddr) -> Result<Measured> {
    let each = |time: Duration| time / REQUESTS;
    let ours = || {
        let guest = guest.clone();
        clock(|| runtime.block_on(async { tokio::spawn(async move { guest.hand_over(REQUESTS).await }).await? })).map(each)
    };
    let alone = || clock(|| runtime.block_on(async { tokio::spawn(hyper_alone(address)).await? })).map(each);
    in_turns(TURNS, ours, alone)
}

/// The same with all that it takes to make a request in a plugin and to read its answer there, some thirty calls of the host.
fn request(runtime: &Runtime, guest: &Arc<Guest>, address: SocketAddr) -> Result<Measured> {
    let each = |time: Duration| time / REQUESTS;
    // A task, as the story of a run is one.
    let ours = || {
        let guest = guest.clone();
        clock(|| runtime.block_on(async { tokio::spawn(async move { guest.send(REQUESTS).await }).await? })).map(each)
    };
    let alone = || clock(|| runtime.block_on(async { tokio::spawn(hyper_alone(address)).await? })).map(each);
    in_turns(TURNS, ours, alone)
}

fn memory(runtime: &Runtime, guest: &Guest) -> Result<(u64, u64)> {
    runtime.block_on(guest.send(MANY))?;
    let before = resident()?;
    runtime.block_on(guest.send(MANY))?;
    Ok((before, resident()?))
}

/// Bytes of memory that this process has.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel says how much")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

/// The same requests over one connection, with nothing around them.
async fn hyper_alone(address: SocketAddr) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    for _ in 0..REQUESTS {
        let request = Request::get("/").header("host", "allowed.test").body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        ensure!(response.status() == 200);
        response.into_body().collect().await?;
    }
    driver.abort();
    Ok(())
}

/// Have this thread run on this processor, where there is one.
fn stay_on(processor: usize) {
    let mut processors = rustix::thread::CpuSet::new();
    processors.set(processor);
    // It is slower then, and no less right.
    let _ = rustix::thread::sched_setaffinity(None, &processors);
}

/// A server on a thread of its own.
fn serve() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || -> Result<()> {
        stay_on(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let answer = service_fn(|request: Request<Incoming>| async move { answer(&request) });
                tokio::spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        })
    });
    Ok(address)
}

fn answer(request: &Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>> {
    if request.uri().path() != "/large" {
        return Ok(Response::new(Full::new(Bytes::from("hello")).boxed()));
    }
    let pieces = usize::try_from(LARGE)? / PIECE.len();
    let frames = stream::iter((0..pieces).map(|_| Ok(Frame::data(PIECE))));
    Ok(Response::builder().header("content-length", LARGE).body(StreamBody::new(frames).boxed())?)
}

/// A plugin that sends requests, and all that the host puts around it.
struct Guest {
    engine: Engine,
    plugin: Plugin,
    file: PluginFile,
    client: Arc<Client>,
    record: Arc<Record>,
}

impl Guest {
    fn new(address: SocketAddr, place: &Path) -> Result<Self> {
        let engine = Engine::new(CompiledCache::none(), Compiler::Here)?;
        let file = PluginFile::read(&guests::guest("rogue"))?;
        let plugin = engine.load(file.bytes(), file.digest)?;
        let endpoints = toml::from_str(&format!("'allowed.test:80' = {{ at = '{address}' }}"))?;
        let record = Arc::new(Record::create(&place.join("record.jsonl"), &RunId::generate())?);
        Ok(Self { engine, plugin, file, client: Arc::new(Client::new(Dialer::new(endpoints))), record })
    }

    async fn send(&self, times: u32) -> Result<()> {
        let settings = json!({ "doctor": format!("http:GET http://allowed.test/|times={times}") });
        let findings = self.engine.doctor(&self.plugin, self.call()?, &settings).await?;
        let said = findings.first().map(|finding| finding.message.clone()).ok_or_else(|| anyhow!("it says nothing"))?;
        ensure!(said.starts_with("ok: 200 "), "{said}");
        Ok(())
    }

    async fn hand_over(&self, times: u32) -> Result<()> {
        let mut instance =
            imports::Guest::new(self.call()?, Box::new(StoreLimits::default())).map_err(|error| anyhow!(error.to_string()))?;
        for _ in 0..times {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let request = Request::get("http://allowed.test/").header("host", "allowed.test").body(body)?;
            let answer = Pin::from(instance.http().hooks.send_request(request, None, Box::new(async { Ok(()) })));
            let (response, _) = answer.await?;
            ensure!(response.status() == 200);
            response.into_body().collect().await?;
        }
        instance.close();
        Ok(())
    }

    async fn download(&self, output: &Path) -> Result<()> {
        let settings = json!({ "doctor": "download:http://allowed.test/large" });
        let folders = Arc::new(Folders::open([(Folder::Output, output.to_owned())])?);
        let call = Call { folders, ..self.call()? };
        let findings = self.engine.doctor(&self.plugin, call, &settings).await?;
        let said = findings.first().map(|finding| finding.message.clone()).ok_or_else(|| anyhow!("it says nothing"))?;
        ensure!(said.starts_with(&format!("ok: {LARGE} ")), "{said}");
        Ok(())
    }

    fn call(&self) -> Result<Call> {
        let asks = self.file.manifest.asks.clone();
        let rights = Rights {
            plugin: self.file.manifest.plugin.name.clone(),
            typed: "rogue".into(),
            origin: Origin::Added,
            digest: self.file.digest,
            grants: Grants::all_of(&asks),
            asks,
        };
        let fast = Rate { burst: u32::MAX, per_second: u32::MAX };
        let limits = Limits { call_rate: fast, request_rate: fast, waits: u64::MAX, ..Limits::default() };
        let launcher = Launcher::with_helper(PathBuf::from(env!("CARGO_BIN_EXE_worldflux")));
        Ok(Call {
            record: self.record.clone(),
            children: Arc::new(Children::within(launcher.clone(), limits)),
            client: self.client.clone(),
            ..Call::outside_of_a_run(Export::Doctor, Arc::new(rights), launcher, Instant::now() + Duration::from_mins(1))?
        })
    }
}
