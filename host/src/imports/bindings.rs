//! The protocol as Rust types, generated from `wit/` when the host is compiled.
#![allow(
    missing_docs,
    clippy::pedantic,
    unreachable_pub,
    unused_qualifications,
    reason = "generated from the WIT, which has the documentation"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "worldflux:runtime/runtime-plugin",
    imports: {
        "worldflux:runtime/process.output": async,
        "worldflux:runtime/process.output-all": async,
        "worldflux:runtime/process.launch": async,
        "worldflux:runtime/process.launch-command": async,
        "worldflux:runtime/secrets.available": async,
        "worldflux:runtime/transfer.download": async,
    },
    exports: { default: async },
    with: {
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi": wasmtime_wasi::p2::bindings,
    },
    require_store_data_send: true,
    additional_derives: [Clone],
});
