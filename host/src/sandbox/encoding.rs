//! How the values of a message become bytes, and come back.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use crate::{
    names::Bytes,
    policy::{ChildLimits, Confinement, Least, Level, Network, View},
};

/// What a message says that nobody can have meant.
pub(super) fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// A message that is written.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn long(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn count(&mut self, count: usize) -> io::Result<()> {
        self.number(u32::try_from(count).map_err(|_| io::ErrorKind::ArgumentListTooLong)?);
        Ok(())
    }

    pub(super) fn confinement(&mut self, confinement: &Confinement) -> io::Result<()> {
        let Confinement::Strict(view) = confinement else {
            self.number(0);
            return Ok(());
        };
        self.number(1);
        for paths in [&view.reads, &view.writes] {
            self.count(paths.len())?;
            for path in paths {
                self.bytes(path.as_os_str().as_bytes())?;
            }
        }
        self.number(u32::from(view.gpu));
        self.number(match view.network {
            Network::None => 0,
            Network::Machine => 1,
            // Which names they are is for the host alone: the supervisor makes the way to it.
            Network::Named => 2,
        });
        self.number(u32::from(view.tool));
        self.level(view.least.0)?;
        // Processors are bounded by the host, from outside.
        let ChildLimits { processes, memory, cpus: _, file } = view.limits;
        self.number(processes);
        for limit in [memory, file] {
            self.number(u32::from(limit.is_some()));
            self.long(limit.map_or(0, |Bytes(bytes)| bytes));
        }
        Ok(())
    }

    pub(super) fn level(&mut self, level: Level) -> io::Result<()> {
        self.count(Level::ALL.iter().position(|known| *known == level).unwrap_or_default())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// What is left of a message that is read.
pub(super) struct Reader<'message>(pub(super) &'message [u8]);

impl Reader<'_> {
    pub(super) fn number(&mut self) -> io::Result<u32> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(broken)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*number))
    }

    pub(super) fn long(&mut self) -> io::Result<u64> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(broken)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    pub(super) fn confinement(&mut self) -> io::Result<Confinement> {
        if self.number()? == 0 {
            return Ok(Confinement::Own);
        }
        let (reads, writes) = (self.paths()?, self.paths()?);
        let gpu = self.number()? != 0;
        let network = match self.number()? {
            0 => Network::None,
            1 => Network::Machine,
            2 => Network::Named,
            _ => return Err(broken()),
        };
        let tool = self.number()? != 0;
        let least = Least(self.level()?);
        let processes = self.number()?;
        let (memory, file) = (self.limit()?, self.limit()?);
        // Which hosts are reached through the proxy is for the one who serves it; a supervisor only makes the way there. What a tool was when it
        // was granted has been compared by then.
        let hosts = BTreeSet::new();
        let limits = ChildLimits { processes, memory, cpus: None, file };
        Ok(Confinement::Strict(View { reads, writes, gpu, network, hosts, tool, known: None, least, limits }))
    }

    pub(super) fn paths(&mut self) -> io::Result<BTreeSet<PathBuf>> {
        (0..self.number()?).map(|_| self.text().map(PathBuf::from)).collect()
    }

    pub(super) fn limit(&mut self) -> io::Result<Option<Bytes>> {
        let is_there = self.number()? != 0;
        let bytes = self.long()?;
        Ok(is_there.then_some(Bytes(bytes)))
    }

    pub(super) fn level(&mut self) -> io::Result<Level> {
        usize::try_from(self.number()?).ok().and_then(|index| Level::ALL.get(index)).copied().ok_or_else(broken)
    }

    pub(super) fn text(&mut self) -> io::Result<OsString> {
        let length = usize::try_from(self.number()?).map_err(|_| broken())?;
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(broken)?;
        self.0 = rest;
        Ok(OsString::from_vec(text.to_vec()))
    }
}
