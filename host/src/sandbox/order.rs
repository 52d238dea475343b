//! What the host tells a supervisor that waits.
//!
//! It goes over the control socket and not over the supervisor's command line, which everybody on the machine can read.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, net::UnixStream},
    },
    path::{Path, PathBuf},
};

use rustix::{
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg},
    process::{Pid, getpid},
};

use super::{
    encoding::{Reader, Writer, broken},
    wire::{length_of, receive_body},
};
use crate::policy::{Level, StartProcess};

/// What the supervisor is to start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Launch {
    /// Exactly what the permit allows.
    pub(super) process: StartProcess,
    /// Whether the command shares the session and the process group of the host.
    pub(super) shares_terminal: bool,
    /// What confines the command: `none` for the profile `own`.
    pub(super) level: Level,
    /// The file to execute, where the host has found it already; else the supervisor looks for it.
    pub(super) program: Option<PathBuf>,
}

/// What a supervisor that waits is told.
pub(super) enum Order {
    /// Start a command, with these streams.
    Launch(Box<Launch>, [OwnedFd; 3]),
    /// Become two. The other one is told over this socket what it is to start.
    Double(UnixStream),
}

/// Send `launch` and the three streams of the command.
pub(super) fn send_launch(socket: &UnixStream, launch: &Launch, streams: &[OwnedFd; 3]) -> io::Result<()> {
    let StartProcess { argv, variables, working_directory, confinement } = &launch.process;
    let mut message = Writer::default();
    message.confinement(confinement)?;
    message.number(u32::from(launch.shares_terminal));
    message.level(launch.level)?;
    message.number(u32::from(launch.program.is_some()));
    message.bytes(launch.program.as_deref().unwrap_or(Path::new("")).as_os_str().as_bytes())?;
    message.bytes(working_directory.as_os_str().as_bytes())?;
    message.count(argv.len())?;
    for argument in argv {
        message.bytes(argument.as_bytes())?;
    }
    message.count(variables.len())?;
    for (name, value) in variables {
        message.bytes(name.as_bytes())?;
        message.bytes(value.as_bytes())?;
    }

    let [stdin, stdout, stderr] = streams.each_ref().map(AsFd::as_fd);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let streams = [stdin, stdout, stderr];
    ancillary.push(SendAncillaryMessage::ScmRights(&streams));
    let length = length_of(&message.0)?;
    let sent = sendmsg(socket, &[IoSlice::new(&length)], &mut ancillary, SendFlags::NOSIGNAL)?;
    let rest = length.get(sent..).unwrap_or_default();
    let mut socket = socket;
    socket.write_all(rest)?;
    socket.write_all(&message.0)
}

/// Ask a supervisor that waits to become two, and learn the number of the other one, which has the other end of `socket`.
pub(super) fn send_double(control: &UnixStream, mut socket: &UnixStream, other: OwnedFd) -> io::Result<Pid> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let sent = [other.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&sent));
    sendmsg(control, &[IoSlice::new(&[0; 4])], &mut ancillary, SendFlags::NOSIGNAL)?;
    // Where nobody else has it, the socket is at its end, and nobody waits.
    drop(other);
    let mut number = [0; 4];
    socket.read_exact(&mut number)?;
    Pid::from_raw(i32::from_le_bytes(number)).ok_or_else(broken)
}

/// Say that this process is the other one.
pub(super) fn send_number(mut socket: &UnixStream) -> io::Result<()> {
    socket.write_all(&getpid().as_raw_pid().to_le_bytes())
}

/// Receive what [`send_launch`] or [`send_double`] sent.
pub(super) fn receive_order(socket: &UnixStream) -> io::Result<Order> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0; 4];
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut length)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            descriptors.extend(some);
        }
    }
    let mut socket = socket;
    socket.read_exact(length.get_mut(received..).unwrap_or_default())?;
    let streams = match <[OwnedFd; 3]>::try_from(descriptors) {
        Ok(streams) => streams,
        Err(mut one) if one.len() == 1 && length == [0; 4] => {
            return one.pop().map(|other| Order::Double(other.into())).ok_or_else(broken);
        }
        Err(_) => return Err(broken()),
    };

    let body = receive_body(socket, length)?;
    let mut message = Reader(&body);
    let confinement = message.confinement()?;
    let shares_terminal = message.number()? != 0;
    let level = message.level()?;
    let (has_program, program) = (message.number()? != 0, PathBuf::from(message.text()?));
    let working_directory = PathBuf::from(message.text()?);
    let argv = (0..message.number()?).map(|_| message.text()).collect::<io::Result<_>>()?;
    let variables = (0..message.number()?).map(|_| Ok((message.text()?, message.text()?))).collect::<io::Result<_>>()?;
    let process = StartProcess { argv, variables, working_directory, confinement };
    let launch = Launch { process, shares_terminal, level, program: has_program.then_some(program) };
    Ok(Order::Launch(Box::new(launch), streams))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        ffi::OsString,
        fs::File,
        os::unix::ffi::OsStringExt,
        thread,
    };

    use super::*;
    use crate::{
        names::Bytes,
        policy::{ChildLimits, Confinement, Least, Network, View},
    };

    fn null() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn a_launch_arrives_byte_for_byte() {
        for network in [Network::None, Network::Machine, Network::Named] {
            arrives(network);
        }
    }

    fn arrives(network: Network) {
        let odd = OsString::from_vec(vec![0xff, b'\n', 0xc3]);
        let process = StartProcess {
            argv: vec!["".into(), odd.clone()],
            variables: BTreeMap::from([(odd.clone(), "".into()), ("A".into(), odd.clone())]),
            working_directory: odd.into(),
            confinement: Confinement::Strict(View {
                reads: BTreeSet::from(["/a".into(), "/b".into()]),
                writes: BTreeSet::from(["/c".into()]),
                gpu: true,
                network,
                hosts: [].into(),
                tool: true,
                known: None,
                least: Least(Level::KernelFilter),
                limits: ChildLimits { processes: 7, memory: Some(Bytes(8)), cpus: None, file: None },
            }),
        };
        let launch = Launch { process, shares_terminal: true, level: Level::Full, program: Some("/d".into()) };
        let (here, there) = UnixStream::pair().unwrap();
        send_launch(&here, &launch, &[null(), null(), null()]).unwrap();
        let Order::Launch(received, _) = receive_order(&there).unwrap() else { panic!("it is a launch") };
        assert_eq!(*received, launch);
    }

    #[test]
    fn another_supervisor_is_asked_for_and_says_its_number() {
        let (here, there) = UnixStream::pair().unwrap();
        let (own, other) = UnixStream::pair().unwrap();
        let supervisor = thread::spawn(move || {
            let Order::Double(socket) = receive_order(&there).unwrap() else { panic!("it is no launch") };
            send_number(&socket).unwrap();
        });
        assert_eq!(send_double(&here, &own, other.into()).unwrap(), getpid());
        supervisor.join().unwrap();
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (length, descriptors) in [(0, 2), (1, 1), (0, 0)] {
            let (here, there) = UnixStream::pair().unwrap();
            let sent: Vec<_> = (0..descriptors).map(|_| null()).collect();
            let sent: Vec<_> = sent.iter().map(AsFd::as_fd).collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            ancillary.push(SendAncillaryMessage::ScmRights(&sent));
            sendmsg(&here, &[IoSlice::new(&u32::to_le_bytes(length))], &mut ancillary, SendFlags::empty()).unwrap();
            assert!(receive_order(&there).is_err(), "{length} {descriptors}");
        }
    }
}
