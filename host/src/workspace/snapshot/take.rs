//! Taking a snapshot: what is in a folder, with every content that is not kept yet stored.

use std::{
    fs::File,
    io::{self, Read, Seek as _, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    memory::{Known, Memory},
    object_file::{Encoder, LEVEL, PLAIN, ZSTD},
    objects::{Part, Writer, memory_path, place},
    stamp::{self, FIELDS, Stamp},
    tree::{Entry, Node, Snapshot, Tree},
};
use crate::{
    names::{Bytes, Digest, Digester},
    workspace::{
        HardLinks, Other, Root, Selection, WorkspaceError,
        walk::{Found, What, walk},
    },
};

/// Threads that read and compress. More than two slow down the command that runs meanwhile.
pub(super) const THREADS: usize = 2;

/// Files up to here are read as a whole, so that what is stored already is not compressed again.
const WHOLE: u64 = 8 << 20;

/// How much of a larger file is read at once, and how much of it tells whether compressing helps.
const PIECE: usize = 1 << 20;

/// A snapshot that was taken.
#[derive(Debug)]
pub struct Taken {
    /// What is kept.
    pub snapshot: Snapshot,
    /// What was in the folder and was not taken, sorted by path.
    pub others: Vec<Other>,
    /// How many files were read; the rest looked as they did when they were read before.
    pub read: usize,
}

/// What one file holds.
struct Seen {
    executable: bool,
    bytes: Bytes,
    sha256: Digest,
    /// How it looks, if it cannot change without looking different.
    settled: Option<[u64; FIELDS]>,
    was_read: bool,
}

/// What is in `folder`, with nothing stored.
pub(super) fn look(folder: &Root, selection: &Selection) -> Result<Tree, WorkspaceError> {
    let found = walk(folder, selection)?.found;
    let seen = see_all(folder, &found, &Memory::default(), None)?;
    Ok(tree(found, &seen))
}

impl Writer<'_> {
    /// Keep what is in `folder`. Files that look as they did at the last snapshot of the folder are not read again.
    ///
    /// A file that is changed meanwhile is kept as it was read. Hard links are kept as files: what a file is called elsewhere is not asked.
    pub fn take(&self, folder: &Root, selection: &Selection) -> Result<Taken, WorkspaceError> {
        let walked = walk(folder, selection)?;
        let memory_place = memory_path(&identity(folder)?.hex())?;
        let memory = Memory::read(&self.objects.root, &memory_place);
        let seen = see_all(folder, &walked.found, &memory, Some(self))?;
        let read = seen.iter().flatten().filter(|seen| seen.was_read).count();
        if read > 0 {
            let all = walked.found.iter().zip(&seen);
            let known = all.filter_map(|(found, seen)| {
                let seen = seen.as_ref()?;
                Some(Known { path: found.path.clone(), fields: seen.settled?, sha256: seen.sha256 })
            });
            self.remember(&memory_place.split().1.to_string_lossy(), &Memory::new(known.collect()))?;
        }
        let tree = tree(walked.found, &seen);
        let digest = self.keep_tree(&tree)?;
        Ok(Taken { snapshot: Snapshot { digest, tree }, others: walked.others, read })
    }

    /// Take a snapshot in the place of `current`. Tells the one that was there.
    pub fn update(&self, current: &mut Snapshot, folder: &Root, selection: &Selection) -> Result<Snapshot, WorkspaceError> {
        let taken = self.take(folder, selection)?;
        Ok(std::mem::replace(current, taken.snapshot))
    }

    fn remember(&self, name: &str, memory: &Memory) -> Result<(), WorkspaceError> {
        let write = || {
            let mut part = Part::create(&self.objects.memory)?;
            part.file.write_all(&memory.bytes())?;
            part.put_as(name)
        };
        write().map_err(|error| self.write_error(error))
    }

    /// Keep a file that is too large for the memory.
    fn keep_large(&self, encoder: &mut Encoder, file: &mut File, piece: &mut Vec<u8>) -> io::Result<(Digest, Bytes)> {
        piece.clear();
        file.rewind()?;
        Read::take(&mut *file, PIECE as u64).read_to_end(piece)?;
        let helps = encoder.encode(piece)?.first() == Some(&ZSTD);
        file.rewind()?;
        let mut part = Part::create(&self.objects.content)?;
        part.file.write_all(&[if helps { ZSTD } else { PLAIN }])?;
        let (digest, bytes) = if helps {
            let mut frame = zstd::Encoder::new(&part.file, LEVEL)?;
            let read = digest_into(file, &mut frame, piece)?;
            frame.finish()?;
            read
        } else {
            digest_into(file, &mut &part.file, piece)?
        };
        let hex = digest.hex();
        if !self.objects.has(&hex) {
            part.put_as(&place(&hex))?;
        }
        Ok((digest, bytes))
    }
}

/// Which folder it is: the same one under another name has the same files.
fn identity(folder: &Root) -> Result<Digest, WorkspaceError> {
    let status = rustix::fs::fstat(folder.folder()).map_err(|errno| folder.at("look at", ".", errno))?;
    Ok(Digest::of(format!("{}:{}", status.st_dev, status.st_ino).as_bytes()))
}

fn tree(found: Vec<Found>, seen: &[Option<Seen>]) -> Tree {
    let entries = found.into_iter().zip(seen).filter_map(|(found, seen)| {
        let node = match found.what {
            What::Link(target) => Node::Link(target),
            What::Folder => Node::Folder,
            What::File(_) => {
                let seen = seen.as_ref()?;
                Node::File { executable: seen.executable, bytes: seen.bytes, sha256: seen.sha256 }
            }
        };
        Some(Entry { path: found.path, node })
    });
    Tree { entries: entries.collect() }
}

/// What every file holds, `None` for what is none, or is gone by now.
fn see_all(folder: &Root, found: &[Found], memory: &Memory, writer: Option<&Writer<'_>>) -> Result<Vec<Option<Seen>>, WorkspaceError> {
    let mut all: Vec<Option<Seen>> = Vec::new();
    all.resize_with(found.len(), || None);
    let pieces = in_threads(found, || Eyes::new(folder, memory, writer), Eyes::see)?;
    for (at, seen) in pieces {
        if let Some(place) = all.get_mut(at) {
            *place = seen;
        }
    }
    Ok(all)
}

/// Do `work` for every item, in some order, by [`THREADS`] that each have a `tool` of their own. Stops at the first error.
pub(super) fn in_threads<I: Sync, T, O: Send>(
    items: &[I],
    tool: impl Fn() -> Result<T, WorkspaceError> + Sync,
    work: impl Fn(&mut T, &I) -> Result<O, WorkspaceError> + Sync,
) -> Result<Vec<(usize, O)>, WorkspaceError> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<WorkspaceError>> = Mutex::new(None);
    let run = || {
        let mut done = Vec::new();
        let mut worker = || {
            let mut tool = tool()?;
            while let (at, Some(item)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                (at, items.get(at))
            } {
                done.push((at, work(&mut tool, item)?));
            }
            Ok(())
        };
        if let Err(error) = worker() {
            next.store(items.len(), Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        done
    };
    let done = if items.len() < 2 {
        run()
    } else {
        thread::scope(|scope| {
            let others: Vec<_> = (1..THREADS).map(|_| scope.spawn(run)).collect();
            let mut done = run();
            for other in others {
                match other.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    };
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(done),
        Some(error) => Err(error),
    }
}

/// What one thread needs to look at files.
struct Eyes<'a> {
    folder: &'a Root,
    memory: &'a Memory,
    writer: Option<&'a Writer<'a>>,
    encoder: Encoder,
    content: Vec<u8>,
}

impl<'a> Eyes<'a> {
    fn new(folder: &'a Root, memory: &'a Memory, writer: Option<&'a Writer<'a>>) -> Result<Self, WorkspaceError> {
        let encoder = Encoder::new().map_err(|error| folder.io("read", ".", error))?;
        Ok(Self { folder, memory, writer, encoder, content: Vec::new() })
    }

    fn see(&mut self, found: &Found) -> Result<Option<Seen>, WorkspaceError> {
        let What::File(listed) = &found.what else { return Ok(None) };
        let kept = |digest: &Digest| self.writer.is_none_or(|writer| writer.objects.has(&digest.hex()));
        if let Some(sha256) = self.memory.get(&found.path, listed).filter(kept) {
            let (executable, bytes) = (listed.is_executable(), Bytes(listed.size()));
            return Ok(Some(Seen { executable, bytes, sha256, settled: Some(listed.fields), was_read: false }));
        }
        let mut file = match self.folder.open_file(&found.path, HardLinks::Take) {
            Ok(file) => file,
            // Something else stands there by now, or nothing.
            Err(error) if error.is_not_found() => return Ok(None),
            Err(WorkspaceError::Link { .. } | WorkspaceError::NotRegular { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = |cause: io::Error| self.folder.io("read", &found.path.to_string(), cause);
        let now = stamp::now();
        let before = stamp_of(&file).map_err(failed)?;
        let (sha256, bytes) = self.content(&mut file, before.size()).map_err(failed)?;
        let after = stamp_of(&file).map_err(failed)?;
        let settled = (before.fields == after.fields && after.is_settled(now)).then_some(after.fields);
        Ok(Some(Seen { executable: after.is_executable(), bytes, sha256, settled, was_read: true }))
    }

    fn content(&mut self, file: &mut File, size: u64) -> io::Result<(Digest, Bytes)> {
        self.content.clear();
        if size <= WHOLE {
            // Also where the file says that it has no bytes, as those below `/proc` do.
            file.take(WHOLE + 1).read_to_end(&mut self.content)?;
            if self.content.len() as u64 <= WHOLE {
                let bytes = Bytes(self.content.len() as u64);
                let digest = match self.writer {
                    Some(writer) => writer.keep(&mut self.encoder, &self.content).map_err(io::Error::other)?,
                    None => Digest::of(&self.content),
                };
                return Ok((digest, bytes));
            }
        }
        let Some(writer) = self.writer else {
            file.rewind()?;
            return digest_into(file, &mut io::sink(), &mut self.content);
        };
        writer.keep_large(&mut self.encoder, file, &mut self.content)
    }
}

fn stamp_of(file: &File) -> io::Result<Stamp> {
    Ok(Stamp::of(&rustix::fs::fstat(file)?))
}

/// Move everything from `source` to `target`, and measure it.
fn digest_into(source: &mut File, target: &mut impl io::Write, piece: &mut Vec<u8>) -> io::Result<(Digest, Bytes)> {
    piece.resize(PIECE, 0);
    let (mut digester, mut bytes) = (Digester::default(), 0_u64);
    loop {
        let length = match source.read(piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok((digester.finish(), Bytes(bytes)));
        }
        bytes = bytes.saturating_add(read.len() as u64);
        digester.update(read);
        target.write_all(read)?;
    }
}
