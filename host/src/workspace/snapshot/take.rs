//! Taking a snapshot: what is in a folder, with every content that is not kept yet stored.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::{
    buffer::spare_capacity,
    io::{Errno, read},
};

use super::{
    memory::{Known, Memory},
    objects::{Part, Writer, memory_path},
    stamp::{self, FIELDS, Stamp},
    storing::{Storage, Store, digest_into},
    tree::{Entry, Node, Snapshot, Tree},
};
use crate::{
    names::{Bytes, Digest},
    workspace::{
        Other, Root, Selection, WorkspaceError,
        walk::{Found, What, walk},
    },
};

/// Threads that list, read and compress. More than two slow down the command that runs meanwhile.
pub(super) const THREADS: usize = 2;

/// Files up to here are read as a whole, so that what is stored already is not compressed again.
const WHOLE: usize = 8 << 20;

/// How much is read at once of a file that does not say how long it is.
const PAGE: usize = 4 << 10;

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
        let seen = see_all(folder, &walked.found, &memory, Some(&Storage::new(self)?))?;
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
fn see_all(folder: &Root, found: &[Found], memory: &Memory, storage: Option<&Storage<'_>>) -> Result<Vec<Option<Seen>>, WorkspaceError> {
    let mut all: Vec<Option<Seen>> = Vec::new();
    all.resize_with(found.len(), || None);
    let pieces = in_threads(found, || Eyes::new(folder, memory, storage), Eyes::see, Eyes::close)?;
    for (at, seen) in pieces {
        if let Some(place) = all.get_mut(at) {
            *place = seen;
        }
    }
    Ok(all)
}

/// Do `work` for every item, in some order, by [`THREADS`] that each have a `tool` of their own, and come to an `end` with it. Stops at the
/// first error.
pub(in crate::workspace) fn in_threads<I: Sync, T, O: Send>(
    items: &[I],
    tool: impl Fn() -> Result<T, WorkspaceError> + Sync,
    work: impl Fn(&mut T, &I) -> Result<O, WorkspaceError> + Sync,
    end: impl Fn(T) -> Result<(), WorkspaceError> + Sync,
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
            end(tool)
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
    store: Option<Store<'a>>,
    content: Vec<u8>,
}

impl<'a> Eyes<'a> {
    fn new(folder: &'a Root, memory: &'a Memory, storage: Option<&'a Storage<'a>>) -> Result<Self, WorkspaceError> {
        Ok(Self { folder, memory, store: storage.map(Store::new).transpose()?, content: Vec::new() })
    }

    fn see(&mut self, found: &Found) -> Result<Option<Seen>, WorkspaceError> {
        let What::File(listed) = &found.what else { return Ok(None) };
        let kept = |digest: &Digest| self.store.as_ref().is_none_or(|store| store.has(digest));
        if let Some(sha256) = self.memory.get(&found.path, listed).filter(kept) {
            let (executable, bytes) = (listed.is_executable(), Bytes(listed.size()));
            return Ok(Some(Seen { executable, bytes, sha256, settled: Some(listed.fields), was_read: false }));
        }
        let now = stamp::now();
        let (mut file, before) = match self.folder.open_to_read(&found.path) {
            Ok((file, status)) => (file, Stamp::of(&status)),
            // Something else stands there by now, or nothing.
            Err(error) if error.is_not_found() => return Ok(None),
            Err(WorkspaceError::Link { .. } | WorkspaceError::NotRegular { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = |cause: io::Error| self.folder.io("read", &found.path.to_string(), cause);
        let (sha256, bytes) = self.content(&mut file, before.size()).map_err(failed)?;
        let after = Stamp::of(&rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?);
        let settled = (before.fields == after.fields && after.is_settled(now)).then_some(after.fields);
        Ok(Some(Seen { executable: after.is_executable(), bytes, sha256, settled, was_read: true }))
    }

    fn content(&mut self, file: &mut File, size: u64) -> io::Result<(Digest, Bytes)> {
        if let Some(content) = read_whole(file, size, &mut self.content)? {
            let digest = match &mut self.store {
                Some(store) => store.keep(content).map_err(io::Error::other)?,
                None => Digest::of(content),
            };
            return Ok((digest, Bytes(content.len() as u64)));
        }
        if let Some(store) = &mut self.store {
            return store.keep_large(file, &mut self.content);
        }
        file.rewind()?;
        digest_into(file, &mut io::sink(), &mut self.content)
    }

    fn close(self) -> Result<(), WorkspaceError> {
        self.store.map_or(Ok(()), Store::finish)
    }
}

/// What is in a file of at most [`WHOLE`] that says that it has so many bytes. Those below `/proc` say that they have none.
fn read_whole<'c>(file: &File, size: u64, content: &'c mut Vec<u8>) -> io::Result<Option<&'c [u8]>> {
    content.clear();
    let Some(size) = usize::try_from(size).ok().filter(|size| *size <= WHOLE) else { return Ok(None) };
    // With room for more, so that the last read is the one that finds the end.
    content.reserve(size + PAGE);
    while content.len() <= WHOLE {
        content.reserve(1);
        match read(file, spare_capacity(content)) {
            Ok(0) => return Ok(Some(content)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(None)
}
