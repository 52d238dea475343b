//! What stands behind the imports of one instance: one small context per interface, none of which sees another.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, filesystem::WasiFilesystemCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    call::Call,
    files::{FilesContext, FilesView},
    gate::Gate,
    http::HttpContext,
    log::LogContext,
    process::ProcessContext,
    secrets::SecretsContext,
    stdio::Lines,
    transfer::TransferContext,
    waits::Waits,
};
use crate::{
    names::Failure,
    policy::{Access, Folder, FolderName, OpenFolder, open_folder, open_machine_folders},
};

/// Bytes of all headers of one HTTP message.
const HEADERS: usize = 64 * 1024;

/// The host's side of one instance. It is dropped with the instance, and everything that it holds with it.
pub struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    requests: HttpContext,
    denied: Arc<Mutex<Option<Failure>>>,
    pub(super) process: ProcessContext,
    pub(super) transfer: TransferContext,
    pub(super) log: LogContext,
    pub(super) secrets: SecretsContext,
    streams: [Lines; 2],
    files: FilesContext,
    waits: u64,
    limiter: Box<dyn ResourceLimiter + Send>,
}

impl Guest {
    /// What one call of an export may reach, with the memory limits of `limiter`.
    ///
    /// Fails where a granted folder cannot be opened.
    pub fn new(call: Call, limiter: Box<dyn ResourceLimiter + Send>) -> wasmtime::Result<Self> {
        let usage = call.children.usage().clone();
        let limits = *usage.limits();
        let gate = Arc::new(Gate::new(call.export, call.rights.clone(), call.record.clone(), usage.clone()));
        let log = LogContext::new(&call, usage);
        let streams = [Lines::new("stdout", log.clone()), Lines::new("stderr", log.clone())];
        let mut wasi = WasiCtxBuilder::new();
        let [stdout, stderr] = streams.clone();
        wasi.stdout(stdout).stderr(stderr).max_random_size(limits.random.0).allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        for folder in Folder::ALL {
            let Some(permit) = open_folder(&call.rights, folder) else { continue };
            let Some(root) = call.folders.root(folder) else { continue };
            wasi.preopened_dir(root.pinned(), folder.guest_path(), perms(permit.into_action().access))?;
        }
        for permit in open_machine_folders(&call.rights) {
            let OpenFolder { folder: FolderName::Machine(folder), access } = permit.into_action() else { continue };
            // One that is gone is not there for the plugin either. One that has become a link is not the folder that was granted.
            let is_itself = folder.path().canonicalize().is_ok_and(|real| real == folder.path());
            if is_itself && folder.path().is_dir() {
                wasi.preopened_dir(folder.path(), folder.as_str(), perms(access))?;
            }
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let denied: Arc<Mutex<Option<Failure>>> = Arc::default();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS);
        Ok(Self {
            wasi: wasi.build(),
            table,
            http,
            requests: HttpContext::new(gate.clone(), call.client.clone(), call.secrets.clone(), denied.clone()),
            denied,
            files: FilesContext::new(gate.clone()),
            secrets: SecretsContext::new(gate.clone(), call.secrets.clone()),
            transfer: TransferContext::new(gate.clone(), &call),
            process: ProcessContext::new(gate, call),
            log,
            streams,
            waits: limits.waits,
            limiter,
        })
    }

    /// The memory limits, for the store.
    pub fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut *self.limiter
    }

    /// Write down what the plugin printed last and what was dropped. Called once the export has ended.
    pub fn close(&mut self) {
        for stream in &self.streams {
            stream.close();
        }
        self.requests.close();
        self.log.close();
    }

    /// The request of the plugin that was denied last, if none has succeeded since. `wasi:http` has a code for it, without a reason and without
    /// its cure, so the plugin cannot hand them on.
    #[must_use]
    pub fn denied(&self) -> Option<Failure> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn waits(&mut self) -> Waits<'_> {
        Waits { table: &mut self.table, left: &mut self.waits }
    }

    pub(super) fn files(&mut self) -> FilesView<'_> {
        let Self { wasi, table, files, .. } = self;
        FilesView { wasi: WasiFilesystemCtxView { ctx: wasi.filesystem(), table }, files }
    }
}

const fn perms(access: Access) -> FsPerms {
    match access {
        Access::Read => FsPerms::ReadOnly,
        Access::Write => FsPerms::ReadWrite,
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.requests }
    }
}
