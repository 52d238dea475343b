//! Times one thing against another, in turns, and shows the outcome as a table.
//!
//! What several subjects start or read is here as well.
//!
//! Times depend on the machine and on what else it does, so nothing here fails: a bound is said, and whether it was kept.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use worldflux::{
    names::{Digest, Export},
    policy::{self, Asks, CommandRequest, Grants, Origin, Permit, Profile, Rights, StartProcess},
    run::{Session, SessionCommand},
};

/// Turns that are not counted: the first ones fill caches.
const WARM_UP: usize = 2;

/// What came of a measurement.
pub(crate) struct Measured {
    pub(crate) median: Duration,
    /// The alternative, and the median of the ratios of the turns.
    pub(crate) against: Option<(Duration, f64)>,
}

/// Keeps the processors from sleeping, by programs that run while nothing else does. What takes microseconds and waits in between would else be
/// measured by how deep a processor had gone to sleep, and that of a virtual machine sleeps longer than all of it takes.
#[derive(Debug)]
pub(crate) struct Awake(Vec<Child>);

impl Awake {
    pub(crate) fn start() -> Self {
        let spin = || Command::new("chrt").args(["--idle", "0", "sh", "-c", "while :; do :; done"]).spawn().ok();
        Self((0..std::thread::available_parallelism().map_or(1, usize::from)).map_while(|_| spin()).collect())
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Time `this` against `other`, `turns` times one after the other, so that a busy moment of the machine meets both.
pub(crate) fn in_turns(
    turns: usize,
    mut this: impl FnMut() -> Result<Duration>,
    mut other: impl FnMut() -> Result<Duration>,
) -> Result<Measured> {
    for _ in 0..WARM_UP.min(turns) {
        this()?;
        other()?;
    }
    let pairs = (0..turns).map(|_| Ok((this()?, other()?))).collect::<Result<Vec<_>>>()?;
    let ratio = median(pairs.iter().map(|(this, other)| this.as_secs_f64() / other.as_secs_f64()));
    let other = median(pairs.iter().map(|(_, other)| other.as_secs_f64()));
    let this = median(pairs.iter().map(|(this, _)| this.as_secs_f64()));
    Ok(Measured { median: Duration::from_secs_f64(this), against: Some((Duration::from_secs_f64(other), ratio)) })
}

/// Time `this` alone.
pub(crate) fn alone(turns: usize, mut this: impl FnMut() -> Result<Duration>) -> Result<Measured> {
    for _ in 0..WARM_UP {
        this()?;
    }
    let times = (0..turns).map(|_| this()).collect::<Result<Vec<_>>>()?;
    Ok(Measured { median: Duration::from_secs_f64(median(times.iter().map(Duration::as_secs_f64))), against: None })
}

/// How long `work` takes.
pub(crate) fn clock<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed())
}

/// How long a whole process takes, from its start to its end. Its output goes nowhere; it has to succeed.
pub(crate) fn process(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let took = begin.elapsed();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}

/// What was promised.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At most so many times the alternative.
    Ratio(f64),
    /// At most so long.
    Time(Duration),
    /// Nothing: the number is for whoever wants to know.
    None,
}

/// Lines of one subject.
pub(crate) struct Table(Vec<[String; 7]>);

impl Table {
    pub(crate) fn new() -> Self {
        Self(vec![["what", "median", "alternative", "median", "ratio", "bound", ""].map(str::to_owned)])
    }

    pub(crate) fn add(&mut self, what: &str, alternative: &str, measured: &Measured, bound: Bound) {
        let (bound, kept) = match (bound, measured.against) {
            (Bound::Ratio(most), Some((_, ratio))) => (format!("<= {most:.2}"), Some(ratio <= most)),
            (Bound::Time(most), _) => (format!("<= {}", shown(most)), Some(measured.median <= most)),
            (Bound::Ratio(_) | Bound::None, _) => ("-".to_owned(), None),
        };
        let (other, ratio) =
            measured.against.map_or_else(|| ("-".to_owned(), "-".to_owned()), |(other, ratio)| (shown(other), format!("{ratio:.2}")));
        let verdict = kept.map_or("", |kept| if kept { "ok" } else { "over" });
        self.0.push([what, &shown(measured.median), alternative, &other, &ratio, &bound, verdict].map(str::to_owned));
    }

    /// A line about something that is no time.
    pub(crate) fn add_amount(&mut self, what: &str, amount: &str, bound: &str, is_kept: bool) {
        let verdict = if is_kept { "ok" } else { "over" };
        self.0.push([what, amount, "-", "-", "-", bound, verdict].map(str::to_owned));
    }

    pub(crate) fn print(&self) {
        let width = |column: usize| self.0.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max().unwrap_or(0);
        for line in &self.0 {
            let cells: Vec<String> = line.iter().enumerate().map(|(column, text)| format!("{text:0$}", width(column))).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// To start `true`, as the command of a bundled plugin.
pub(crate) fn permit(profile: Profile) -> Result<Permit<StartProcess>> {
    let asks: Asks = toml::from_str("command = 'to time it'")?;
    let grants = Grants::all_of(&asks);
    let rights = Rights { plugin: "bench".parse()?, typed: "bench".into(), origin: Origin::Bundled, digest: Digest::of(b""), asks, grants };
    let request = CommandRequest {
        argv: vec!["/usr/bin/true".into()],
        variables: BTreeMap::new(),
        added_variables: BTreeMap::new(),
        path_prefix: vec![],
        working_directory: "/".into(),
        profile,
        places: policy::Places::default(),
        network: policy::ChildNetwork::None,
    };
    Ok(policy::start_command(&rights, Export::Start, request)?)
}

/// Run a command of a session that writes so many bytes, and throw away what it writes.
pub(crate) async fn stream(session: &Session, command: SessionCommand, length: usize) -> Result<()> {
    let execution = session.start(command.streamed()).await?;
    let mut bytes = 0;
    if let Some(mut output) = execution.take_output() {
        while let Some(chunk) = output.recv().await {
            bytes += chunk.bytes.len();
        }
    }
    ensure!(bytes == length, "{bytes} bytes");
    Ok(())
}

/// A file of lines as a training prints them, of so many bytes, made once.
pub(crate) fn flood(folder: &Path, length: u64) -> Result<PathBuf> {
    let path = folder.join("flood.txt");
    if path.metadata().is_ok_and(|metadata| metadata.len() == length) {
        return Ok(path);
    }
    let mut file = BufWriter::new(File::create(&path)?);
    let mut left = length;
    for step in 0_u64.. {
        let noise = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        let remark = if step % 7 == 0 { "épisode \"naïve\" terminé, 終わり" } else { "ok" };
        let line = format!("step {step:08} loss=0.{noise:07} reward={}.{noise:06} lr=3.0e-04 device=cuda:0 {remark}\n", noise % 19);
        let bytes = line.as_bytes();
        let fits = bytes.get(..bytes.len().min(usize::try_from(left)?)).unwrap_or(bytes);
        file.write_all(fits)?;
        left -= fits.len() as u64;
        if left == 0 {
            break;
        }
    }
    file.flush()?;
    Ok(path)
}
