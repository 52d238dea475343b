//! What the hostile component is told to do, and how that has to end.

/// One attack. `OUTSIDE` in it stands for a folder that was not granted, with a secret in it.
pub(super) struct Case {
    /// Its number in the catalogue (`tests/hostile/README.md`).
    pub(super) number: &'static str,
    /// What it does, in words.
    pub(super) tried: &'static str,
    /// What the component is told.
    pub(super) behaviour: &'static str,
    /// How it has to end.
    pub(super) end: End,
}

/// How an attack has to end. Whatever is said: nothing outside may have been read or changed, and the next call must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a refusal that the component is told.
    Refused,
    /// With the end of the component: a trap, its deadline, its memory, or an answer that is not taken.
    Ended,
    /// With an answer, since what it did costs nobody anything: output that is counted and cut.
    Harmless,
}

use End::{Ended, Harmless, Refused};

const fn case(number: &'static str, tried: &'static str, behaviour: &'static str, end: End) -> Case {
    Case { number, tried, behaviour, end }
}

/// Each takes at most some seconds.
pub(super) const CASES: &[Case] = &[
    case("FS01", "read a file above a granted folder", "read:/workspace/../outside/secret", Refused),
    case("FS02", "read a file by its absolute path", "read:OUTSIDE/secret", Refused),
    case("FS02", "write a file by its absolute path", "write:OUTSIDE/kept", Refused),
    case("FS02", "remove a file by its absolute path", "remove:OUTSIDE/kept", Refused),
    case("FS07", "open the neighbour of a granted folder", "read:/workspace-2/secret", Refused),
    case("FS09", "list the root of this machine", "list:/", Refused),
    case("FS12", "make a file of 4 exabytes", "sparse:4611686018427387904", Refused),
    case("PR01", "start a shell", "output:sh", Refused),
    case("PR01", "launch a shell that goes on", "launch:sh", Refused),
    case("PR02", "start a program by its path", "output:/bin/sh", Refused),
    case("PR11", "have a program load code", "output-variable:LD_PRELOAD", Refused),
    case("PR25", "stop a process that is not its own", "stop:p1", Refused),
    case("NE01", "connect to this machine", "connect:127.0.0.1:9", Refused),
    case("NE24", "look a name up", "resolve:attacker.test", Refused),
    case("NE01", "send a datagram", "udp", Refused),
    case("NE01", "ask a web server", "http:127.0.0.1:9", Refused),
    case("SE01", "read the variables of this program", "environment", Refused),
    case("RE01", "compute without end", "hang", Ended),
    case("RE02", "call itself without end", "recurse", Ended),
    case("RE03", "take 4 GiB of memory", "grow", Refused),
    case("RE05", "take a million handles", "handles", Ended),
    case("RE06", "log a line of 100 MB", "huge-line", Ended),
    case("RE07", "answer with a huge list", "huge-list", Ended),
    case("RE15", "ask for a gigabyte of random bytes", "random:1073741824", Ended),
    case("PT01", "use a handle that it was never given", "forged-handle:descriptor", Ended),
    case("PT05", "send text that is none", "bad-text:utf-8", Ended),
    case("PT09", "trap", "trap", Ended),
    case("LO01", "steer the terminal", "log-control", Harmless),
    case("LO03", "print a hundred megabytes", "flood-stdout", Harmless),
];
