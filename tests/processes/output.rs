//! Output: nothing lost, nothing late, nothing split, nothing without bound.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use worldflux::{
    names::{Bytes, Channel, EndKind},
    sandbox::{Sink, StartOptions},
};

use crate::kit::{Events, PATIENCE, order, python, run, shell, until};

#[test]
fn two_hundred_commands_lose_not_one_byte() {
    run(async {
        for round in 0..200 {
            let output = order(["echo", "hello"]).output(|_| ()).await;
            assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("hello\n", EndKind::Exited { code: 0 }), "round {round}");
            assert_eq!(output.exit.ending.stdout_bytes, Bytes(6));
        }
    });
}

#[test]
fn the_pieces_put_together_are_the_bytes_of_each_stream() {
    let script = r"
import os
for i in range(3000):
    os.write(1, b'out %d\n\n \n' % i)
    if i % 7 == 0:
        os.write(2, b'\terr %d\r\n' % i)
os.write(1, b'\xff\x00no newline at the end')
";
    let mut expected = (Vec::new(), Vec::new());
    for i in 0..3000 {
        expected.0.extend(format!("out {i}\n\n \n").bytes());
        if i % 7 == 0 {
            expected.1.extend(format!("\terr {i}\r\n").bytes());
        }
    }
    expected.0.extend(b"\xff\x00no newline at the end");
    let output = run(python(script).output(|_| ()));
    assert!(output.bytes(Channel::Stdout) == expected.0);
    assert!(output.bytes(Channel::Stderr) == expected.1);
    assert_eq!(output.exit.ending.stdout_bytes, Bytes(expected.0.len() as u64));
    assert_eq!(output.exit.ending.stderr_bytes, Bytes(expected.1.len() as u64));
    assert!(!output.exit.ending.truncated);
}

#[test]
fn the_first_piece_comes_while_the_command_still_runs() {
    run(async {
        let events = Arc::new(Events::default());
        let child = shell("echo first; exec sleep 1000").start(StartOptions::new(events.clone())).await;
        until("the first line", || events.text() == "first\n").await;
        assert_eq!(child.exit(), None);
        child.kill();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}

#[test]
fn a_full_error_stream_does_not_stop_a_command_whose_output_is_open() {
    let script = "echo begin; head -c 300000 /dev/zero | tr '\\0' e >&2; echo end";
    let output = run(shell(script).output(|options| options.deadline = Some(Duration::from_secs(10))));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert_eq!(output.stdout(), "begin\nend\n");
    assert_eq!(output.bytes(Channel::Stderr), vec![b'e'; 300_000]);
}

#[test]
fn a_character_across_any_read_border_stays_whole() {
    // Each byte in a write of its own, then every split in two; the pause lets the reader see each piece alone.
    let script = r"
import os, time
text = 'aé€𝄞ñ'.encode()
def write(piece):
    os.write(1, piece)
    time.sleep(0.004)
for i in range(len(text)):
    write(text[i:i + 1])
for i in range(1, len(text)):
    write(text[:i])
    write(text[i:])
";
    let output = run(python(script).output(|_| ()));
    let times = 1 + "aé€𝄞ñ".len() - 1;
    assert_eq!(output.stdout(), "aé€𝄞ñ".repeat(times));
    for event in &output.events {
        assert!(std::str::from_utf8(&event.bytes).is_ok(), "{event:?}");
    }
    assert!(output.events.len() > times, "the pieces came one by one: {}", output.events.len());
}

#[test]
fn an_unfinished_character_is_not_kept_back_at_the_end() {
    let output = run(order(["printf", "a\\303"]).output(|_| ()));
    assert_eq!(output.bytes(Channel::Stdout), b"a\xc3");
}

/// Counts, and keeps nothing.
#[derive(Default)]
struct Counter(AtomicU64);

impl Sink for Counter {
    fn take(&self, _: Channel, bytes: bytes::Bytes) {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

#[test]
fn output_beyond_the_cap_is_counted_and_dropped() {
    let counter = Arc::new(Counter::default());
    let sink = counter.clone();
    let output = run(shell("head -c 50000000 /dev/zero; echo done >&2").output(|options| {
        options.cap = Bytes(1000);
        options.sink = sink;
    }));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert_eq!(output.exit.ending.stdout_bytes, Bytes(50_000_000));
    assert_eq!(output.exit.ending.stderr_bytes, Bytes(5));
    assert!(output.exit.ending.truncated);
    assert_eq!(counter.0.load(Ordering::Relaxed), 1005);
}

#[test]
fn memory_does_not_grow_with_the_output() {
    let size = 300_000_000;
    for cap in [Bytes::mebi(1), Bytes::gibi(1)] {
        let counter = Arc::new(Counter::default());
        let sink = counter.clone();
        let before = resident();
        let output = run(shell(&format!("head -c {size} /dev/zero")).output(|options| {
            options.cap = cap;
            options.sink = sink;
        }));
        assert_eq!(output.exit.ending.stdout_bytes, Bytes(size));
        assert_eq!(counter.0.load(Ordering::Relaxed), cap.0.min(size));
        let grown = resident().saturating_sub(before);
        // Other tests run in this process meanwhile; what is excluded is memory in the size of the output.
        assert!(grown < 48 << 20, "{grown} bytes more with a cap of {cap}");
    }
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_background_child_does_not_delay_a_finished_command() {
    let output = run(shell("sleep 1000 & echo hi").output(|_| ()));
    assert_eq!(output.stdout(), "hi\n");
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert!(output.took < PATIENCE, "{:?}", output.took);
}

#[test]
fn a_stranger_who_holds_the_pipe_does_not_delay_a_finished_command() {
    // The command hands its output to a process outside of its tree: this one.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let holder = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = rustix::net::RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = rustix::net::RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&stream, &mut [std::io::IoSliceMut::new(&mut byte)], &mut ancillary, flags).unwrap();
        let message = ancillary.drain().next().unwrap();
        let rustix::net::RecvAncillaryMessage::ScmRights(mut descriptors) = message else { panic!("no descriptor") };
        descriptors.next().unwrap()
    });
    let script = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
socket.send_fds(s, [b'x'], [1])
print('handed over', flush=True)
";
    let mut order = python(script);
    order.argv.push(socket.into());
    let begin = Instant::now();
    let output = run(order.output(|_| ()));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("handed over\n", EndKind::Exited { code: 0 }));
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    drop(holder.join().unwrap());
}

#[test]
fn a_slow_reader_loses_nothing_that_was_written_before_the_end() {
    const SLOW: Duration = Duration::from_secs(3);
    struct Slow(Counter);
    impl Sink for Slow {
        fn take(&self, channel: Channel, bytes: bytes::Bytes) {
            if self.0.0.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(SLOW);
            }
            self.0.take(channel, bytes);
        }
    }
    let slow = Arc::new(Slow(Counter::default()));
    let sink = slow.clone();
    let output = run(python("import os; os.write(1, b'x' * 600000)").output(|options| options.sink = sink));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert_eq!(slow.0.0.load(Ordering::Relaxed), 600_000);
    assert!(output.exit.duration < SLOW, "the command itself was quick: {:?}", output.exit.duration);
}
