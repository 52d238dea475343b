//! One component to be compiled, as the host sees it.

use std::{
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::{
    answer::{ARGUMENT, Answer},
    worker::precompile,
};
use crate::{
    engine::load::LoadError,
    names::{Bytes, Channel, EndKind},
    policy,
    sandbox::{Capture, Launcher, StartOptions, Stdin},
};

/// Bytes of machine code that are taken back; a component of the largest size that is compiled makes about half of it.
///
/// Stops a compiler that was taken over from filling the memory of the host.
const CODE: Bytes = Bytes::mebi(256);

/// Components that one host process compiles at once.
///
/// Stops a folder full of costly components from taking the machine, memory above all. Two, so that one of them holds nobody up.
const JOBS: usize = 2;

/// Where components of strangers are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a child of its own, which is the launcher's program started again: it has to call [`dispatch`](super::dispatch) at the
    /// beginning of its `main`, else every compilation ends with an error that says so.
    Child {
        /// Starts the child.
        launcher: Launcher,
        /// What one component may cost.
        limits: CompileLimits,
    },
    /// In this process, with its memory, its time and its rights. For components that are trusted as the program itself is, and for tests.
    Here,
}

/// What compiling one component may cost. At each of these limits the child is ended, and the component is refused with what was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Memory. Stops fifty thousand functions in a megabyte from taking the machine's; the largest honest component needs half of it.
    pub memory: Bytes,
    /// Processor time, of all threads together, to the second. Stops a component that is small and takes hours.
    pub processor: Duration,
    /// Time on the wall, waiting for a processor included.
    pub time: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory: Bytes::gibi(2), processor: Duration::from_secs(90), time: Duration::from_mins(3) }
    }
}

impl Compiler {
    /// In a child, within the limits that every honest component keeps.
    #[must_use]
    pub fn child(launcher: Launcher) -> Self {
        Self::Child { launcher, limits: CompileLimits::default() }
    }

    /// The machine code of a stranger's component. Blocks until it is there.
    pub(in crate::engine) fn compile(&self, engine: &wasmtime::Engine, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        match self {
            Self::Here => precompile(engine, component).code(),
            Self::Child { launcher, limits } => {
                let _turn = Turn::wait();
                wait(in_child(launcher, *limits, component))
            }
        }
    }
}

async fn in_child(launcher: &Launcher, limits: CompileLimits, component: &[u8]) -> Result<Vec<u8>, LoadError> {
    let input = sealed(component).map_err(|error| LoadError::Compiler(format!("its bytes cannot be handed over: {error}")))?;
    let seconds = limits.processor.as_secs().max(1);
    let arguments = [ARGUMENT.to_owned(), seconds.to_string(), limits.memory.0.to_string()];
    // Its own path: `/proc/self/exe` means nothing where the compiler sees no other process.
    let program = fs::canonicalize(launcher.program())
        .map_err(|error| LoadError::Compiler(format!("the program that compiles, `{}`, is gone: {error}", launcher.program().display())))?;
    let permit = policy::compiler(&program, &arguments, limits.memory);
    let output = Arc::new(Capture::default());
    let options = StartOptions {
        stdin: Stdin::File(input),
        cap: CODE,
        deadline: Some(limits.time),
        grace: Duration::ZERO,
        ..StartOptions::new(output.clone())
    };
    let child = launcher.start(permit, options).await.map_err(|error| LoadError::Compiler(error.to_string()))?;
    let ending = child.wait().await.ending;
    let complaint =
        String::from_utf8_lossy(&output.bytes(Channel::Stderr)).chars().take(200).flat_map(char::escape_debug).collect::<String>();
    let limit = |what: String| Err(LoadError::Limit(format!("compiling it takes more than {what}")));
    match ending.kind {
        EndKind::Exited { code: 0 } if ending.truncated => limit(format!("{CODE} of machine code")),
        EndKind::Exited { code } => {
            let answer = Arc::into_inner(output).map(Capture::into_stdout).and_then(Answer::read).filter(|_| code == 0);
            answer.map_or_else(|| Err(LoadError::Compiler(no_answer(code, &complaint))), Answer::code)
        }
        EndKind::TimedOut => limit(format!("{:?}", limits.time)),
        EndKind::Signalled { signal: SIGXCPU } => limit(format!("{seconds} s of processor time")),
        // The allocator gives up, or the memory group of the child is full.
        EndKind::Signalled { signal: SIGABRT | SIGKILL } => limit(format!("{} of memory", limits.memory)),
        kind => Err(LoadError::Compiler(format!("it ended the compiler: {}", describe(kind, &complaint)))),
    }
}

const SIGABRT: u32 = 6;
const SIGKILL: u32 = 9;
const SIGXCPU: u32 = 24;

fn no_answer(code: i32, complaint: &str) -> String {
    match complaint {
        "" => format!(
            "the compiler ended with code {code} and without an answer: the program has to call `worldflux::dispatch` at the beginning of its `main`"
        ),
        complaint => format!("the compiler ended with code {code}: {complaint}"),
    }
}

fn describe(kind: EndKind, complaint: &str) -> String {
    match kind {
        EndKind::Signalled { signal } => format!("signal {signal} {complaint}").trim_end().to_owned(),
        other => format!("{other:?} {complaint}").trim_end().to_owned(),
    }
}

/// The very bytes that were hashed, in memory that nobody can change any more.
fn sealed(bytes: &[u8]) -> io::Result<File> {
    let memory = memfd_create("worldflux-component", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    file.rewind()?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file)
}

/// Components that are being compiled by this process.
static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// The right to compile one.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let (running, ended) = &RUNNING;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= JOBS {
            running = ended.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (running, ended) = &RUNNING;
        *running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ended.notify_one();
    }
}

/// Wait for `future` on this thread. It needs no runtime, and there may be none.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        thread::park();
    }
}
