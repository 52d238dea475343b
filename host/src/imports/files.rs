//! `wasi:filesystem`: the granted folders, with every opening and change written down.
//!
//! `wasmtime-wasi` keeps each path inside its folder. On top of that a plugin can make neither symbolic nor hard links: a link is a
//! name for a file that somebody else will follow, and no runtime needs one.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::{
    filesystem::WasiFilesystemCtxView,
    p2::{
        DynInputStream, DynOutputStream, FsError, FsResult,
        bindings::filesystem::{
            preopens,
            types::{
                self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode,
                Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
        },
    },
};

use super::{
    gate::{Gate, Refusal},
    growth::{Growth, Metered, error_code, file_of},
    naming::{check_name, depth},
};
use crate::{
    names::{Cause, Failure},
    policy::{Denial, OpenFolder, Permit, use_path},
};

/// Listings of folders that a plugin may have open at once; at the limit the next one fails with `insufficient-memory`.
///
/// A listing is read whole when it is opened and kept by the host until it is dropped.
const LISTINGS: usize = 32;

/// The context of this interface in one call.
pub(super) struct FilesContext {
    gate: Arc<Gate>,
    /// Listings that are open.
    listings: usize,
    /// Guest path of every open descriptor, by its number.
    open: HashMap<u32, String>,
}

impl FilesContext {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, listings: 0, open: HashMap::new() }
    }
}

/// The interface, for the linker.
pub(super) struct RecordedFiles;

impl HasData for RecordedFiles {
    type Data<'a> = FilesView<'a>;
}

/// What an import function of this interface sees.
pub(super) struct FilesView<'a> {
    pub(super) wasi: WasiFilesystemCtxView<'a>,
    pub(super) files: &'a mut FilesContext,
}

impl FilesView<'_> {
    /// The guest path of `path` below an open folder. Not resolved: it is for the record, not for a decision.
    fn path(&self, descriptor: &Resource<Descriptor>, path: &str) -> String {
        let folder = self.files.open.get(&descriptor.rep()).map_or("?", String::as_str);
        if path.is_empty() || path == "." { folder.to_owned() } else { format!("{folder}/{path}") }
    }

    /// The permit for the folder that a path begins with.
    fn permit(&self, path: &str) -> Result<Permit<OpenFolder>, Denial> {
        use_path(self.files.gate.rights(), path)
    }

    /// How long a file is, and who pays for what is added; `None` for a folder.
    fn growth(&self, file: &Resource<Descriptor>) -> FsResult<Option<Growth>> {
        let file = file_of(self.wasi.table.get(file)?);
        Ok(file.map(|file| Growth::of(self.files.gate.usage().clone(), file)))
    }

    /// The right to make a file or folder.
    fn make(&self, path: &str, name: &str) -> FsResult<()> {
        check_name(name)?;
        Ok(self.files.gate.usage().make(depth(path))?)
    }

    fn pay_up_to(&self, file: &Resource<Descriptor>, end: u64) -> FsResult<()> {
        Ok(self.growth(file)?.map_or(Ok(()), |mut growth| growth.up_to(end))?)
    }

    /// The stream with a meter in front of it, which begins at `at` or at the end of the file.
    fn metered(
        &mut self,
        stream: Resource<DynOutputStream>,
        growth: Option<Growth>,
        at: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let Some(growth) = growth else { return Ok(stream) };
        let at = at.unwrap_or_else(|| growth.length());
        let inner = self.wasi.table.delete(stream)?;
        let metered: DynOutputStream = Box::new(Metered::new(inner, growth, at));
        Ok(self.wasi.table.push(metered)?)
    }

    fn refuse_link(&self, import: &'static str, action: Value) -> FsError {
        let denial = Denial {
            plugin: self.files.gate.rights().plugin.to_string(),
            action: "make a link".into(),
            rule: "plugins make no links".into(),
            cure: String::new(),
        };
        self.files.gate.refuse(import, action, denial);
        ErrorCode::NotPermitted.into()
    }
}

/// For the record: whether it worked. An error of the file system is an answer like any other.
fn told<T>(result: &Result<T, FsError>) -> Value {
    match result {
        Ok(_) => json!("done"),
        Err(error) => {
            json!({ "error": error.downcast_ref().map_or_else(|| "fault".to_owned(), |code: &ErrorCode| code.name().to_owned()) })
        }
    }
}

/// The gate's own refusals, as this interface can say them.
fn refused(failure: &Failure) -> FsError {
    match failure.cause {
        Cause::Quota => ErrorCode::Quota.into(),
        Cause::Denied { .. } => ErrorCode::NotPermitted.into(),
        _ => ErrorCode::Io.into(),
    }
}

macro_rules! recorded {
    ($self:ident, $import:literal, $path:expr, $action:expr, $effect:expr) => {{
        let decision = $self.permit(&$path);
        let gate = $self.files.gate.clone();
        gate.pass($import, $action, decision.map_err(Refusal::from), async |_| Ok($effect.await), told)
            .await
            .map_err(|failure| refused(&failure))?
    }};
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let directories = preopens::Host::get_directories(&mut self.wasi)?;
        self.files.open.extend(directories.iter().map(|(descriptor, path)| (descriptor.rep(), path.clone())));
        Ok(directories)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        types::Host::convert_error_code(&mut self.wasi, error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        if let Some(exceeded) = self.wasi.table.get(&error)?.downcast_ref() {
            return Ok(Some(error_code(*exceeded)));
        }
        types::Host::filesystem_error_code(&mut self.wasi, error)
    }
}

impl HostDescriptor for FilesView<'_> {
    async fn open_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        name: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        if self.files.open.len() >= self.files.gate.usage().limits().open {
            return Err(ErrorCode::InsufficientMemory.into());
        }
        let path = self.path(&folder, &name);
        let writes = flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY)
            || how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let action = json!({ "path": path, "writes": writes });
        let opened = recorded!(self, "wasi:filesystem/types.open-at", path, action, async {
            // Opening a pipe or a device can wait for ever or act on the machine; only files and folders are opened.
            let again = Resource::new_borrow(folder.rep());
            match self.wasi.stat_at(again, follow, name.clone()).await {
                Ok(DescriptorStat {
                    type_: DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink,
                    ..
                }) => {}
                Ok(_) => return Err(ErrorCode::Unsupported.into()),
                Err(_) if how.contains(OpenFlags::CREATE) => self.make(&path, &name)?,
                Err(_) => {}
            }
            self.wasi.open_at(folder, follow, name, how, flags).await
        })?;
        self.files.open.insert(opened.rep(), path);
        Ok(opened)
    }

    async fn create_directory_at(&mut self, folder: Resource<Descriptor>, name: String) -> FsResult<()> {
        let path = self.path(&folder, &name);
        let action = json!({ "path": path });
        recorded!(self, "wasi:filesystem/types.create-directory-at", path, action, async {
            self.make(&path, &name)?;
            self.wasi.create_directory_at(folder, name).await
        })
    }

    async fn remove_directory_at(&mut self, folder: Resource<Descriptor>, name: String) -> FsResult<()> {
        let path = self.path(&folder, &name);
        let action = json!({ "path": path });
        recorded!(self, "wasi:filesystem/types.remove-directory-at", path, action, self.wasi.remove_directory_at(folder, name))
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, name: String) -> FsResult<()> {
        let path = self.path(&folder, &name);
        let action = json!({ "path": path });
        recorded!(self, "wasi:filesystem/types.unlink-file-at", path, action, self.wasi.unlink_file_at(folder, name))
    }

    async fn rename_at(
        &mut self,
        folder: Resource<Descriptor>,
        name: String,
        new_folder: Resource<Descriptor>,
        new_name: String,
    ) -> FsResult<()> {
        let path = self.path(&folder, &name);
        let to = self.path(&new_folder, &new_name);
        let action = json!({ "path": path, "to": to });
        recorded!(self, "wasi:filesystem/types.rename-at", path, action, async {
            let again = Resource::new_borrow(folder.rep());
            let status = self.wasi.stat_at(again, PathFlags::empty(), name.clone()).await?;
            check_name(&new_name)?;
            let (from, to) = (depth(&path), depth(&to));
            if to > from && status.type_ == DescriptorType::Directory {
                self.files.gate.usage().deepen(to - from)?;
            }
            self.wasi.rename_at(folder, name, new_folder, new_name).await
        })
    }

    async fn link_at(
        &mut self,
        folder: Resource<Descriptor>,
        _: PathFlags,
        name: String,
        new_folder: Resource<Descriptor>,
        new_name: String,
    ) -> FsResult<()> {
        let action = json!({ "path": self.path(&new_folder, &new_name), "to": self.path(&folder, &name) });
        Err(self.refuse_link("wasi:filesystem/types.link-at", action))
    }

    async fn symlink_at(&mut self, folder: Resource<Descriptor>, target: String, name: String) -> FsResult<()> {
        let action = json!({ "path": self.path(&folder, &name), "to": target });
        Err(self.refuse_link("wasi:filesystem/types.symlink-at", action))
    }

    async fn set_times_at(
        &mut self,
        folder: Resource<Descriptor>,
        follow: PathFlags,
        name: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let path = self.path(&folder, &name);
        let action = json!({ "path": path });
        recorded!(
            self,
            "wasi:filesystem/types.set-times-at",
            path,
            action,
            self.wasi.set_times_at(folder, follow, name, accessed, modified)
        )
    }

    fn drop(&mut self, descriptor: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.files.open.remove(&descriptor.rep());
        HostDescriptor::drop(&mut self.wasi, descriptor)
    }

    // The rest reads, or changes a file whose opening for writing is recorded.

    async fn advise(&mut self, file: Resource<Descriptor>, offset: Filesize, length: Filesize, advice: Advice) -> FsResult<()> {
        self.wasi.advise(file, offset, length, advice).await
    }

    async fn sync_data(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.wasi.sync_data(file).await
    }

    async fn get_flags(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.wasi.get_flags(file).await
    }

    async fn get_type(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.wasi.get_type(file).await
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        self.pay_up_to(&file, size)?;
        self.wasi.set_size(file, size).await
    }

    async fn set_times(&mut self, file: Resource<Descriptor>, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.wasi.set_times(file, accessed, modified).await
    }

    async fn read(&mut self, file: Resource<Descriptor>, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.wasi.read(file, length, offset).await
    }

    async fn write(&mut self, file: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.pay_up_to(&file, offset.saturating_add(bytes.len() as u64))?;
        self.wasi.write(file, bytes, offset).await
    }

    async fn read_directory(&mut self, folder: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        if self.files.listings >= LISTINGS {
            return Err(ErrorCode::InsufficientMemory.into());
        }
        let listing = self.wasi.read_directory(folder).await?;
        self.files.listings += 1;
        Ok(listing)
    }

    async fn sync(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.wasi.sync(file).await
    }

    async fn stat(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.wasi.stat(file).await
    }

    async fn stat_at(&mut self, folder: Resource<Descriptor>, follow: PathFlags, name: String) -> FsResult<DescriptorStat> {
        self.wasi.stat_at(folder, follow, name).await
    }

    async fn readlink_at(&mut self, folder: Resource<Descriptor>, name: String) -> FsResult<String> {
        self.wasi.readlink_at(folder, name).await
    }

    fn read_via_stream(&mut self, file: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.wasi.read_via_stream(file, offset)
    }

    fn write_via_stream(&mut self, file: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let growth = self.growth(&file)?;
        let stream = self.wasi.write_via_stream(file, offset)?;
        self.metered(stream, growth, Some(offset))
    }

    fn append_via_stream(&mut self, file: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let growth = self.growth(&file)?;
        let stream = self.wasi.append_via_stream(file)?;
        self.metered(stream, growth, None)
    }

    async fn is_same_object(&mut self, one: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool> {
        self.wasi.is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash(file).await
    }

    async fn metadata_hash_at(&mut self, folder: Resource<Descriptor>, follow: PathFlags, name: String) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash_at(folder, follow, name).await
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(&mut self, stream: Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>> {
        self.wasi.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.files.listings = self.files.listings.saturating_sub(1);
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}
