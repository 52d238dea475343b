//! The command's end of its standard input.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{FileType, fstat},
    net::{
        AddressFamily,
        sockopt::{socket_domain, socket_type},
    },
    termios::isatty,
};

use super::{
    error::{SpawnError, failed},
    options::Stdin,
    pump::{self, Pump},
};

/// Open what the command will read. Where the host writes it, that is left to the `pump`.
///
/// To a strict command no terminal is handed on: whoever holds one can read what the user types elsewhere, and paint what they see. It reads
/// nothing instead, as from an empty input.
pub(super) fn open(stdin: Stdin, is_strict: bool, pump: &mut Pump) -> Result<OwnedFd, SpawnError> {
    let input = match stdin {
        Stdin::Bytes(bytes) if !bytes.is_empty() => {
            let (here, there) = pump::input_pipe().map_err(failed("make a pipe"))?;
            pump.feed(here, bytes);
            return Ok(there);
        }
        Stdin::Empty | Stdin::Bytes(_) => return empty(),
        Stdin::File(file) => file.into(),
        Stdin::Terminal => rustix::stdio::stdin().as_fd().try_clone_to_owned().map_err(failed("share its standard input"))?,
    };
    match is_strict {
        true if isatty(&input) => empty(),
        true if !is_only_data(&input) => {
            let reason = "a strict program could reach through it what it does not see: give it a file or a pipe";
            Err(SpawnError::Invalid { what: "the standard input".into(), reason })
        }
        _ => Ok(input),
    }
}

fn empty() -> Result<OwnedFd, SpawnError> {
    File::open("/dev/null").map(OwnedFd::from).map_err(failed("open /dev/null"))
}

/// Whether nothing but its bytes can be had through it: from a folder paths go on, and a socket of the host's network can be connected anew.
fn is_only_data(input: &OwnedFd) -> bool {
    let Ok(status) = fstat(input) else { return false };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile | FileType::Fifo | FileType::CharacterDevice => true,
        FileType::Socket => socket_domain(input) == Ok(AddressFamily::UNIX) && socket_type(input) == Ok(rustix::net::SocketType::STREAM),
        _ => false,
    }
}
