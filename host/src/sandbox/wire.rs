//! What host and supervisor say to each other.
//!
//! Both sides are of the same build, which the first argument of a supervisor says, so the format has none.

use std::{
    ffi::OsStr,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::encoding::{Reader, Writer, broken};

/// Longest message.
///
/// Stops a broken peer from making the other side allocate without bound; Linux takes far less for arguments and variables.
const LONGEST: usize = 64 << 20;

/// The second argument of a supervisor. One of another build, left beside a program that was replaced, does not know it, and ends instead
/// of misreading what it is sent.
pub(super) const HELPER_ARGUMENT: &str = concat!("__child-", env!("SUPERVISOR_BUILD"));

/// The third argument of a supervisor that makes namespaces before it is told what to start in them.
pub(super) const INSIDE_ARGUMENT: &str = "inside";

/// The third argument of a supervisor that bubblewrap starts as the first process of a sandbox.
pub(super) const WITHIN_ARGUMENT: &str = "within";

/// What the host asks of a running supervisor: one byte each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGTERM to the tree.
    Stop,
    /// SIGKILL to the tree.
    Kill,
}

/// What the supervisor tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The command runs.
    Started {
        /// Its process id.
        pid: u32,
    },
    /// The command could not be started, and nothing of it ran.
    Failed {
        /// At what.
        step: Step,
        /// What the system said.
        errno: i32,
        /// The file it was about, if any.
        file: PathBuf,
    },
    /// The command ended. What is left of its tree is ended next.
    Ended {
        /// Its exit code, or else the signal that ended it.
        status: Result<i32, u32>,
        /// Whether it still ran when the host asked for its end.
        asked: bool,
        /// From just before its start to its end. Measured where it ran, so that a busy host does not make it longer or shorter.
        ran: Duration,
    },
}

/// The steps of a start that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Confining it. The file is a text: the part of the sandbox that could not be made.
    Profile,
    /// Giving it a file or a folder of its view.
    View,
    /// Session, subreaper, limits.
    Setup,
    /// Entering the working directory.
    Directory,
    /// Finding the program.
    Find,
    /// The file is not executable.
    Permission,
    /// Executing it.
    Execute,
}

impl Step {
    const ALL: [Self; 7] = [Self::Profile, Self::View, Self::Setup, Self::Directory, Self::Find, Self::Permission, Self::Execute];
}

/// Send one request.
pub(super) fn send_request(mut socket: &UnixStream, request: Request) -> io::Result<()> {
    socket.write_all(match request {
        Request::Stop => b"s",
        Request::Kill => b"k",
    })
}

/// Wait for the next request; `None` when the host is gone.
pub(super) fn receive_request(mut socket: &UnixStream) -> Option<Request> {
    let mut byte = [0];
    socket.read_exact(&mut byte).ok()?;
    match &byte {
        b"s" => Some(Request::Stop),
        _ => Some(Request::Kill),
    }
}

/// Send one report.
pub(super) fn send_report(mut socket: &UnixStream, report: &Report) -> io::Result<()> {
    socket.write_all(&frame(report)?)
}

/// Send the report of a start, and the way out of the command's network where it has one.
pub(super) fn send_start(mut socket: &UnixStream, report: &Report, way_out: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let Some(way_out) = way_out else { return send_report(socket, report) };
    let frame = frame(report)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [way_out];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(socket, &[IoSlice::new(&frame)], &mut ancillary, SendFlags::NOSIGNAL)?;
    socket.write_all(frame.get(sent..).unwrap_or_default())
}

fn frame(report: &Report) -> io::Result<Vec<u8>> {
    let mut message = Writer::default();
    match report {
        Report::Started { pid } => {
            message.number(0);
            message.number(*pid);
        }
        Report::Failed { step, errno, file } => {
            message.number(1);
            message.count(Step::ALL.iter().position(|known| known == step).unwrap_or_default())?;
            message.number(errno.cast_unsigned());
            message.bytes(file.as_os_str().as_bytes())?;
        }
        Report::Ended { status, asked, ran } => {
            message.number(2);
            message.number(u32::from(status.is_err()));
            message.number(status.map_or_else(|signal| signal, i32::cast_unsigned));
            message.number(u32::from(*asked));
            message.long(u64::try_from(ran.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let mut frame = length_of(&message.0)?.to_vec();
    frame.append(&mut message.0);
    Ok(frame)
}

/// Wait for the first report, which can bring the way out of the command's network. `UnexpectedEof` when the supervisor is gone.
pub(super) fn receive_start(mut socket: &UnixStream) -> io::Result<(Report, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0; 4];
    // A descriptor comes with the first byte, whoever reads that.
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut length)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    if received == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let way_out = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    socket.read_exact(length.get_mut(received..).unwrap_or_default())?;
    Ok((read_report(socket, length)?, way_out))
}

/// Wait for the next report. `UnexpectedEof` when the supervisor is gone.
pub(super) fn receive_report(mut socket: &UnixStream) -> io::Result<Report> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    read_report(socket, length)
}

fn read_report(socket: &UnixStream, length: [u8; 4]) -> io::Result<Report> {
    let body = receive_body(socket, length)?;
    let mut message = Reader(&body);
    match message.number()? {
        0 => Ok(Report::Started { pid: message.number()? }),
        1 => {
            let step = usize::try_from(message.number()?).ok().and_then(|index| Step::ALL.get(index)).copied();
            let errno = message.number()?.cast_signed();
            Ok(Report::Failed { step: step.ok_or_else(broken)?, errno, file: message.text()?.into() })
        }
        2 => {
            let by_signal = message.number()? != 0;
            let number = message.number()?;
            let status = if by_signal { Err(number) } else { Ok(number.cast_signed()) };
            let asked = message.number()? != 0;
            Ok(Report::Ended { status, asked, ran: Duration::from_nanos(message.long()?) })
        }
        _ => Err(broken()),
    }
}

/// The text as it can be shown to a person.
pub(super) fn shown(text: impl AsRef<OsStr>) -> String {
    Path::new(text.as_ref()).display().to_string().escape_debug().take(200).collect()
}

pub(super) fn receive_body(mut socket: &UnixStream, length: [u8; 4]) -> io::Result<Vec<u8>> {
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(broken());
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok(body)
}

pub(super) fn length_of(body: &[u8]) -> io::Result<[u8; 4]> {
    if body.len() > LONGEST {
        return Err(io::ErrorKind::ArgumentListTooLong.into());
    }
    Ok(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsFd};

    use super::*;

    #[test]
    fn every_report_arrives_as_it_was_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        let failed = |step| Report::Failed { step, errno: 13, file: "/x".into() };
        let ended = |status| Report::Ended { status, asked: true, ran: Duration::from_nanos(1_234_567_890) };
        let mut reports = vec![Report::Started { pid: 7 }, ended(Ok(255)), ended(Err(9))];
        reports.extend(Step::ALL.map(failed));
        for report in reports {
            send_report(&here, &report).unwrap();
            assert_eq!(receive_report(&there).unwrap(), report);
        }
    }

    #[test]
    fn a_way_out_arrives_with_the_start_and_is_not_inherited() {
        let (here, there) = UnixStream::pair().unwrap();
        let started = Report::Started { pid: 7 };
        for way_out in [None, Some(File::open("/dev/null").unwrap())] {
            send_start(&here, &started, way_out.as_ref().map(AsFd::as_fd)).unwrap();
            let (report, arrived) = receive_start(&there).unwrap();
            assert_eq!((report, arrived.is_some()), (Report::Started { pid: 7 }, way_out.is_some()));
            let flags = arrived.map(|arrived| rustix::io::fcntl_getfd(arrived).unwrap());
            assert!(flags.is_none_or(|flags| flags.contains(rustix::io::FdFlags::CLOEXEC)));
        }
        drop(here);
        assert_eq!(receive_start(&there).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_length_that_no_message_has_is_refused_before_memory_is_taken() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&[0xff; 4]).unwrap();
        assert_eq!(receive_report(&there).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_peer_that_leaves_is_noticed() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        assert_eq!(receive_report(&there).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(receive_request(&there), None);
    }
}
