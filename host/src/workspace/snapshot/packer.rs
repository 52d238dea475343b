//! Puts small contents together.

use std::io;

use super::{objects::Objects, pack::PackWriter};
use crate::names::Digest;

/// So few contents are not worth a pack: with a pack for every few files that changed there would soon be as many packs as files.
const FEW: usize = 64;

/// Contents of up to so many bytes, as they are stored, go into packs. A larger one takes much longer to compress than a file to make, and
/// gives its space back as soon as nobody needs it.
pub(super) const SMALL: usize = 256 << 10;

/// Stores contents together: a few in a file each, many in packs. They are there when it was finished.
pub(super) struct Packer<'o> {
    objects: &'o Objects,
    few: Vec<(Digest, Vec<u8>)>,
    pack: Option<PackWriter<'o>>,
    written: Written,
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The packs.
    pub(super) packs: Vec<Digest>,
    /// The space that everything takes.
    pub(super) space: u64,
}

impl<'o> Packer<'o> {
    pub(super) fn new(objects: &'o Objects) -> Self {
        Self { objects, few: Vec::new(), pack: None, written: Written::default() }
    }

    /// Take a content, as it is stored. The caller gives each only once.
    pub(super) fn add(&mut self, sha256: Digest, stored: &[u8]) -> io::Result<()> {
        let pack = match &mut self.pack {
            Some(pack) => pack,
            None if self.few.len() < FEW => {
                self.few.push((sha256, stored.to_vec()));
                return Ok(());
            }
            None => {
                let mut pack = PackWriter::create(&self.objects.packs.folder)?;
                for (sha256, stored) in self.few.drain(..) {
                    pack.add(sha256, &stored)?;
                }
                self.pack.insert(pack)
            }
        };
        pack.add(sha256, stored)?;
        if pack.is_full() { self.finish_pack() } else { Ok(()) }
    }

    /// Have everything in its place.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        for (sha256, stored) in &self.few {
            self.written.space += self.objects.put(sha256, stored)?;
        }
        self.finish_pack()?;
        Ok(self.written)
    }

    fn finish_pack(&mut self) -> io::Result<()> {
        if let Some(pack) = self.pack.take() {
            let (name, space) = pack.finish()?;
            self.written.packs.push(name);
            self.written.space += space;
        }
        Ok(())
    }
}
