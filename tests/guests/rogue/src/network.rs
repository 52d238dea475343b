//! Tries to reach the outside.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use crate::wit::wasi::http::{
    outgoing_handler,
    types::{Fields, OutgoingRequest, Scheme},
};

fn report<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("ok: {what}"),
        Err(error) => format!("denied: {what}: {error}"),
    }
}

pub fn connect(address: &str) -> String {
    report(&format!("connect to {address}"), TcpStream::connect(address))
}

pub fn resolve(name: &str) -> String {
    report(&format!("look up {name}"), (name, 80).to_socket_addrs())
}

pub fn udp() -> String {
    report("bind a datagram socket", UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"rogue", "127.0.0.1:9")))
}

pub fn listen() -> String {
    report("listen", TcpListener::bind("127.0.0.1:0"))
}

/// One request to `authority`, such as `127.0.0.1:8080`.
pub fn http(authority: &str) -> String {
    let request = OutgoingRequest::new(Fields::new());
    let ready = request.set_scheme(Some(&Scheme::Http)).is_ok()
        && request.set_authority(Some(authority)).is_ok()
        && request.set_path_with_query(Some("/")).is_ok();
    if !ready {
        return format!("denied: {authority} is no authority");
    }
    let response = match outgoing_handler::handle(request, None) {
        Err(code) => return format!("denied: request to {authority}: {code:?}"),
        Ok(response) => response,
    };
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(answer))) => format!("ok: status {}", answer.status()),
        Some(Ok(Err(code))) => format!("denied: request to {authority}: {code:?}"),
        _ => "failed: no answer".into(),
    }
}
