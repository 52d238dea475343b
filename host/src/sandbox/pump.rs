//! Moves the bytes of one child: its output to the sink, its input to it.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
    pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with},
};

use super::{
    buffers::Buffers,
    options::Sink,
    stream::{BUFFER, Count, Stream},
};
use crate::names::{Bytes, Channel};

/// Size that is asked for a pipe. A larger pipe means fewer changes between the command and its reader.
const PIPE: usize = 1 << 20;

/// Most bytes of input given at once.
const FEED: usize = 64 << 10;

/// Bytes of a piece from which a stream flows, so that more is on its way, and from which it is large, and is handed on without a copy.
const FLOW: u64 = 4 << 10;
const LARGE: u64 = 64 << 10;

/// How long a stream that flows is left alone after a piece that was not large, so that the next one is. Without it a command that writes
/// little at a time, as the clients of container daemons do, wakes this thread and the reader for every 32 KiB, and on a machine with few
/// processors those are what the command itself lacks. A pipe holds what comes in this time at 2 GB/s.
const GATHER: Duration = Duration::from_micros(500);

/// Silence after which the output counts as over when the tree is gone and somebody outside of it still holds the pipe.
const SILENCE: Duration = Duration::from_millis(50);

/// Longest time that such a holder is listened to when it does not fall silent, after everything that the tree can have written.
const LINGER: Duration = Duration::from_millis(500);

/// A pipe for the output of a command: what is read here, what the command writes to.
pub(super) fn output_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (here, there) = pipe_with(PipeFlags::CLOEXEC)?;
    // Beyond what the system allows a user in all, the pipe stays as it is.
    let _ = fcntl_setpipe_size(&here, PIPE);
    set_nonblocking(&here)?;
    Ok((here, there))
}

/// A pipe for the input of a command: what is written to here, what the command reads.
pub(super) fn input_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (there, here) = pipe_with(PipeFlags::CLOEXEC)?;
    set_nonblocking(&here)?;
    Ok((here, there))
}

fn set_nonblocking(descriptor: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(descriptor, fcntl_getfl(descriptor)? | OFlags::NONBLOCK)
}

/// The host's ends of the streams of one child.
pub(super) struct Pump {
    outputs: [Output; 2],
    input: Option<Input>,
    tree_is_gone: OwnedFd,
    sink: Arc<dyn Sink>,
}

struct Output {
    channel: Channel,
    pipe: Option<OwnedFd>,
    stream: Stream,
    /// Bytes that the tree may have left in the pipe. Known once it is gone.
    owed: u64,
    /// Whether the pipe has room for what comes while nobody reads for a moment.
    is_large: bool,
}

struct Input {
    pipe: OwnedFd,
    bytes: bytes::Bytes,
}

impl Pump {
    /// `tree_is_gone` becomes readable when nothing of the tree is left.
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd, cap: Bytes, sink: Arc<dyn Sink>, tree_is_gone: OwnedFd) -> Self {
        let output = |channel, pipe: OwnedFd| {
            let is_large = fcntl_getpipe_size(&pipe).is_ok_and(|size| size >= PIPE);
            Output { channel, pipe: Some(pipe), stream: Stream::new(cap), owed: 0, is_large }
        };
        let outputs = [output(Channel::Stdout, stdout), output(Channel::Stderr, stderr)];
        Self { outputs, input: None, tree_is_gone, sink }
    }

    /// Write `bytes` to `pipe`, then close it.
    pub(super) fn feed(&mut self, pipe: OwnedFd, bytes: bytes::Bytes) {
        self.input = Some(Input { pipe, bytes });
    }

    /// Move everything there is; answers with what went through standard output and standard error.
    ///
    /// One thread for all, so that the order of the pieces needs no agreement. It is over when both outputs are at their end and the
    /// input is written; once the tree is gone, also when nothing more comes.
    pub(super) fn run(mut self) -> [Count; 2] {
        let buffers = Buffers::new(BUFFER);
        let mut gone_since = None;
        while self.input.is_some() || self.outputs.iter().any(|output| output.pipe.is_some()) {
            let ready = match self.poll(gone_since) {
                Ok(Some(ready)) => ready,
                Err(Errno::INTR) => continue,
                Ok(None) | Err(_) => break,
            };
            if ready.tree_is_gone {
                gone_since = Some(Instant::now());
                self.input = None;
                self.outputs.iter_mut().for_each(Output::expect_the_rest);
            }
            if ready.input {
                self.write();
            }
            let mut flows = false;
            for (output, ready) in self.outputs.iter_mut().zip(ready.outputs) {
                if ready {
                    flows |= output.read(&buffers, &*self.sink);
                }
            }
            // A command that is being fed waits for its input, not for room.
            if flows && self.input.is_none() && gone_since.is_none() {
                thread::sleep(GATHER);
            }
        }
        for output in &mut self.outputs {
            output.finish(&*self.sink);
        }
        self.outputs.each_ref().map(|output| output.stream.count())
    }

    /// Wait until something can be done; `None` when nothing will be any more.
    fn poll(&self, gone_since: Option<Instant>) -> Result<Option<Ready>, Errno> {
        let quiet = match gone_since {
            Some(since) if since.elapsed() >= LINGER && self.outputs.iter().all(Output::owes_nothing) => return Ok(None),
            Some(_) => Timespec::try_from(SILENCE).ok(),
            None => None,
        };
        let mut waiting = Vec::with_capacity(4);
        for output in &self.outputs {
            waiting.extend(output.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        }
        waiting.extend(self.input.as_ref().map(|input| PollFd::new(&input.pipe, PollFlags::OUT)));
        if gone_since.is_none() {
            waiting.push(PollFd::new(&self.tree_is_gone, PollFlags::IN));
        }
        if poll(&mut waiting, quiet.as_ref())? == 0 {
            return Ok(None);
        }
        let mut answers = waiting.iter().map(|entry| !entry.revents().is_empty());
        let mut next = |was_asked: bool| was_asked && answers.next().unwrap_or(false);
        let outputs = self.outputs.each_ref().map(|output| next(output.pipe.is_some()));
        Ok(Some(Ready { outputs, input: next(self.input.is_some()), tree_is_gone: next(gone_since.is_none()) }))
    }

    /// Write once. A command that closed its input, or ended, wants no more: that is no error.
    fn write(&mut self) {
        let Some(input) = &mut self.input else { return };
        let piece = input.bytes.get(..FEED).unwrap_or(&input.bytes);
        match rustix::io::write(&input.pipe, piece) {
            Ok(written) => drop(input.bytes.split_to(written.min(input.bytes.len()))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => input.bytes.clear(),
        }
        if input.bytes.is_empty() {
            self.input = None;
        }
    }
}

struct Ready {
    outputs: [bool; 2],
    input: bool,
    tree_is_gone: bool,
}

impl Output {
    /// Nobody of the tree writes any more: what it wrote is in the pipe, which holds so much at most.
    fn expect_the_rest(&mut self) {
        self.owed = self.pipe.as_ref().map_or(0, |pipe| fcntl_getpipe_size(pipe).unwrap_or(PIPE) as u64);
    }

    const fn owes_nothing(&self) -> bool {
        self.pipe.is_none() || self.owed == 0
    }

    /// Read once; whether more is on its way that is better waited for.
    fn read(&mut self, buffers: &Buffers, sink: &dyn Sink) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let read = |space: &mut [u8]| rustix::io::read(pipe.as_fd(), space).map_err(std::io::Error::from);
        let before = self.stream.count().total.0;
        match self.stream.read(buffers, read, |piece| sink.take(self.channel, piece)) {
            Ok(true) => {
                let came = self.stream.count().total.0 - before;
                self.owed = self.owed.saturating_sub(came);
                return self.is_large && (FLOW..LARGE).contains(&came);
            }
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::AGAIN | Errno::INTR)) => {}
            Ok(false) | Err(_) => self.finish(sink),
        }
        false
    }

    fn finish(&mut self, sink: &dyn Sink) {
        if self.pipe.take().is_some() {
            self.stream.finish(|piece| sink.take(self.channel, piece));
        }
    }
}
