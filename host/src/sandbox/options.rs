//! How a child process is fed, followed and limited.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::names::{Bytes, Channel};

/// The port on 127.0.0.1, inside of the network of a command that may reach hosts by name, at which the host listens. The number that people know
/// for a proxy.
pub const WAY_OUT: u16 = 3128;

/// Everything around a launch that is not part of what the permit allows.
pub struct StartOptions {
    /// What the command reads on its standard input.
    pub stdin: Stdin,
    /// Who gets the output.
    pub sink: Arc<dyn Sink>,
    /// Bytes of each stream that reach the sink. The rest is read, counted and dropped, so that a command that prints without end
    /// neither stops nor fills the machine.
    pub cap: Bytes,
    /// Time from the start of the command until the host ends its whole tree.
    pub deadline: Option<Duration>,
    /// Time between asking a tree to end and ending it by force. After a deadline it is at most 200 ms.
    pub grace: Duration,
    /// Variables that say the way out, given to a command that may reach hosts by name and to no other. They win over those of the permit: there is
    /// no other way.
    pub way_out: BTreeMap<OsString, OsString>,
}

impl StartOptions {
    /// Empty input, 1 GiB of each stream, no deadline, 5 s of grace.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self { stdin: Stdin::Empty, sink, cap: Bytes::gibi(1), deadline: None, grace: Duration::from_secs(5), way_out: BTreeMap::new() }
    }
}

impl fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The way out is told with a password.
        let Self { stdin, sink: _, cap, deadline, grace, way_out: _ } = self;
        f.debug_struct("StartOptions")
            .field("stdin", stdin)
            .field("cap", cap)
            .field("deadline", deadline)
            .field("grace", grace)
            .finish_non_exhaustive()
    }
}

/// The standard input of a command.
#[derive(Default)]
pub enum Stdin {
    /// At its end at once.
    #[default]
    Empty,
    /// These bytes, then the end. They are written as fast as the command reads; a command that does not read them is no error.
    Bytes(bytes::Bytes),
    /// An open file, or anything else that can be read.
    File(File),
    /// The standard input of the host, whatever it is. Where that is a terminal, the command stays in the host's session and process
    /// group, so that the keys reach it, and the host, as in a shell. A strict command is never given a terminal: it reads nothing instead.
    Terminal,
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::File(_) => f.write_str("File"),
            Self::Terminal => f.write_str("Terminal"),
        }
    }
}

/// Takes the output of one child.
///
/// The calls come from one thread, one after the other: their order is the order of events and of a combined log. The pieces of a stream,
/// put together, are its bytes; a UTF-8 character is never split between two pieces, and bytes that are no UTF-8 come as they are. The last
/// call is over before [`Child::wait`](super::Child::wait) answers.
pub trait Sink: Send + Sync {
    /// The next piece, never empty. While this call lasts the command's output stays in its pipes; the deadline goes on.
    ///
    /// Keeping a piece, or a part of it, keeps a buffer of 256 KiB out of use: made to be handed on without a copy, not to be collected.
    fn take(&self, channel: Channel, bytes: bytes::Bytes);
}

/// A sink that keeps both streams in memory, for programs with little output. Memory is bounded by the cap of the launch.
#[derive(Debug, Default)]
pub struct Capture {
    streams: Mutex<[Vec<u8>; 2]>,
}

impl Capture {
    /// What came on `channel` so far.
    #[must_use]
    pub fn bytes(&self, channel: Channel) -> Vec<u8> {
        let [stdout, stderr] = &*self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match channel {
            Channel::Stdout => stdout.clone(),
            Channel::Stderr => stderr.clone(),
        }
    }
}

impl Capture {
    /// All that came on standard output.
    #[must_use]
    pub fn into_stdout(self) -> Vec<u8> {
        let [stdout, _] = self.streams.into_inner().unwrap_or_else(PoisonError::into_inner);
        stdout
    }
}

impl Sink for Capture {
    fn take(&self, channel: Channel, bytes: bytes::Bytes) {
        let [stdout, stderr] = &mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match channel {
            Channel::Stdout => stdout.extend_from_slice(&bytes),
            Channel::Stderr => stderr.extend_from_slice(&bytes),
        }
    }
}
