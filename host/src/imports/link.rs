//! The list of everything that a component can import.

use wasmtime::{
    StoreContextMut,
    component::{HasData, Linker, Resource},
};
use wasmtime_wasi::{
    cli::{WasiCli, WasiCliView},
    p2::bindings::{cli, filesystem, io, random, sockets},
    random::{WasiRandom, WasiRandomView},
    sockets::{WasiSockets, WasiSocketsView},
};

use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::{
        bindings::http::{
            outgoing_handler::Host as _,
            types::{IoError, RequestOptions},
        },
        types::HostOutgoingRequest,
    },
};

use super::{
    bindings::worldflux::runtime::{log, process, secrets, transfer, types},
    files::RecordedFiles,
    guest::Guest,
    http::code_of,
    log::LogContext,
    process::ProcessContext,
    secrets::SecretsContext,
    transfer::TransferContext,
    waits::CountedWaits,
};

struct Process;

impl HasData for Process {
    type Data<'a> = &'a mut ProcessContext;
}

struct Secrets;

impl HasData for Secrets {
    type Data<'a> = &'a mut SecretsContext;
}

struct Transfer;

impl HasData for Transfer {
    type Data<'a> = &'a mut TransferContext;
}

struct Log;

impl HasData for Log {
    type Data<'a> = &'a mut LogContext;
}

// The version that the library has.
const HTTP_TYPES: &str = "wasi:http/types@0.2.12";
const HTTP_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// What `handle` is given.
type Handed = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);

/// Put every interface into `linker`. A component that imports anything else is refused before an instance is made.
pub fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Log>(linker, |guest| &mut guest.log)?;
    process::add_to_linker::<_, Process>(linker, |guest| &mut guest.process)?;
    secrets::add_to_linker::<_, Secrets>(linker, |guest| &mut guest.secrets)?;
    transfer::add_to_linker::<_, Transfer>(linker, |guest| &mut guest.transfer)?;
    log::add_to_linker::<_, Log>(linker, |guest| &mut guest.log)?;
    filesystem::types::add_to_linker::<_, RecordedFiles>(linker, Guest::files)?;
    filesystem::preopens::add_to_linker::<_, RecordedFiles>(linker, Guest::files)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    // The very interface again, counted.
    linker.allow_shadowing(true);
    io::poll::add_to_linker::<_, CountedWaits>(linker, Guest::waits)?;
    linker.instance(HTTP_TYPES)?.func_wrap("http-error-code", |store: StoreContextMut<'_, Guest>, (error,): (Resource<IoError>,)| {
        let mut store = store;
        let error = store.data_mut().http().table.get(&error)?;
        Ok((error.downcast_ref::<wasmtime_wasi_http::Error>().and_then(code_of),))
    })?;
    linker.instance(HTTP_HANDLER)?.func_wrap("handle", |store: StoreContextMut<'_, Guest>, (request, options): Handed| {
        let mut store = store;
        let mut http = store.data_mut().http();
        // The library leaves the options of every request in the table, until it is full and the guest traps.
        let left: Option<Resource<RequestOptions>> = options.as_ref().map(|options| Resource::new_own(options.rep()));
        let handled = http.handle(request, options);
        if let Some(left) = left {
            http.table.delete(left)?;
        }
        Ok((match handled {
            Ok(future) => Ok(future),
            Err(error) => Err(error.downcast()?),
        },))
    })?;
    linker.allow_shadowing(false);
    cli::exit::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    link_refused_sockets(linker)
}

/// `wasi:sockets`, for the libraries that import it. The context allows no TCP, no UDP and no name lookup, so nothing leaves.
fn link_refused_sockets(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, Guest::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, Guest::sockets)
}
